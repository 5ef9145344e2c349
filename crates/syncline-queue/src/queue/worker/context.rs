//! What a handler knows of its job.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::signal::Signal;
use crate::{SyncItem, queue::telemetry::with_trace};

/// The job that a handler was called for. Clones are the same job.
#[derive(Clone)]
pub struct JobContext {
    shared: Arc<Shared>,
}

struct Shared {
    item: SyncItem,
    cancelled: Arc<Signal>,
    follow: Mutex<Vec<SyncItem>>,
}

impl JobContext {
    pub(super) fn new(item: SyncItem, cancelled: Arc<Signal>) -> Self {
        Self { shared: Arc::new(Shared { item, cancelled, follow: Mutex::default() }) }
    }

    /// The item, as it was popped.
    pub fn item(&self) -> &SyncItem {
        &self.shared.item
    }

    /// The number of this attempt; 1 is the first.
    pub fn attempt(&self) -> u32 {
        self.item().retry_count.saturating_add(1)
    }

    /// Whether the item is dead if this attempt fails.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt() >= self.item().max_attempts()
    }

    /// Whether going on is of no use: the item was cancelled, its lease was lost, or the worker gives it back. The outcome of
    /// such a job changes nothing; a handler that takes long should look from time to time, and return.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.is_set()
    }

    /// Waits until the job [is cancelled](Self::is_cancelled): for a `select!` beside the work.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn cancelled(&self) {
        self.shared.cancelled.wait().await;
    }

    /// Pushes `item` when this job is completed: in the same step, or not at all where it is not. What follows is taken though
    /// the queue be full; one whose id is there already is skipped. One that no queue accepts fails the attempt.
    pub fn follow(&self, item: SyncItem) {
        // In the trace of the handler that calls.
        let item = with_trace(&item).into_owned();
        self.shared.follow.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    pub(super) fn take_following(&self) -> Vec<SyncItem> {
        std::mem::take(&mut *self.shared.follow.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("id", &self.item().id)
            .field("attempt", &self.attempt())
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
