//! Real PostgreSQL servers of a test's own: nothing is shared with a server that the machine may run.
//!
//! A server stands in a temporary directory, listens on a socket in it alone, and is gone with its owner: also where the test
//! process is killed, for a reaper outlives it. PostgreSQL refuses to run as root; a test that is root runs it as `postgres` or
//! `nobody`.

mod account;
mod programs;
mod reaper;
mod server;
mod signals;

pub use server::PostgresServer;
