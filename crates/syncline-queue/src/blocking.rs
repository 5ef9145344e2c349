//! The queue for code without tasks.

mod dead;

use std::{sync::Arc, time::Duration};

use syncline_core::{WallTime, port::Clock, rt};

use crate::{
    EndedCursor, EndedPage, HealthReport, ItemFilter, ItemPage, ItemStatus, ListCursor, PushReceipt, QueueConfig,
    QueueMetrics, QueueResult, Recurring, SyncItem, Throughput,
};

/// [`SyncQueue`](crate::SyncQueue) for threads: the same calls on the same queue, each of which blocks until it is answered.
///
/// It needs no runtime on a journal, in memory or on SQLite. Both forms may be used on one queue at once: see [`From`] and
/// [`as_async`](Self::as_async). Errors are those of the calls of the same name there.
///
/// Inside a runtime it blocks one of its threads, whose other tasks wait meanwhile; use the asynchronous form there.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use syncline_queue::{Priority, QueueResult, SyncItem, blocking::SyncQueue};
///
/// # fn main() -> QueueResult<()> {
/// let queue = SyncQueue::new();
/// queue.push(SyncItem::new(json!({"task": "clean"}), Priority::Low))?;
///
/// let item = queue.pop_wait()?;
/// queue.mark_completed_lease(&item.id, item.lease_token.unwrap_or(0))?;
/// assert_eq!(queue.metrics().total_completed, 1);
/// queue.shutdown()
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct SyncQueue {
    queue: crate::SyncQueue,
}

impl From<crate::SyncQueue> for SyncQueue {
    /// The blocking form of this queue.
    fn from(queue: crate::SyncQueue) -> Self {
        Self { queue }
    }
}

/// Making and looking.
impl SyncQueue {
    /// As [`SyncQueue::new`](crate::SyncQueue::new).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`SyncQueue::with_config`](crate::SyncQueue::with_config).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn with_config(config: QueueConfig) -> QueueResult<Self> {
        crate::SyncQueue::with_config(config).map(Self::from)
    }

    /// As [`SyncQueue::with_clock`](crate::SyncQueue::with_clock).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn with_clock(config: QueueConfig, clock: Arc<dyn Clock>) -> QueueResult<Self> {
        crate::SyncQueue::with_clock(config, clock).map(Self::from)
    }

    /// The asynchronous form of this queue.
    pub fn as_async(&self) -> &crate::SyncQueue {
        &self.queue
    }

    /// As [`SyncQueue::config`](crate::SyncQueue::config).
    pub fn config(&self) -> &QueueConfig {
        self.queue.config()
    }

    /// As [`SyncQueue::get`](crate::SyncQueue::get).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn get(&self, id: &str) -> QueueResult<Option<SyncItem>> {
        rt::block_on(self.queue.get(id))
    }

    /// As [`SyncQueue::status`](crate::SyncQueue::status).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn status(&self, id: &str) -> QueueResult<Option<ItemStatus>> {
        rt::block_on(self.queue.status(id))
    }

    /// As [`SyncQueue::list`](crate::SyncQueue::list).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn list(&self, filter: &ItemFilter, after: Option<ListCursor>, limit: usize) -> QueueResult<ItemPage> {
        rt::block_on(self.queue.list(filter, after, limit))
    }

    /// As [`SyncQueue::history`](crate::SyncQueue::history).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn history(&self, before: Option<EndedCursor>, limit: usize) -> QueueResult<EndedPage> {
        rt::block_on(self.queue.history(before, limit))
    }

    /// As [`SyncQueue::peek`](crate::SyncQueue::peek).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn peek(&self) -> QueueResult<Option<SyncItem>> {
        rt::block_on(self.queue.peek())
    }

    /// As [`SyncQueue::is_empty`](crate::SyncQueue::is_empty).
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// As [`SyncQueue::size`](crate::SyncQueue::size).
    pub fn size(&self) -> usize {
        self.queue.size()
    }

    /// As [`SyncQueue::in_flight`](crate::SyncQueue::in_flight).
    pub fn in_flight(&self) -> usize {
        self.queue.in_flight()
    }

    /// As [`SyncQueue::is_idle`](crate::SyncQueue::is_idle).
    pub fn is_idle(&self) -> bool {
        self.queue.is_idle()
    }

    /// As [`SyncQueue::metrics`](crate::SyncQueue::metrics).
    pub fn metrics(&self) -> QueueMetrics {
        self.queue.metrics()
    }

    /// As [`SyncQueue::throughput`](crate::SyncQueue::throughput).
    pub fn throughput(&self) -> Throughput {
        self.queue.throughput()
    }

    /// As [`SyncQueue::health_check`](crate::SyncQueue::health_check).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn health_check(&self) -> QueueResult<bool> {
        self.queue.health_check()
    }

    /// As [`SyncQueue::health`](crate::SyncQueue::health).
    pub fn health(&self) -> HealthReport {
        self.queue.health()
    }
}

/// Pushing.
impl SyncQueue {
    /// As [`SyncQueue::schedule`](crate::SyncQueue::schedule).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn schedule(&self, recurring: &Recurring) -> QueueResult<WallTime> {
        rt::block_on(self.queue.schedule(recurring))
    }

    /// As [`SyncQueue::unschedule`](crate::SyncQueue::unschedule).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn unschedule(&self, name: &str) -> QueueResult<bool> {
        rt::block_on(self.queue.unschedule(name))
    }

    /// As [`SyncQueue::next_time`](crate::SyncQueue::next_time).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn next_time(&self, name: &str) -> QueueResult<Option<WallTime>> {
        rt::block_on(self.queue.next_time(name))
    }

    /// As [`SyncQueue::push`](crate::SyncQueue::push).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn push(&self, item: SyncItem) -> QueueResult<()> {
        rt::block_on(self.queue.push(item))
    }

    /// As [`SyncQueue::push_batch`](crate::SyncQueue::push_batch).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn push_batch(&self, items: Vec<SyncItem>) -> QueueResult<Vec<String>> {
        rt::block_on(self.queue.push_batch(items))
    }

    /// As [`SyncQueue::push_wait`](crate::SyncQueue::push_wait).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn push_wait(&self, item: SyncItem, patience: Duration) -> QueueResult<()> {
        rt::block_on(self.queue.push_wait(item, patience))
    }

    /// As [`SyncQueue::push_nowait`](crate::SyncQueue::push_nowait); [`PushReceipt::wait`] waits for its answer.
    pub fn push_nowait(&self, item: SyncItem) -> PushReceipt {
        self.queue.push_nowait(item)
    }
}

/// Popping and settling.
impl SyncQueue {
    /// As [`SyncQueue::pop`](crate::SyncQueue::pop).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn pop(&self) -> QueueResult<Option<SyncItem>> {
        rt::block_on(self.queue.pop())
    }

    /// As [`SyncQueue::pop_batch`](crate::SyncQueue::pop_batch).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn pop_batch(&self, most: usize) -> QueueResult<Vec<SyncItem>> {
        rt::block_on(self.queue.pop_batch(most))
    }

    /// As [`SyncQueue::pop_many`](crate::SyncQueue::pop_many).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn pop_many(&self) -> QueueResult<Vec<SyncItem>> {
        rt::block_on(self.queue.pop_many())
    }

    /// As [`SyncQueue::pop_wait`](crate::SyncQueue::pop_wait). A [`shutdown`](Self::shutdown) ends the wait.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn pop_wait(&self) -> QueueResult<SyncItem> {
        rt::block_on(self.queue.pop_wait())
    }

    /// As [`SyncQueue::mark_completed`](crate::SyncQueue::mark_completed).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_completed(&self, id: &str) -> QueueResult<()> {
        rt::block_on(self.queue.mark_completed(id))
    }

    /// As [`SyncQueue::mark_completed_lease`](crate::SyncQueue::mark_completed_lease).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_completed_lease(&self, id: &str, token: u64) -> QueueResult<()> {
        rt::block_on(self.queue.mark_completed_lease(id, token))
    }

    /// As [`SyncQueue::complete_batch`](crate::SyncQueue::complete_batch).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn complete_batch(&self, items: &[SyncItem]) -> QueueResult<Vec<String>> {
        rt::block_on(self.queue.complete_batch(items))
    }

    /// As [`SyncQueue::complete_and_push`](crate::SyncQueue::complete_and_push).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn complete_and_push(&self, id: &str, items: Vec<SyncItem>) -> QueueResult<()> {
        rt::block_on(self.queue.complete_and_push(id, items))
    }

    /// As [`SyncQueue::complete_and_push_lease`](crate::SyncQueue::complete_and_push_lease).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn complete_and_push_lease(&self, id: &str, token: u64, items: Vec<SyncItem>) -> QueueResult<()> {
        rt::block_on(self.queue.complete_and_push_lease(id, token, items))
    }

    /// As [`SyncQueue::mark_failed`](crate::SyncQueue::mark_failed).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_failed(&self, id: &str, error: Option<String>) -> QueueResult<bool> {
        rt::block_on(self.queue.mark_failed(id, error))
    }

    /// As [`SyncQueue::mark_failed_lease`](crate::SyncQueue::mark_failed_lease).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_failed_lease(&self, id: &str, token: u64, error: Option<String>) -> QueueResult<bool> {
        rt::block_on(self.queue.mark_failed_lease(id, token, error))
    }

    /// As [`SyncQueue::mark_failed_after`](crate::SyncQueue::mark_failed_after).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_failed_after(&self, id: &str, error: Option<String>, delay: Duration) -> QueueResult<bool> {
        rt::block_on(self.queue.mark_failed_after(id, error, delay))
    }

    /// As [`SyncQueue::mark_failed_after_lease`](crate::SyncQueue::mark_failed_after_lease).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_failed_after_lease(
        &self,
        id: &str,
        token: u64,
        error: Option<String>,
        delay: Duration,
    ) -> QueueResult<bool> {
        rt::block_on(self.queue.mark_failed_after_lease(id, token, error, delay))
    }

    /// As [`SyncQueue::reject`](crate::SyncQueue::reject).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn reject(&self, id: &str, error: impl Into<String>) -> QueueResult<()> {
        rt::block_on(self.queue.reject(id, error))
    }

    /// As [`SyncQueue::reject_lease`](crate::SyncQueue::reject_lease).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn reject_lease(&self, id: &str, token: u64, error: impl Into<String>) -> QueueResult<()> {
        rt::block_on(self.queue.reject_lease(id, token, error))
    }

    /// As [`SyncQueue::requeue`](crate::SyncQueue::requeue).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn requeue(&self, id: &str) -> QueueResult<()> {
        rt::block_on(self.queue.requeue(id))
    }

    /// As [`SyncQueue::requeue_lease`](crate::SyncQueue::requeue_lease).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn requeue_lease(&self, id: &str, token: u64) -> QueueResult<()> {
        rt::block_on(self.queue.requeue_lease(id, token))
    }

    /// As [`SyncQueue::extend`](crate::SyncQueue::extend).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn extend(&self, id: &str, lease: Duration) -> QueueResult<()> {
        rt::block_on(self.queue.extend(id, lease))
    }

    /// As [`SyncQueue::extend_lease`](crate::SyncQueue::extend_lease).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn extend_lease(&self, id: &str, token: u64, lease: Duration) -> QueueResult<()> {
        rt::block_on(self.queue.extend_lease(id, token, lease))
    }

    /// As [`SyncQueue::extend_leases`](crate::SyncQueue::extend_leases).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn extend_leases(&self, leases: &[(String, u64)], lease: Duration) -> QueueResult<Vec<bool>> {
        rt::block_on(self.queue.extend_leases(leases, lease))
    }

    /// As [`SyncQueue::cancel`](crate::SyncQueue::cancel).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn cancel(&self, id: &str) -> QueueResult<()> {
        rt::block_on(self.queue.cancel(id))
    }
}

/// Upkeep.
impl SyncQueue {
    /// As [`SyncQueue::lock`](crate::SyncQueue::lock).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn lock(&self) -> QueueResult<()> {
        self.queue.lock()
    }

    /// As [`SyncQueue::unlock`](crate::SyncQueue::unlock).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn unlock(&self) -> QueueResult<()> {
        self.queue.unlock()
    }

    /// As [`SyncQueue::shutdown`](crate::SyncQueue::shutdown).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn shutdown(&self) -> QueueResult<()> {
        rt::block_on(self.queue.shutdown())
    }

    /// As [`SyncQueue::shutdown_within`](crate::SyncQueue::shutdown_within).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn shutdown_within(&self, patience: Duration) -> QueueResult<()> {
        rt::block_on(self.queue.shutdown_within(patience))
    }
}
