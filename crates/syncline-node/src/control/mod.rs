//! The control socket: how a second process works with a directory that a first one holds.

mod client;
mod message;
mod server;
mod socket;
mod watch;
mod wire;

pub(crate) use client::{Client, Refusal};
pub(crate) use message::{PutHeader, Reply, Request};
pub(crate) use server::Server;
pub(crate) use watch::Watch;
