//! From a snapshot to what a queue takes in.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use syncline_core::{Error, ErrorKind, Priority, WallTime};

use super::unpack::damaged;
use crate::{ItemStatus, QueueConfig, QueueError, QueueResult, SyncItem, storage::TakenIn};

/// The version of the format that there is.
const VERSION: u64 = 1;
/// What a dead item is said to have failed with where the original did not say.
const NO_REASON: &str = "it had failed before the queue was taken over";

/// What is in a file.
pub(super) struct Contents {
    /// In their order.
    pub(super) items: Vec<TakenIn>,
    pub(super) counts: Counts,
}

/// What became of the items of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) waiting: u64,
    /// They were in hand, and wait again.
    pub(super) returned: u64,
    pub(super) dead: u64,
    /// They were done, and were left out.
    pub(super) completed: u64,
    /// They were withdrawn, and were left out.
    pub(super) cancelled: u64,
}

#[derive(Deserialize)]
struct Snapshot {
    items: Vec<Original>,
}

#[derive(Deserialize)]
struct Metadata {
    version: u64,
}

/// Whether it is of a version that is known, before its items are read.
#[derive(Deserialize)]
struct Header {
    metadata: Metadata,
}

/// An item as the original wrote it. How long it was in hand, and since when, is not needed.
#[derive(Deserialize)]
struct Original {
    id: String,
    priority: Level,
    #[serde(alias = "payload")]
    data: Value,
    #[serde(default)]
    retry_count: u32,
    max_retries: u32,
    /// In seconds.
    created_at: u64,
    /// In milliseconds.
    #[serde(default)]
    next_retry_at: Option<u64>,
    status: ItemStatus,
    #[serde(default)]
    error_message: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    correlation_id: Option<String>,
    #[serde(default)]
    partition_key: Option<String>,
}

#[derive(Deserialize)]
enum Level {
    Critical,
    High,
    Normal,
    Low,
    Background,
}

/// What is in a snapshot, in order: by the second in which it was made, then as it stands there. The original kept no order
/// of its own.
///
/// # Errors
///
/// [`Corrupted`](QueueError::Corrupted) for what is no snapshot; [`PersistenceError`](QueueError::PersistenceError) for a
/// version that is not known, or an item that no queue takes.
pub(super) fn read(snapshot: &[u8], config: &QueueConfig) -> QueueResult<Contents> {
    let unreadable = |error: serde_json::Error| damaged("it is no snapshot of a queue").with(error);
    let Header { metadata } = serde_json::from_slice(snapshot).map_err(unreadable)?;
    if metadata.version != VERSION {
        let message = format!("it has the format {}, this program reads {VERSION}", metadata.version);
        return Err(QueueError::PersistenceError(Error::new(ErrorKind::Invalid, message)));
    }
    let Snapshot { mut items } = serde_json::from_slice(snapshot).map_err(unreadable)?;
    items.sort_by_key(|item| item.created_at);
    let mut contents = Contents { items: Vec::with_capacity(items.len()), counts: Counts::default() };
    for item in items {
        if contents.counts.add(item.status) {
            contents.items.push(taken_in(item, config)?);
        }
    }
    Ok(contents)
}

impl Counts {
    /// Counts an item; whether it is taken in.
    fn add(&mut self, status: ItemStatus) -> bool {
        let count = match status {
            ItemStatus::Pending | ItemStatus::Scheduled => &mut self.waiting,
            ItemStatus::Processing => &mut self.returned,
            ItemStatus::Failed => &mut self.dead,
            ItemStatus::Completed => &mut self.completed,
            ItemStatus::Cancelled => &mut self.cancelled,
        };
        *count += 1;
        !matches!(status, ItemStatus::Completed | ItemStatus::Cancelled)
    }
}

fn taken_in(original: Original, config: &QueueConfig) -> QueueResult<TakenIn> {
    let is_dead = original.status == ItemStatus::Failed;
    let item = SyncItem {
        max_retries: original.max_retries,
        metadata: original.metadata,
        correlation_id: original.correlation_id,
        partition_key: original.partition_key,
        created_at: WallTime::from_millis(original.created_at.saturating_mul(1_000)),
        ..SyncItem::with_id(original.id, original.data, original.priority.into())
    };
    let mut new = item.to_new(config.enable_partitioning).map_err(|error| {
        let message = format!("the item {:?} cannot be taken in: {error}", item.id);
        QueueError::PersistenceError(Error::new(ErrorKind::Invalid, message))
    })?;
    new.due = original.next_retry_at.map(WallTime::from_millis).filter(|_| !is_dead);
    let error = original.error_message.or_else(|| is_dead.then(|| NO_REASON.to_owned()));
    let attempts = u16::try_from(original.retry_count).unwrap_or(u16::MAX);
    Ok(TakenIn { new, attempts, error, is_dead })
}

impl From<Level> for Priority {
    fn from(level: Level) -> Self {
        match level {
            Level::Critical => Self::Critical,
            Level::High => Self::High,
            Level::Normal => Self::Normal,
            Level::Low => Self::Low,
            Level::Background => Self::Background,
        }
    }
}
