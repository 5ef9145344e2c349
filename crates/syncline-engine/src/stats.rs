//! Numbers of an engine, pulled when they are wanted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{EngineState, spine::Spine};

/// What an engine has done since it started, and holds now. Plain data.
///
/// While nothing is under way, `replayed + accepted` is `archived + superseded + quarantined + failed + pending_items`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStats {
    /// Where it stands in its life.
    pub state: EngineState,
    /// Writes taken in, deletes too.
    pub accepted: u64,
    /// Writes read back from the journal at the start.
    pub replayed: u64,
    /// Writes that are in the archive.
    pub archived: u64,
    /// Writes that a newer one of the same key overtook before they were in the archive.
    pub superseded: u64,
    /// Writes that the archive refused for what they are, kept aside. Without a journal they are counted as failed.
    pub quarantined: u64,
    /// Writes that were given up because the archive failed and there is no journal to keep them.
    pub failed: u64,
    /// Keys with a write that is not in the archive.
    pub pending_items: u64,
    /// Bytes that these writes and those under way hold.
    pub pending_bytes: u64,
    /// Items kept in memory for readers.
    pub l1_items: u64,
    /// Bytes that they take.
    pub l1_bytes: u64,
    /// The place in the journal below which everything is settled.
    pub frontier: u64,
    /// Whether the archive's last answer was a good one; `None` before the first, and without an archive.
    pub archive_is_up: Option<bool>,
    /// Calls of the archive that failed, since the start.
    pub archive_failures: u64,
    /// What the last of them said.
    pub archive_error: Option<String>,
}

impl EngineStats {
    /// The numbers of an engine that has none yet.
    pub(crate) fn none(state: EngineState) -> Self {
        Self {
            state,
            accepted: 0,
            replayed: 0,
            archived: 0,
            superseded: 0,
            quarantined: 0,
            failed: 0,
            pending_items: 0,
            pending_bytes: 0,
            l1_items: 0,
            l1_bytes: 0,
            frontier: 0,
            archive_is_up: None,
            archive_failures: 0,
            archive_error: None,
        }
    }
}

impl Spine {
    pub(crate) fn stats(&self, state: EngineState) -> EngineStats {
        let (store, counters) = (&self.store, &self.store.counters);
        // Room that refused hand-overs still seem to hold is not pending.
        self.abandoned.sweep(&store.admission);
        EngineStats {
            accepted: counters.accepted.get(),
            replayed: counters.replayed.get(),
            archived: counters.archived.get(),
            superseded: counters.superseded.get(),
            quarantined: counters.quarantined.get(),
            failed: counters.failed.get(),
            pending_items: store.pending().len() as u64,
            pending_bytes: store.admission.taken_bytes() as u64,
            l1_items: store.l1.len() as u64,
            l1_bytes: store.l1.bytes(),
            frontier: store.frontier.at(),
            archive_is_up: self.health.is_up(),
            archive_failures: self.health.failures(),
            archive_error: self.health.last_error(),
            ..EngineStats::none(state)
        }
    }
}

/// Counts that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Count,
    pub(crate) replayed: Count,
    pub(crate) archived: Count,
    pub(crate) superseded: Count,
    pub(crate) quarantined: Count,
    pub(crate) failed: Count,
}

/// One of them.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
