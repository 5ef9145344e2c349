//! What ended lately.

use super::{Inner, SyncQueue};
use crate::{EndedCursor, EndedPage, Ending, ItemStatus, QueueResult};

/// Most items of one page.
const ITEMS_MAX: usize = 1_024;

impl SyncQueue {
    /// Items that were completed, cancelled or, as dead letters, thrown away: the last end first, at most `limit`, which is 1 to
    /// 1,024, from where the page before ended. They are told without their content, and forgotten as
    /// [`retention_period`](crate::QueueConfig::retention_period), [`retention_items`](crate::QueueConfig::retention_items) and
    /// [`retention_bytes`](crate::QueueConfig::retention_bytes) say. Where the queue outlives its process they are there after a
    /// restart, and after a crash as every end that was answered is. On a storage that several processes share it is the
    /// history of all of them. The ticks of schedules are items, too.
    ///
    /// # Errors
    ///
    /// What the storage says.
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
    /// let ended: Vec<_> = queue.history(None, 100).await?.items.into_iter().map(|item| (item.id, item.ending)).collect();
    /// assert_eq!(ended, [("b".to_owned(), Ending::Cancelled), ("a".to_owned(), Ending::Completed)]);
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn history(&self, before: Option<EndedCursor>, limit: usize) -> QueueResult<EndedPage> {
        let inner = &*self.inner;
        let limit = limit.clamp(1, ITEMS_MAX);
        inner.watched(inner.storage().history(before, limit, inner.now())).await
    }
}

impl Inner {
    /// How an item that is gone ended, where its end has a status.
    pub(super) async fn how_ended(&self, id: &str) -> QueueResult<Option<ItemStatus>> {
        let ending = self.watched(self.storage().how_ended(id, self.now())).await?;
        Ok(match ending {
            Some(Ending::Completed) => Some(ItemStatus::Completed),
            Some(Ending::Cancelled) => Some(ItemStatus::Cancelled),
            Some(Ending::Purged | Ending::Expired) | None => None,
        })
    }
}
