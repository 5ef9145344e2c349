//! SQL adapters of Syncline: ground truth in a database.
//!
//! | feature | gives |
//! |---|---|
//! | `sqlite` (default) | [`SqliteArchive`], on an SQLite that is compiled in |
//!
//! No type of a database library stands in a public signature here.
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

pub mod queue;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteArchive, SqliteConfig};
