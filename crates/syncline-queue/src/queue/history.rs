//! What ended lately.

use super::{Inner, Store, SyncQueue};
use crate::{EndedCursor, EndedPage, Ending, ItemStatus, QueueError, QueueResult};

/// Most items of one page.
const ITEMS_MAX: usize = 1_024;

impl SyncQueue {
    /// Items that were completed, cancelled or, as dead letters, thrown away: the last end first, at most `limit`, which is 1 to
    /// 1,024, from where the page before ended. They are told without their content, and forgotten as
    /// [`retention_period`](crate::QueueConfig::retention_period), [`retention_items`](crate::QueueConfig::retention_items) and
    /// [`retention_bytes`](crate::QueueConfig::retention_bytes) say. On a journal they are there after a restart, and whatever
    /// else is answered after a crash. The ticks of schedules are items, too.
    ///
    /// # Errors
    ///
    /// [`InvalidState`](QueueError::InvalidState) on a storage that was given, which keeps no history.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use syncline_queue::{Ending, Priority, QueueResult, SyncItem, SyncQueue};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = SyncQueue::new();
    /// queue.push(SyncItem::with_id("a", json!(1), Priority::Normal)).await?;
    /// queue.push(SyncItem::with_id("b", json!(2), Priority::Normal)).await?;
    /// queue.pop().await?;
    /// queue.mark_completed("a").await?;
    /// queue.cancel("b").await?;
    ///
    /// let ended: Vec<_> = queue.history(None, 100)?.items.into_iter().map(|item| (item.id, item.ending)).collect();
    /// assert_eq!(ended, [("b".to_owned(), Ending::Cancelled), ("a".to_owned(), Ending::Completed)]);
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn history(&self, before: Option<EndedCursor>, limit: usize) -> QueueResult<EndedPage> {
        let inner = &*self.inner;
        let (place, limit, now) = (before.map(|cursor| cursor.0), limit.clamp(1, ITEMS_MAX), inner.now());
        match &inner.store {
            Store::Memory(storage) => Ok(storage.history(place, limit, now)),
            Store::Journal { storage, .. } => Ok(storage.history(place, limit, now)),
            Store::Given(_) => Err(QueueError::InvalidState("this storage keeps no history".into())),
        }
    }
}

impl Inner {
    /// How an item that is gone ended, where its end has a status.
    pub(super) fn how_ended(&self, id: &str) -> Option<ItemStatus> {
        let ending = match &self.store {
            Store::Memory(storage) => storage.how_ended(id, self.now()),
            Store::Journal { storage, .. } => storage.how_ended(id, self.now()),
            Store::Given(_) => return self.book().how_ended(id, self.clock.now()),
        };
        match ending? {
            Ending::Completed => Some(ItemStatus::Completed),
            Ending::Cancelled => Some(ItemStatus::Cancelled),
            Ending::Purged | Ending::Expired => None,
        }
    }
}
