//! Dead letters.

use syncline_core::rt;

use super::SyncQueue;
use crate::{DeadLetter, QueueResult};

/// Dead letters.
impl SyncQueue {
    /// As [`SyncQueue::dead_letters`](crate::SyncQueue::dead_letters).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn dead_letters(&self, after: Option<&str>, limit: usize) -> QueueResult<Vec<DeadLetter>> {
        rt::block_on(self.queue.dead_letters(after, limit))
    }

    /// As [`SyncQueue::redrive`](crate::SyncQueue::redrive).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn redrive(&self, ids: &[String]) -> QueueResult<usize> {
        rt::block_on(self.queue.redrive(ids))
    }

    /// As [`SyncQueue::redrive_all`](crate::SyncQueue::redrive_all).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn redrive_all(&self) -> QueueResult<usize> {
        rt::block_on(self.queue.redrive_all())
    }

    /// As [`SyncQueue::purge`](crate::SyncQueue::purge).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn purge(&self, ids: &[String]) -> QueueResult<usize> {
        rt::block_on(self.queue.purge(ids))
    }

    /// As [`SyncQueue::purge_all`](crate::SyncQueue::purge_all).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn purge_all(&self) -> QueueResult<usize> {
        rt::block_on(self.queue.purge_all())
    }
}
