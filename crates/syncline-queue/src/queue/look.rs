//! Looking without taking.

use std::time::Duration;

use syncline_core::{WallTime, port::QueueStats};

use super::{Inner, Store, SyncQueue, at_once};
use crate::{ItemFilter, ItemPage, ItemStatus, ListCursor, QueueError, QueueResult, SyncItem};

impl SyncQueue {
    /// The item of `id` as it stands; the newest where ids repeat. `None` also for one that was completed or cancelled.
    ///
    /// # Errors
    ///
    /// [`Corrupted`](QueueError::Corrupted) when its content cannot be read; or the storage's.
    pub async fn get(&self, id: &str) -> QueueResult<Option<SyncItem>> {
        let inner = &*self.inner;
        let stored = inner.watched(inner.storage().get(id, inner.now())).await?;
        stored.as_ref().map(SyncItem::from_stored).transpose()
    }

    /// Where the item of `id` stands. It is remembered for [`retention_period`](crate::QueueConfig::retention_period) of items
    /// that were completed or cancelled. A dead letter that is gone is nowhere any more; the [history](Self::history) tells of it.
    ///
    /// # Errors
    ///
    /// What the storage says.
    pub async fn status(&self, id: &str) -> QueueResult<Option<ItemStatus>> {
        let inner = &*self.inner;
        let stored = inner.watched(inner.storage().get(id, inner.now())).await?;
        match stored {
            Some(stored) => Ok(Some(stored.standing.into())),
            None => inner.how_ended(id).await,
        }
    }

    /// Items of a status, without their content, a page at a time: at most `limit`, which is 1 to 1,024, from where the page
    /// before ended.
    ///
    /// What waits comes in the order in which it would be popped, and then what is behind another item of its partition; dead
    /// letters come by their death. An item that stands so from the first page to the last is told, and told once where
    /// nothing happens to it meanwhile. No page takes longer than its limit allows, however many items there are: where the
    /// filter fits few, a page is short or empty and has a [next](ItemPage::next) one all the same.
    ///
    /// # Errors
    ///
    /// [`InvalidState`](QueueError::InvalidState) for items that were completed or cancelled, of which [`status`](Self::status)
    /// remembers some; or the storage's.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use syncline_queue::{ItemFilter, ItemStatus, Priority, QueueResult, SyncItem, SyncQueue};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = SyncQueue::new();
    /// queue.push(SyncItem::with_id("a", json!(1), Priority::Normal)).await?;
    /// queue.push(SyncItem::with_id("b", json!(2), Priority::High)).await?;
    ///
    /// let (filter, mut ids, mut after) = (ItemFilter::of(ItemStatus::Pending), Vec::new(), None);
    /// loop {
    ///     let page = queue.list(&filter, after, 100).await?;
    ///     ids.extend(page.items.into_iter().map(|item| item.id));
    ///     after = page.next;
    ///     if after.is_none() {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(ids, ["b", "a"]);
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn list(&self, filter: &ItemFilter, after: Option<ListCursor>, limit: usize) -> QueueResult<ItemPage> {
        let (inner, list) = (&*self.inner, filter.to_list()?);
        let page = inner.watched(inner.storage().list(&list, after, limit, inner.now())).await?;
        Ok(page.into())
    }

    /// The item that would be popped next, untouched; `None` when nothing is ready. Another worker may take it meanwhile.
    ///
    /// # Errors
    ///
    /// [`Corrupted`](QueueError::Corrupted) when its content cannot be read; [`InvalidState`](QueueError::InvalidState) on a
    /// storage that was given, which can only be asked by taking.
    pub async fn peek(&self) -> QueueResult<Option<SyncItem>> {
        let inner = &*self.inner;
        let (now, aging) = (inner.now(), inner.config.aging);
        let stored = match &inner.store {
            Store::Memory(storage) => storage.peek(aging, now),
            Store::Journal { storage, .. } => inner.watched(storage.peek(aging, now)).await?,
            Store::Given(_) => {
                return Err(QueueError::InvalidState("this storage cannot be looked at without taking".into()));
            }
        };
        stored.as_ref().map(SyncItem::from_stored).transpose()
    }

    /// Whether nothing waits for a worker. Items in hand do not count: see [`in_flight`](Self::in_flight).
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// Items that wait for a worker: ready or scheduled.
    pub fn size(&self) -> usize {
        narrow(sum(&self.inner.stats_now().waiting))
    }

    /// Items in workers' hands.
    pub fn in_flight(&self) -> usize {
        narrow(sum(&self.inner.stats_now().leased))
    }

    /// Whether nothing waits and nothing is in hand.
    pub fn is_idle(&self) -> bool {
        self.inner.live_now() == 0
    }

    /// Asks the storage for its numbers. Storages of this crate are always up to date; one that was given is asked here.
    ///
    /// # Errors
    ///
    /// What the storage says.
    pub async fn refresh(&self) -> QueueResult<()> {
        let inner = &*self.inner;
        let stats = inner.watched(inner.storage().stats(inner.now())).await?;
        inner.book().stats = stats;
        Ok(())
    }

    /// The partition of a key, from 0 to below [`partition_count`](crate::QueueConfig::partition_count): the same for ever, as
    /// long as the count is. By FNV-1a (Fowler, Noll and Vo), mixed as MurmurHash3 (Appleby) mixes at its end.
    pub fn partition_of(&self, key: &str) -> usize {
        let hash = key
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let half = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (half ^ (half >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        narrow((mixed ^ (mixed >> 33)) % self.inner.config.partition_count as u64)
    }
}

impl Inner {
    /// The storage's numbers, or, of one that does not answer at once, those it gave last.
    pub(super) fn stats_now(&self) -> QueueStats {
        if self.store.is_own()
            && let Some(Ok(stats)) = at_once(self.storage().stats(self.now()))
        {
            return stats;
        }
        self.book().stats
    }

    /// For how long the first of each level could have been handed out; `None` where none could.
    pub(super) fn oldest_ages(&self) -> [Option<Duration>; 5] {
        let now = self.now().wall;
        self.stats_now().first_at.map(|first| age(first?, now))
    }

    pub(super) fn live_now(&self) -> u64 {
        self.store.live().unwrap_or_else(|| {
            let stats = self.stats_now();
            sum(&stats.waiting) + sum(&stats.leased)
        })
    }
}

/// How long ago `since` was; `None` where it is to come.
pub(super) fn age(since: WallTime, now: WallTime) -> Option<Duration> {
    now.as_millis().checked_sub(since.as_millis()).map(Duration::from_millis)
}

fn sum(levels: &[u64]) -> u64 {
    levels.iter().sum()
}

fn narrow(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
