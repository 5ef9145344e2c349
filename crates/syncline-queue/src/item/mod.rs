//! What is pushed and popped.

mod bodies;
mod codec;
mod id;
mod json;
mod listed;
mod status;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_core::{
    Priority, Result as CoreResult, WallTime,
    port::{Claimed, Clock as _, DeadReason, DedupKey, NewItem, Stored},
    rt::SystemClock,
};

pub(crate) use self::bodies::Bodies;
pub use self::{
    listed::{ItemFilter, ItemInfo, ItemPage},
    status::ItemStatus,
};
use crate::{
    QueueError, QueueResult,
    schedule::Tick,
    storage::{Content, New},
};

/// Attempts of an item unless it says otherwise.
pub const DEFAULT_MAX_RETRIES: u32 = 5;

/// A piece of work: what it carries, and how it wants to be treated. Plain data.
///
/// What a queue knows better than its pusher (`retry_count`, `status`, `next_retry_at`, `lease_token`, `error_message`) is
/// filled in when the item is popped or looked at, and ignored when it is pushed.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use syncline_queue::{Priority, SyncItem};
///
/// let item = SyncItem::new(json!({"task": "process_payment"}), Priority::High)
///     .with_max_retries(5)
///     .with_correlation_id("request-123")
///     .with_metadata("user_id", "user-456");
/// assert_eq!(item.metadata["user_id"], "user-456");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SyncItem {
    /// Its name: 1 to 1,024 bytes. Drawn at random unless given.
    pub id: String,
    /// What it carries.
    pub payload: Value,
    /// Its level.
    pub priority: Priority,
    /// Attempts in all, after which it has failed for good. 0 counts as 1. Default [`DEFAULT_MAX_RETRIES`].
    pub max_retries: u32,
    /// Attempts before this one.
    pub retry_count: u32,
    /// Where it stands.
    pub status: ItemStatus,
    /// What it belongs to, for whoever follows a request.
    pub correlation_id: Option<String>,
    /// Notes of its pusher.
    pub metadata: BTreeMap<String, String>,
    /// What it keeps its order with, where the queue has partitions.
    pub partition_key: Option<String>,
    /// When it was made.
    pub created_at: WallTime,
    /// When it may be handed out first; at once by default.
    pub scheduled_at: Option<WallTime>,
    /// When it is of no use any more; it becomes a dead letter then, unless it is in hand. Never by default.
    pub expires_at: Option<WallTime>,
    /// The key under which nothing else is accepted while this item lives, and for a window from its push on.
    pub dedup: Option<Dedup>,
    /// When it may be tried again, where an attempt has failed.
    pub next_retry_at: Option<WallTime>,
    /// What its last attempt failed with.
    pub error_message: Option<String>,
    /// The number of the lease under which it was popped.
    pub lease_token: Option<u64>,
}

/// A key that is taken for a while.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dedup {
    /// The key.
    pub key: String,
    /// How long it is taken at least, from the push on; zero is as long as the item lives.
    pub window: Duration,
}

/// An item that will not be tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The item.
    pub item: SyncItem,
    /// Why.
    pub reason: DeadReason,
    /// What its last attempts failed with, oldest first; bounded.
    pub errors: Vec<String>,
}

impl SyncItem {
    /// An item of `payload`, with an id drawn at random.
    pub fn new(payload: Value, priority: Priority) -> Self {
        Self::with_id(id::random(), payload, priority)
    }

    /// An item of this id.
    pub fn with_id(id: impl Into<String>, payload: Value, priority: Priority) -> Self {
        Self::made_at(SystemClock.wall(), id.into(), payload, priority)
    }

    fn made_at(created_at: WallTime, id: String, payload: Value, priority: Priority) -> Self {
        Self {
            id,
            payload,
            priority,
            max_retries: DEFAULT_MAX_RETRIES,
            retry_count: 0,
            status: ItemStatus::Pending,
            correlation_id: None,
            metadata: BTreeMap::new(),
            partition_key: None,
            created_at,
            scheduled_at: None,
            expires_at: None,
            dedup: None,
            next_retry_at: None,
            error_message: None,
            lease_token: None,
        }
    }

    /// The same item with this many attempts in all.
    #[must_use]
    pub fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// The same item, belonging to this.
    #[must_use]
    pub fn with_correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }

    /// The same item with one more note; a note of that name is replaced.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The same item, keeping its order with others of this key.
    #[must_use]
    pub fn with_partition_key(mut self, key: impl Into<String>) -> Self {
        self.partition_key = Some(key.into());
        self
    }

    /// The same item, not handed out before `at`.
    #[must_use]
    pub fn with_scheduled_at(mut self, at: WallTime) -> Self {
        self.scheduled_at = Some(at);
        self
    }

    /// The same item, of no use from `at` on.
    #[must_use]
    pub fn with_expires_at(mut self, at: WallTime) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// The same item, taking `key` while it lives and for `window` from its push on.
    #[must_use]
    pub fn with_dedup_key(mut self, key: impl Into<String>, window: Duration) -> Self {
        self.dedup = Some(Dedup { key: key.into(), window });
        self
    }

    /// Attempts in all: `max_retries`, but one at least.
    pub fn max_attempts(&self) -> u32 {
        self.max_retries.max(1)
    }

    /// What a storage keeps of it, with `body` as its bytes, without a copy of anything.
    pub(crate) fn as_new<'a>(&'a self, has_partitions: bool, body: Content<'a>) -> New<'a> {
        New {
            id: &self.id,
            priority: self.priority,
            due: self.scheduled_at,
            max_attempts: u16::try_from(self.max_attempts()).unwrap_or(u16::MAX),
            partition: self.partition_key.as_deref().filter(|_| has_partitions),
            dedup: self.dedup.as_ref().map(|Dedup { key, window }| (&**key, *window)),
            expires_at: self.expires_at,
            body,
        }
    }

    /// What a storage keeps of it.
    pub(crate) fn to_new(&self, has_partitions: bool) -> QueueResult<NewItem> {
        id::check(&self.id)?;
        Ok(NewItem {
            id: self.id.clone(),
            priority: self.priority,
            due: self.scheduled_at,
            max_attempts: u16::try_from(self.max_attempts()).unwrap_or(u16::MAX),
            partition: self.partition_key.clone().filter(|_| has_partitions),
            dedup: self
                .dedup
                .as_ref()
                .map(|Dedup { key, window }| DedupKey { key: key.clone(), window: *window }),
            expires_at: self.expires_at,
            body: codec::encode(self)?,
        })
    }

    /// The item that was handed out.
    ///
    /// # Errors
    ///
    /// What was handed out, and why it cannot be read.
    pub(crate) fn from_claimed(mut claimed: Claimed) -> Result<Self, Box<(Claimed, QueueError)>> {
        let mut item = match Self::content(&claimed) {
            Ok(item) => item,
            Err(error) => return Err(Box::new((claimed, error))),
        };
        item.id = claimed.id;
        item.priority = claimed.priority;
        item.status = ItemStatus::Processing;
        item.retry_count = u32::from(claimed.attempt).saturating_sub(1);
        item.lease_token = Some(claimed.token);
        item.error_message = claimed.errors.pop();
        Ok(item)
    }

    /// The item as it stands.
    pub(crate) fn from_stored(stored: &Stored) -> QueueResult<Self> {
        let Stored { standing, item: claimed, .. } = stored;
        let is_leased = *standing == syncline_core::port::Standing::Leased;
        let was_tried = !is_leased && claimed.attempt > 0 && !claimed.errors.is_empty();
        let is_waiting = *standing != syncline_core::port::Standing::Dead;
        Ok(Self {
            status: (*standing).into(),
            retry_count: u32::from(claimed.attempt).saturating_sub(u32::from(is_leased)),
            next_retry_at: Some(claimed.eligible_at).filter(|_| was_tried && is_waiting),
            lease_token: Some(claimed.token).filter(|_| is_leased),
            ..Self::read(claimed)?
        })
    }

    /// What is known of an item whose content cannot be read.
    pub(crate) fn unreadable(stored: &Stored) -> Self {
        let claimed = &stored.item;
        Self {
            status: stored.standing.into(),
            retry_count: claimed.attempt.into(),
            max_retries: claimed.max_attempts.into(),
            partition_key: claimed.partition.clone(),
            error_message: claimed.errors.last().cloned(),
            ..Self::with_id(claimed.id.clone(), Value::Null, claimed.priority)
        }
    }

    /// Its bytes: what a storage does not know of it.
    pub(crate) fn to_body(&self) -> QueueResult<Bytes> {
        codec::encode(self)
    }

    /// The item of these bytes, without its id and its level.
    pub(crate) fn of_body(body: &[u8]) -> CoreResult<Self> {
        codec::decode(body)
    }

    fn read(claimed: &Claimed) -> QueueResult<Self> {
        Ok(Self {
            id: claimed.id.clone(),
            priority: claimed.priority,
            error_message: claimed.errors.last().cloned(),
            ..Self::content(claimed)?
        })
    }

    /// What its storage does not know of it.
    fn content(claimed: &Claimed) -> QueueResult<Self> {
        let kept = if Tick::is_one(&claimed.body) {
            Tick::read(&claimed.body).and_then(|tick| tick.shown())
        } else {
            codec::decode(&claimed.body)
        };
        kept.map_err(|error| QueueError::Corrupted(error.context(format!("the content of the item {:?}", claimed.id))))
    }
}

/// The level of a number, 0 for critical to 4 for background.
///
/// # Errors
///
/// [`QueueError::InvalidPriority`] above 4.
pub fn priority_of(number: u8) -> QueueResult<Priority> {
    Priority::from_number(number).ok_or(QueueError::InvalidPriority(number))
}
