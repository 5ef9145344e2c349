//! Dead letters.

use std::num::NonZeroU32;

use syncline_core::rt;

use super::SyncQueue;
use crate::{DeadLetter, ItemFilter, QueueResult};

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

    /// As [`SyncQueue::redrive_where`](crate::SyncQueue::redrive_where).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn redrive_where(&self, filter: &ItemFilter) -> QueueResult<usize> {
        rt::block_on(self.queue.redrive_where(filter))
    }

    /// As [`SyncQueue::redrive_paced`](crate::SyncQueue::redrive_paced).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn redrive_paced(&self, filter: &ItemFilter, per_second: NonZeroU32) -> QueueResult<usize> {
        rt::block_on(self.queue.redrive_paced(filter, per_second))
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

    /// As [`SyncQueue::purge_where`](crate::SyncQueue::purge_where).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn purge_where(&self, filter: &ItemFilter) -> QueueResult<usize> {
        rt::block_on(self.queue.purge_where(filter))
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
