//! Items as a list tells them.

use std::time::Duration;

use syncline_core::{
    Priority, WallTime,
    port::{DeadReason, List, ListCursor, ListPage, Listed, Standing},
};

use super::ItemStatus;
use crate::{QueueError, QueueResult};

/// Which items a [list](crate::SyncQueue::list) is about: those of a status, and of them those that fit all that is set.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_queue::{DeadReason, ItemFilter, ItemStatus};
///
/// let timeouts = ItemFilter {
///     reason: Some(DeadReason::Exhausted),
///     error: Some("timed out".to_owned()),
///     min_age: Some(Duration::from_secs(3_600)),
///     ..ItemFilter::of(ItemStatus::Failed)
/// };
/// # assert_eq!(timeouts.priority, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFilter {
    /// Where they stand. Items that were completed or cancelled are in no list.
    pub status: ItemStatus,
    /// Their level.
    pub priority: Option<Priority>,
    /// Their partition, where the queue [has partitions](crate::QueueConfig::enable_partitioning).
    pub partition_key: Option<String>,
    /// Why they are dead.
    pub reason: Option<DeadReason>,
    /// A part of one of their errors, letter by letter.
    pub error: Option<String>,
    /// How long ago they could have been handed out at least or, of dead letters, died.
    pub min_age: Option<Duration>,
}

/// An item as a list tells it: all but its content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemInfo {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub status: ItemStatus,
    /// Its level.
    pub priority: Priority,
    /// Attempts that were begun and count.
    pub attempts: u32,
    /// Attempts after which it is a dead letter.
    pub max_attempts: u32,
    /// From when on it may be handed out.
    pub eligible_at: WallTime,
    /// Its partition, where the queue has partitions.
    pub partition_key: Option<String>,
    /// The number of the lease under which somebody has it.
    pub lease_token: Option<u64>,
    /// What its last attempts failed with, oldest first; bounded.
    pub errors: Vec<String>,
    /// Why it is dead.
    pub reason: Option<DeadReason>,
    /// Since when it is dead.
    pub died_at: Option<WallTime>,
}

/// Items of a list, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemPage {
    /// The items; few or none where the filter fits few.
    pub items: Vec<ItemInfo>,
    /// The place after which the list goes on; `None` at its end.
    pub next: Option<ListCursor>,
}

impl ItemFilter {
    /// All items of this status.
    pub const fn of(status: ItemStatus) -> Self {
        Self {
            status,
            priority: None,
            partition_key: None,
            reason: None,
            error: None,
            min_age: None,
        }
    }

    /// What a storage is asked for.
    pub(crate) fn to_list(&self) -> QueueResult<List> {
        let standing = match self.status {
            ItemStatus::Pending => Standing::Ready,
            ItemStatus::Scheduled => Standing::Scheduled,
            ItemStatus::Processing => Standing::Leased,
            ItemStatus::Failed => Standing::Dead,
            ItemStatus::Completed | ItemStatus::Cancelled => {
                return Err(QueueError::InvalidState(format!("no list is kept of items that are {}", self.status)));
            }
        };
        Ok(List {
            standing,
            priority: self.priority,
            partition: self.partition_key.clone(),
            reason: self.reason,
            error: self.error.clone(),
            min_age: self.min_age,
        })
    }
}

impl From<Listed> for ItemInfo {
    fn from(listed: Listed) -> Self {
        Self {
            id: listed.id,
            status: listed.standing.into(),
            priority: listed.priority,
            attempts: listed.attempt.into(),
            max_attempts: listed.max_attempts.into(),
            eligible_at: listed.eligible_at,
            partition_key: listed.partition,
            lease_token: Some(listed.token).filter(|_| listed.standing == Standing::Leased),
            errors: listed.errors,
            reason: listed.dead.map(|(reason, _)| reason),
            died_at: listed.dead.map(|(_, at)| at),
        }
    }
}

impl From<ListPage> for ItemPage {
    fn from(page: ListPage) -> Self {
        Self { items: page.items.into_iter().map(ItemInfo::from).collect(), next: page.next }
    }
}
