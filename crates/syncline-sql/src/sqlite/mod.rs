//! The archive on SQLite: one file, one writing thread, a few reading ones.
//!
//! - [`SqliteArchive`] is the port; [`SqliteConfig`] its settings, plain data;
//! - a write: `writer` puts one batch into one transaction, row by row through `put`, and adds its lines to the `feed`;
//! - a read: `reader` answers from a snapshot; every row passes `codec`, which proves it against its checksum and hash;
//! - `lane` stands between async callers and the threads, and keeps every call bounded in time;
//! - opening: `look` at the file before SQLite touches it, `connect`, `migrate`, `keys`;
//! - `verify` and `backup` read everything, beside all that goes on.

mod archive;
mod backup;
pub(crate) mod checkpoint;
mod codec;
mod config;
pub(crate) mod connect;
pub(crate) mod error;
mod feed;
mod keys;
pub(crate) mod lane;
pub(crate) mod look;
mod migrate;
mod put;
mod reader;
mod seal;
mod state;
mod verify;
mod writer;

pub use archive::SqliteArchive;
pub use config::{FeedRetention, KeyRing, SqliteConfig};
pub use reader::Space;
pub use verify::{Verified, VerifyProgress};
