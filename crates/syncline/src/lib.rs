//! Synchronization infrastructure: a journal, a tiered store and what is built on them, under one directory.
//!
//! Once a call returned `Ok` at the durability that was asked for, that write survives `kill -9` and loss of power, reaches
//! every place it was routed to, in order per key, or waits where a person can see it.
//!
//! - [`Syncline`]: one directory, one journal, and everything on it. The front door.
//! - [`engine`]: the tiered store, and [`SyncEngine`](engine::SyncEngine), which finds its tiers by URL.
//! - [`queue`]: [`SyncQueue`](queue::SyncQueue), work that is handed out by priority and lost by nobody.
//! - [`retry`]: [`RetryStrategy`], [`CircuitBreaker`] and [`RetryBudget`] for what may fail for a while.
//! - [`journal`]: the crash-safe log under everything, and transactions over several of its streams.
//! - [`port`]: what authors of adapters implement; less stable than the rest. [`memory`] holds plain implementations.
//!
//! | feature | what it adds |
//! |---|---|
//! | `sqlite` (default) | the archive on SQLite, bundled; [`Syncline`] needs it |
//! | `postgres` | `queue::PostgresQueueStorage`: queues on a PostgreSQL server, for workers on several machines |
//! | `tracing` | a span for each retried operation, a child for each attempt |
//! | `prometheus` | `retry::metrics_export` |
//! | `tower` | layers for tower services in `resilience::tower` |
//! | `full` | all of them |
//!
//! # Examples
//!
//! ```
//! use serde_json::json;
//! use syncline::{Syncline, engine::{Durability, SyncItem}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> syncline::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let dir = dir.path();
//! let syncline = Syncline::open(dir).await?;
//! let receipt = syncline.engine().submit(SyncItem::new("users.1".into(), json!({"name": "Ada"}))).await?;
//! receipt.wait(Durability::Archived).await?;
//! syncline.shutdown().await;
//! # Ok(())
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

#[cfg(feature = "sqlite")]
mod backup;
mod blocking;
#[cfg(feature = "sqlite")]
mod builder;
#[cfg(feature = "sqlite")]
mod directory;
#[cfg(feature = "sqlite")]
mod inspect;
#[cfg(feature = "sqlite")]
mod layout;
#[cfg(feature = "sqlite")]
mod left;
#[cfg(feature = "sqlite")]
mod queues;
#[cfg(feature = "sqlite")]
mod restore;
#[cfg(feature = "sqlite")]
mod stats;
mod sync_engine;
#[cfg(feature = "sqlite")]
mod verified;

/// The tiered store: what is submitted is journaled, readable at once, and archived in order per key.
pub mod engine {
    pub use syncline_engine::*;

    pub use crate::sync_engine::{SyncEngine, SyncEngineConfig};
}

/// The journal: one crash-safe log under everything.
pub mod journal {
    pub use syncline_journal::*;
}

/// Adapters to databases.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod sql {
    pub use syncline_sql::*;
}

/// The durable priority queue: levels, leases, retries and dead letters.
///
/// With the feature `postgres` its items can stand on a PostgreSQL server, and be pushed in a transaction of your own:
///
#[cfg_attr(feature = "postgres", doc = "```no_run")]
#[cfg_attr(not(feature = "postgres"), doc = "```text")]
/// use std::sync::Arc;
///
/// use serde_json::json;
/// use syncline::queue::{
///     PostgresQueueConfig, PostgresQueueStorage, Priority, QueueConfig, SyncItem, SyncQueue,
/// };
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "postgres://worker:secret@db.example/jobs".to_owned();
/// let storage = PostgresQueueStorage::open(PostgresQueueConfig { url, ..Default::default() }).await?;
/// let queue = SyncQueue::on(Arc::new(storage), QueueConfig::default())?;
/// queue.push(SyncItem::new(json!({"mail": "to Ada"}), Priority::High)).await?;
/// let item = queue.pop_wait().await?;
/// queue.mark_completed(&item.id).await?;
/// # Ok(())
/// # }
/// ```
///
/// Pushed in a transaction, work is there exactly where the rows are that it is about:
///
#[cfg_attr(feature = "postgres", doc = "```no_run")]
#[cfg_attr(not(feature = "postgres"), doc = "```text")]
/// use serde_json::json;
/// use syncline::{
///     queue::{PostgresQueueStorage, Priority, SyncItem, SyncQueue},
///     sql::postgres::caller::sqlx,
/// };
///
/// # async fn order(pool: &sqlx::PgPool, storage: &PostgresQueueStorage, queue: &SyncQueue)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// sqlx::query("insert into orders (id) values ($1)").bind(7).execute(&mut *tx).await?;
/// let push = queue.prepare(&[SyncItem::new(json!({"bill": 7}), Priority::High)])?;
/// storage.push_in(&mut tx, &push.items, push.admission, push.now).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
pub mod queue {
    pub use syncline_queue::*;
    #[cfg(feature = "postgres")]
    pub use syncline_sql::{PostgresQueueConfig, PostgresQueueStorage};
}

/// Retry, circuit breaker and retry budget, by the path of those who retry.
pub mod retry {
    pub use syncline_resilience::retry::*;
}

/// The generic core of [`retry`]: each part by its own module, with nothing of queues or engines in it.
pub mod resilience {
    pub use syncline_resilience::*;
}

pub use syncline_core::{
    ContentHash, ContentType, Error, ErrorKind, Instant, Key, KeyId, NodeId, Result, SecretKey, Version, WallTime,
    limits, memory, port, rt,
};
pub use syncline_journal::KeyRing;
pub use syncline_resilience::{
    BUDGET_REFILL_INTERVAL, CircuitBreaker, DEFAULT_BASE_DELAY, DEFAULT_CIRCUIT_TIMEOUT, DEFAULT_FAILURE_THRESHOLD,
    DEFAULT_HALF_OPEN_REQUESTS, DEFAULT_JITTER_FACTOR, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_DELAY,
    DEFAULT_SUCCESS_THRESHOLD, MockClock, RetryBudget, RetryCondition, RetryError, RetryPolicies, RetryPolicyBuilder,
    RetryStrategy,
};

#[cfg(feature = "sqlite")]
pub use {
    backup::Backup,
    builder::Builder,
    directory::Syncline,
    inspect::{Inspection, Lost, Torn},
    left::Left,
    queues::QueueLeft,
    restore::restore,
    stats::Stats,
    verified::Verified,
};

/// Target of every event that this crate emits through `tracing`.
pub const TRACING_TARGET: &str = "syncline";

/// The example of the README runs as a test.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
