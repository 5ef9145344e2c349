//! Dead letters by the many: those that a filter fits, as they were when the call began.

use std::{num::NonZeroU32, time::Duration};

use syncline_core::{
    Instant,
    port::{List, ListCursor},
};

use super::{Inner, SyncQueue};
use crate::{ItemFilter, ItemStatus, QueueError, QueueResult};

/// A paced redrive takes so many steps a second, so that its pace is even.
const STEPS_PER_SECOND: u32 = 10;

/// Whoever dies while such a call runs is left for the next one, so that it ends however quickly workers give up. Dead letters
/// are taken by id: where a filter fits one of several of an id, the newest of them is taken.
impl SyncQueue {
    /// Lets all dead letters be tried again, in steps of [`batch_size`](crate::QueueConfig::batch_size). Returns how many.
    ///
    /// # Errors
    ///
    /// As [`redrive`](Self::redrive); the steps before were done.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, some are redriven.
    pub async fn redrive_all(&self) -> QueueResult<usize> {
        self.redrive_where(&ItemFilter::of(ItemStatus::Failed)).await
    }

    /// Lets all dead letters be tried again that the filter fits, in steps of
    /// [`batch_size`](crate::QueueConfig::batch_size). Returns how many.
    ///
    /// # Errors
    ///
    /// [`InvalidState`](QueueError::InvalidState) for a filter of another status; otherwise as
    /// [`redrive_all`](Self::redrive_all).
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, some are redriven.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use syncline_queue::{ItemFilter, ItemStatus, Priority, QueueResult, SyncItem, SyncQueue};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = SyncQueue::new();
    /// for (id, error) in [("a", "timed out"), ("b", "no such address")] {
    ///     queue.push(SyncItem::with_id(id, json!(1), Priority::Normal)).await?;
    ///     queue.pop().await?;
    ///     queue.reject(id, error).await?;
    /// }
    /// let timeouts = ItemFilter { error: Some("timed out".to_owned()), ..ItemFilter::of(ItemStatus::Failed) };
    /// assert_eq!(queue.redrive_where(&timeouts).await?, 1);
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn redrive_where(&self, filter: &ItemFilter) -> QueueResult<usize> {
        let (mut pages, mut sum) = (Pages::begin(&self.inner, filter).await?, 0);
        while let Some(ids) = pages.next(self.inner.config.batch_size).await? {
            let count = self.redrive(&ids).await?;
            pages.took(count);
            sum += count;
        }
        Ok(sum)
    }

    /// [`redrive_where`](Self::redrive_where), no more than so many a second by the clock of the queue: what failed for want of
    /// a service does not fall upon it all at once. Returns how many.
    ///
    /// # Errors
    ///
    /// As [`redrive_where`](Self::redrive_where). A shutdown meanwhile is [`ShuttingDown`](QueueError::ShuttingDown) at the next
    /// step, which is a second away at most.
    ///
    /// # Cancel safety
    ///
    /// Between its steps it holds nothing. Dropped, or ended by an error or a crash, those before are redriven and the others
    /// are dead letters as they were: called again it goes on with them.
    pub async fn redrive_paced(&self, filter: &ItemFilter, per_second: NonZeroU32) -> QueueResult<usize> {
        let inner = &*self.inner;
        let step = usize::try_from(per_second.get() / STEPS_PER_SECOND).unwrap_or(usize::MAX);
        let (mut pages, mut sum) = (Pages::begin(inner, filter).await?, 0);
        let mut earliest = inner.clock.now();
        while let Some(ids) = pages.next(step.clamp(1, inner.config.batch_size)).await? {
            if ids.is_empty() {
                continue;
            }
            inner.alarm(Some(earliest)).await;
            let count = self.redrive(&ids).await?;
            pages.took(count);
            sum += count;
            // From now on, so that a step that took long is not made up for in a burst.
            earliest = inner.clock.now() + Duration::from_secs(count as u64) / per_second.get();
        }
        Ok(sum)
    }

    /// Throws all dead letters away, in steps of [`batch_size`](crate::QueueConfig::batch_size). Returns how many.
    ///
    /// # Errors
    ///
    /// As [`purge`](Self::purge); the steps before were done.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, some are gone.
    pub async fn purge_all(&self) -> QueueResult<usize> {
        self.purge_where(&ItemFilter::of(ItemStatus::Failed)).await
    }

    /// Throws all dead letters away that the filter fits, in steps of [`batch_size`](crate::QueueConfig::batch_size). Returns how
    /// many.
    ///
    /// # Errors
    ///
    /// [`InvalidState`](QueueError::InvalidState) for a filter of another status; otherwise as [`purge_all`](Self::purge_all).
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, some are gone.
    pub async fn purge_where(&self, filter: &ItemFilter) -> QueueResult<usize> {
        let (mut pages, mut sum) = (Pages::begin(&self.inner, filter).await?, 0);
        while let Some(ids) = pages.next(self.inner.config.batch_size).await? {
            let count = self.purge(&ids).await?;
            pages.took(count);
            sum += count;
        }
        Ok(sum)
    }
}

/// The dead letters that a filter fits, page by page, without those that die meanwhile.
///
/// They are taken by id, which more than one may have: a storage then takes another one of that id than the one that was
/// listed. So it begins anew as long as something was taken, and ends at the latest when as many were as were dead.
struct Pages<'a> {
    inner: &'a Inner,
    list: List,
    min_age: Duration,
    began: Instant,
    after: Option<ListCursor>,
    /// Pages of this pass are left.
    is_on: bool,
    /// Some of this pass were taken.
    has_taken: bool,
    left: u64,
}

impl<'a> Pages<'a> {
    async fn begin(inner: &'a Inner, filter: &ItemFilter) -> QueueResult<Self> {
        if filter.status != ItemStatus::Failed {
            let message = format!("only dead letters are redriven or purged, and these are {}", filter.status);
            return Err(QueueError::InvalidState(message));
        }
        let (list, min_age) = (filter.to_list()?, filter.min_age.unwrap_or_default());
        let stats = inner.watched(inner.storage().stats(inner.now())).await?;
        let left = stats.dead.iter().sum();
        Ok(Self {
            inner,
            list,
            min_age,
            began: inner.clock.now(),
            after: None,
            is_on: true,
            has_taken: false,
            left,
        })
    }

    /// The ids of the next page; `None` at the end.
    async fn next(&mut self, limit: usize) -> QueueResult<Option<Vec<String>>> {
        if self.left == 0 || !(self.is_on || self.has_taken) {
            return Ok(None);
        }
        if !self.is_on {
            self.has_taken = false;
        }
        let (inner, now) = (self.inner, self.inner.now());
        // By the storage's own time, which may not be the calendar's of here.
        self.list.min_age = Some(self.min_age + now.steady.saturating_since(self.began));
        let page = inner.watched(inner.storage().list(&self.list, self.after, limit, now)).await?;
        (self.after, self.is_on) = (page.next, page.next.is_some());
        Ok(Some(page.items.into_iter().map(|item| item.id).collect()))
    }

    /// So many of the page were taken.
    fn took(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.has_taken |= count > 0;
    }
}
