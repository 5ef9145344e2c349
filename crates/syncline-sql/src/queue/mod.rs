//! Queues on SQLite: one file, several queues, several processes of one machine.
//!
//! - [`SqliteQueueStorage`] is the port; [`SqliteQueueConfig`] its settings, plain data;
//! - a call that changes something is one transaction that holds the write lock from its beginning: `writer` begins and
//!   commits it, `step` is what it knows and counts meanwhile;
//! - `push`, `claim`, `settle`, `moves` and `upkeep` are the calls; `lanes` and `keys` what they share;
//! - `reader` answers questions from a snapshot, `list` page by page; `view` turns a row into an item and proves its content;
//! - `history` is what is remembered of items that ended; `clock` the queue's time, `schema` its tables.
//!
//! What opens, writes and guards an SQLite file is the archive's.
#![cfg(feature = "sqlite")]

mod claim;
mod clock;
mod config;
mod history;
mod keys;
mod lanes;
mod list;
mod moves;
#[cfg(test)]
mod plans;
mod push;
mod reader;
mod schema;
mod settle;
mod step;
mod storage;
mod upkeep;
mod view;
mod writer;

pub use config::SqliteQueueConfig;
pub use storage::SqliteQueueStorage;

use crate::sqlite::{SqliteConfig, checkpoint, connect, error, lane, look};
