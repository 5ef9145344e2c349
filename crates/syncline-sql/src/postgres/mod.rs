//! Queues on PostgreSQL: one server, several queues, workers on any number of machines.
//!
//! - [`PostgresQueueStorage`] is the port; [`PostgresQueueConfig`] its settings, plain data;
//! - [`caller`] pushes in a transaction of the caller's own: the one place where a type of `sqlx` stands in a signature;
//! - a call that changes something is one transaction: `storage` begins and commits it, `step` is what it knows and counts;
//! - `push`, `claim`, `settle`, `moves` and `upkeep` are the calls; `lanes`, `keys` and `tally` what they share;
//! - `history` is what is remembered of items that ended;
//! - `look` and `list` answer questions; `row` turns a row into an item and proves its content;
//! - `wake` tells others of changes and hears of theirs; `schema` is the tables; `error` what the server's errors mean.

pub mod caller;
mod claim;
mod config;
mod error;
mod history;
mod keys;
mod lanes;
mod list;
mod look;
mod moves;
#[cfg(test)]
mod plans;
mod push;
mod row;
mod schema;
mod settle;
mod step;
mod storage;
mod tally;
mod upkeep;
mod wake;

pub use config::{PostgresQueueConfig, QueueTime};
pub use storage::PostgresQueueStorage;
