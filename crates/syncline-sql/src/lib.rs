//! SQL adapters of Syncline: ground truth in a database.
//!
//! | feature | gives |
//! |---|---|
//! | `sqlite` (default) | [`SqliteArchive`] and [`queue::SqliteQueueStorage`], on an SQLite that is compiled in |
//! | `postgres` | `PostgresQueueStorage`, on a PostgreSQL server |
//!
//! No type of a database library stands in a public signature here, but for the caller's own transaction in
//! `postgres::caller`.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::indexing_slicing
    )
)]

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod kept;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod queue;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresQueueConfig, PostgresQueueStorage};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteArchive, SqliteConfig};
