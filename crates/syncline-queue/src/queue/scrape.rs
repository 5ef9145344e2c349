//! What an exporter of metrics asks a queue, without keeping it alive.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use syncline_core::port::QueueStats;
use syncline_journal::Stats;

use super::{Inner, Store, SyncQueue, look::age};

/// A queue that is not kept alive.
pub(crate) struct WeakQueue(Weak<Inner>);

impl WeakQueue {
    pub(crate) fn upgrade(&self) -> Option<SyncQueue> {
        self.0.upgrade().map(|inner| SyncQueue { inner })
    }
}

impl SyncQueue {
    pub(crate) fn downgrade(&self) -> WeakQueue {
        WeakQueue(Arc::downgrade(&self.inner))
    }

    /// Items by level and standing, as [`metrics`](Self::metrics) sees them.
    pub(crate) fn stats_now(&self) -> QueueStats {
        self.inner.stats_now()
    }

    /// For how long the first of each level could have been handed out, and the oldest dead letter has been dead.
    pub(crate) fn ages(&self) -> ([Option<Duration>; 5], Option<Duration>) {
        let dead = self.inner.stats_now().dead_since.and_then(|since| age(since, self.inner.now().wall));
        (self.inner.oldest_ages(), dead)
    }

    /// Numbers of the journal that is this queue's alone.
    pub(crate) fn own_journal(&self) -> Option<Stats> {
        match &self.inner.store {
            Store::Journal { journal, is_shared: false, .. } => Some(journal.stats()),
            Store::Journal { .. } | Store::Memory(_) | Store::Given(_) => None,
        }
    }
}
