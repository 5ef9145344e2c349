//! Pushes that somebody else carries out, in a transaction of a database.

use syncline_core::port::{Admission, Moment, NewItem};

use super::{Inner, SyncQueue, gate::Errand};
use crate::{QueueResult, SyncItem};

/// A push as a storage is asked for it: see [`SyncQueue::prepare`]. Plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedPush {
    /// The items, in order.
    pub items: Vec<NewItem>,
    /// What they may find.
    pub admission: Admission,
    /// When that is.
    pub now: Moment,
}

impl SyncQueue {
    /// What pushing these items asks of the storage, for those who push in a transaction of their own: as with
    /// `push_in` of a queue on PostgreSQL. The items are checked and written down as [`push`](Self::push) would: their ids, their
    /// size, their partition where the queue [has any](crate::QueueConfig::enable_partitioning), the trace that they go on with;
    /// the admission says the [capacity](crate::QueueConfig::max_capacity) and whether ids are
    /// [unique](crate::QueueConfig::enable_deduplication). Encryption and compression are the storage's own affair.
    ///
    /// It pushes nothing. What is pushed with it is counted in no metric here and told by no event: this queue cannot know
    /// whether the transaction happened. Those who wait hear of it as of the pushes of other processes.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push) for an item that cannot be kept; [`Locked`](crate::QueueError::Locked) and
    /// [`ShuttingDown`](crate::QueueError::ShuttingDown).
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use syncline_queue::{Priority, QueueConfig, SyncItem, SyncQueue};
    ///
    /// # fn main() -> syncline_queue::QueueResult<()> {
    /// let queue = SyncQueue::with_config(QueueConfig { max_capacity: 1_000, ..Default::default() })?;
    /// let mail = SyncItem::with_id("mail 7", json!({"to": "ada@example.org"}), Priority::High);
    ///
    /// let push = queue.prepare(&[mail])?;
    /// assert_eq!((push.items[0].id.as_str(), push.admission.capacity), ("mail 7", 1_000));
    /// // storage.push_in(&mut tx, &push.items, push.admission, push.now).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn prepare(&self, items: &[SyncItem]) -> QueueResult<PreparedPush> {
        let inner = &*self.inner;
        let _pass = inner.gate.enter(Errand::Work)?;
        inner.check_unlocked()?;
        Ok(PreparedPush { items: inner.encode(items)?, admission: inner.admission(), now: inner.now() })
    }
}

impl Inner {
    /// What a push may find.
    pub(super) fn admission(&self) -> Admission {
        Admission {
            capacity: self.config.max_capacity as u64,
            unique_ids: self.config.enable_deduplication,
        }
    }
}
