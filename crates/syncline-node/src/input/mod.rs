//! Newline-delimited JSON from a file or standard input: bounded lines, exact bytes, bad lines set aside.

mod lines;
mod numbered;
mod reader;
mod record;
mod rejects;
mod source;

pub(crate) use numbered::{Numbered, number};
pub(crate) use reader::{Event, Parsed, Plan, start};
pub(crate) use record::{BASE64_FIELD, EXPIRY_FIELD, Shape, TYPE_FIELD};
pub(crate) use rejects::Rejects;
pub(crate) use source::{Source, read_whole};
