//! A durable priority queue that loses nothing and never gets stuck.
//!
//! | module | holds |
//! |---|---|
//! | `queue`, [`blocking`] | [`SyncQueue`]: what users hold, as tasks or as threads |
//! | `item`, `config`, `metrics`, `health`, [`prelude`] | what is pushed, how it is set up, what it says of itself |
//! | `metrics_export` (feature `prometheus`) | numbers of queues for a registry |
//! | `schedule` | what is pushed again and again: [`Schedule`], [`Recurring`] |
//! | `state` | the scheduler, pure: what stands where, and who is next |
//! | `leb` | how numbers and texts are written one behind the other |
//! | `original` | taking over the file of the original queue |
//! | `storage` | the port's implementations of this room: [`JournalQueueStorage`], [`MemoryQueueStorage`] |
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

pub mod blocking;
mod config;
mod error;
mod health;
mod item;
mod leb;
mod metrics;
#[cfg(feature = "prometheus")]
pub mod metrics_export;
mod original;
#[cfg(feature = "planted")]
pub mod planted;
pub mod prelude;
mod queue;
mod schedule;
mod state;
mod storage;
mod sync;

pub use config::{CompressionService, Durability, EncryptionService, JobBreaker, JobFailures, QueueConfig, Rate};
pub use error::{QueueError, QueueResult};
pub use health::{HealthReport, Reason};
pub use item::{
    DEFAULT_MAX_RETRIES, DeadLetter, Dedup, ItemFilter, ItemInfo, ItemPage, ItemStatus, SyncItem, priority_of,
};
pub use metrics::{Dead, Distributions, Histogram, QueueMetrics, Ratio, Rejected, Throughput};
pub use queue::{
    ItemStream, JobContext, JobError, PreparedPush, PushReceipt, QueueEvent, QueueEvents, SyncQueue, Worker,
    WorkerBuilder,
};
pub use schedule::{MissedRuns, Recurring, Schedule};
pub use storage::{JournalQueueStorage, MemoryQueueStorage};
pub use syncline_core::{
    Priority, WallTime,
    port::{DeadReason, EndedCursor, EndedItem, EndedPage, Ending, ListCursor, QueueStorage},
};

/// Target of every event that this crate emits through `tracing`.
pub const TRACING_TARGET: &str = "syncline::queue";
