//! The tiered store: what is submitted is journaled, readable at once, and archived in order per key.
//!
//! A write goes one way: validate, permit, journal, pending and L1, archive, frontier. [`Engine::submit`] describes it step by
//! step; a read goes the other way, L1, pending, archive, and never takes a failed tier for an empty one.
//!
//! | part | what it does |
//! |---|---|
//! | [`Engine`], [`EngineConfig`], [`Parts`] | what users hold, its settings, and what it stands on |
//! | [`SyncItem`], [`Receipt`], [`Report`] | what goes in, what says how far it came, what is left at the end |
//! | `submit`, `enter`, `admit`, `ingest`, `handover`, `codec` | the write path up to the journal |
//! | `owner`, `store`, `pending`, `l1`, `ledger` | what the journal's threads change, live and in replay by the same calls |
//! | `archive` | the task that carries pending records to the archive |
//! | `frontier` | how far that has come, and who waits for it |
//! | `read`, `scan`, `changed` | the ways back |
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use serde_json::json;
//! use syncline_core::memory::{MemoryArchive, MemoryDisk};
//! use syncline_engine::{Durability, Engine, EngineConfig, Parts, SyncItem};
//! use syncline_journal::{Config, Journal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> syncline_core::Result<()> {
//! let journal = Journal::open(Arc::new(MemoryDisk::new()), Config::default())?.journal;
//! let engine = Engine::new(EngineConfig::default());
//! let archive = Some(Arc::new(MemoryArchive::new()) as _);
//! engine.start(Parts { journal: Some(journal.clone()), archive, ..Parts::default() }).await?;
//!
//! let receipt = engine.submit(SyncItem::new("users.1".into(), json!({"name": "Ada"}))).await?;
//! receipt.wait(Durability::Archived).await?;
//! assert_eq!(engine.get("users.1").await?.unwrap().content["name"], "Ada");
//!
//! let report = engine.shutdown().await;
//! assert_eq!((report.archived, report.pending_left), (1, 0));
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
        clippy::indexing_slicing
    )
)]

mod abandoned;
mod admit;
mod archive;
mod changed;
mod codec;
mod config;
mod deadline;
mod engine;
mod enter;
mod frontier;
mod handover;
mod health;
mod ingest;
mod item;
mod l1;
mod ledger;
mod lifecycle;
mod owner;
mod pending;
mod quarantine;
mod read;
mod receipt;
mod scan;
mod shutdown;
mod spine;
mod staged;
mod start;
mod stats;
mod store;
mod submit;

pub use changed::Submitted;
pub use config::EngineConfig;
pub use engine::Engine;
pub use item::{ItemView, SyncItem};
pub use ledger::Superseded;
pub use lifecycle::EngineState;
pub use quarantine::Quarantined;
pub use receipt::{Durability, Receipt, Settled};
pub use shutdown::Report;
pub use staged::Staged;
pub use start::Parts;
pub use stats::EngineStats;

/// Target of every event that this crate emits through `tracing`.
pub const TRACING_TARGET: &str = "syncline::engine";
