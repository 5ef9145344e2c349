//! The journal: one crash-safe log under everything.
//!
//! What is appended to it survives `kill -9` and loss of power once the append said so. Writers share one sync: while one
//! runs, the next batch collects. Records belong to named streams, and one [`Transaction`] may hold records of several.
//! The format is documented to the byte in `docs/formats/journal-v1.md`.
//!
//! | part | what it does |
//! |---|---|
//! | [`Journal`], [`Stream`], [`Transaction`], [`Commit`] | what users hold |
//! | `threads`, `hub` | two threads that take turns writing and syncing, and the queue before them |
//! | `log` | the journal without threads: write, sync, rotate, remove; what the simulator drives |
//! | `recover`, `walk` | what a directory says after a crash: torn tail, damage, or whole |
//! | `handing`, `replay`, `windows` | records on their way to the owners of their streams, while the next are read |
//! | `index`, `reads` | single records, read again while the journal is open |
//! | `segment`, `frame`, `manifest`, `wire` | the format, pure |
//! | [`FileDisk`] | the directory on a real disk |
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use syncline_core::memory::MemoryDisk;
//! use syncline_journal::{Config, Durability, Entry, Journal, Owner};
//!
//! struct Printer;
//! impl Owner for Printer {
//!     fn apply(&self, entry: Entry) {
//!         println!("{} {:?}", entry.seq, entry.payload);
//!     }
//! }
//!
//! # fn main() -> syncline_core::Result<()> {
//! let journal = Journal::open(Arc::new(MemoryDisk::new()), Config::default())?.journal;
//! let orders = journal.stream("orders", Arc::new(Printer))?;
//! let committed = orders.append("one", Durability::Sync)?.wait()?;
//! assert_eq!(committed.first.get(), 1);
//! journal.close()
//! # }
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::indexing_slicing,
        clippy::host_endian_bytes
    )
)]

mod commit;
mod config;
mod crypt;
mod disk;
mod frame;
mod handing;
mod hub;
mod index;
mod journal;
mod log;
mod manifest;
mod names;
mod owners;
#[cfg(feature = "planted")]
pub mod planted;
mod reads;
mod recover;
mod repair;
mod replay;
mod report;
mod reservation;
mod segment;
mod seq;
pub mod sim;
mod space;
mod stats;
mod stream;
mod sync;
mod threads;
mod transaction;
mod verify;
mod walk;
mod windows;
mod wire;

pub use commit::{Commit, Committed};
pub use config::{Config, Durability, KeyRing, OnDamage};
pub use disk::FileDisk;
pub use journal::{Journal, Opened};
pub use report::{LostRange, RecoveryReport, Torn};
pub use reservation::Reservation;
pub use seq::Seq;
pub use space::Space;
pub use stats::Stats;
pub use stream::{Entry, Owner, Stream};
pub use transaction::Transaction;
pub use verify::Verified;

/// Target of every event that this crate emits through `tracing`.
pub const TRACING_TARGET: &str = "syncline::journal";
