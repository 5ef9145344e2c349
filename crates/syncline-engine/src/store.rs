//! What the write path changes: pending records, memory, and who is told. The same calls serve live writes and replay.
//!
//! Locks nest in one order only: pending, then ledger or L1.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use syncline_core::{Error, Key, Record, Version, limits};
use tokio::sync::Notify;

use crate::{
    EngineConfig, Superseded, SyncItem,
    admit::Admission,
    codec::Write,
    frontier::Frontier,
    l1::L1,
    ledger::{Fate, Ledger},
    pending::{Batch, Entry, Lot, Pending, Placed, Ready},
    stats::Counters,
};

/// How many times what fills a transaction goes into one while more waits.
const BACKLOG_FACTOR: usize = 4;

/// Which tiers there are besides memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tiers {
    pub(crate) has_journal: bool,
    pub(crate) has_archive: bool,
}

impl Tiers {
    /// Whether readers see what is pending. Without a journal a write that waits for the archive is not durable anywhere, so
    /// its receipt could not resolve, and nobody may see it.
    pub(crate) fn shows_pending(self) -> bool {
        self.has_journal || !self.has_archive
    }
}

/// Whether a write is new or was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Live,
    Replay,
}

/// What the archive, or its failure, decided for one lot.
#[derive(Debug)]
pub(crate) enum Decision {
    Written,
    Superseded(Version),
    /// Refused for what it is, and kept aside.
    Parked(Error),
    /// Given up: there is no journal to keep it.
    Failed(Error),
}

/// Everything in memory.
#[derive(Debug)]
pub(crate) struct Store {
    pending: Mutex<Pending>,
    pub(crate) l1: L1,
    pub(crate) ledger: Ledger,
    pub(crate) frontier: Frontier,
    pub(crate) admission: Admission,
    pub(crate) counters: Counters,
    /// Told when the archive task may have something to do.
    pub(crate) work: Notify,
    /// Told when a write was taken in, while somebody waits for that.
    pub(crate) landed: Notify,
    pub(crate) landed_waiters: AtomicUsize,
    pub(crate) tiers: Tiers,
    batch_count: usize,
    batch_bytes: usize,
}

impl Store {
    pub(crate) fn new(config: &EngineConfig, tiers: Tiers) -> Self {
        Self {
            pending: Mutex::new(Pending::new(tiers.has_archive)),
            l1: L1::new(config.l1_max_bytes),
            ledger: Ledger::new(config.listed_max),
            frontier: Frontier::default(),
            admission: Admission::new(config.memory_max_bytes),
            counters: Counters::default(),
            work: Notify::new(),
            landed: Notify::new(),
            landed_waiters: AtomicUsize::new(0),
            tiers,
            batch_count: config.archive_batch_count,
            batch_bytes: config.archive_batch_bytes,
        }
    }

    /// Takes in the write at `seq`, whose units are taken already.
    pub(crate) fn land(&self, seq: u64, write: Write, units: u32, origin: Origin) {
        match origin {
            Origin::Live => self.counters.accepted.add(1),
            Origin::Replay => self.counters.replayed.add(1),
        }
        let (key, version, item) = (write.key.clone(), write.version, write.item.clone());
        let (freed, wake) = {
            let mut pending = self.pending();
            let before = pending.ready();
            let placed = pending.place(seq, write, units);
            let freed = match &placed {
                Placed::New => 0,
                Placed::Overtook { units, .. } => *units,
                Placed::Stale { .. } => units,
            } + pending.drop_old_tombstone();
            // Under the lock, so that nobody finds the old value in memory after he saw the new one elsewhere.
            if !matches!(placed, Placed::Stale { .. }) && self.tiers.shows_pending() {
                self.show(&key, item.as_ref());
            }
            self.note(seq, &key, version, &placed);
            (freed, self.is_turning_point(before, pending.ready()))
        };
        if freed > 0 {
            self.admission.give_back(freed as usize);
        }
        if wake {
            self.work.notify_one();
        }
        if self.landed_waiters.load(Ordering::Relaxed) > 0 {
            self.landed.notify_waiters();
        }
    }

    /// Takes in the barrier at `seq`: it is settled once all before it is.
    pub(crate) fn land_barrier(&self, seq: u64) {
        let frontier = {
            let mut pending = self.pending();
            pending.pass(seq);
            pending.frontier()
        };
        self.frontier.advance(frontier);
    }

    /// Whether the archive task has to look again: there is something at last, or enough for a batch.
    fn is_turning_point(&self, before: Ready, now: Ready) -> bool {
        let crosses = |before: usize, now: usize, mark: usize| before < mark && now >= mark;
        crosses(before.count, now.count, 1)
            || crosses(before.count, now.count, self.batch_count)
            || crosses(before.bytes, now.bytes, self.batch_bytes)
    }

    /// Writes down what became of a write that will not be archived.
    fn note(&self, seq: u64, key: &Key, version: Version, placed: &Placed) {
        match placed {
            Placed::New => return,
            Placed::Overtook { seq: old, .. } => {
                self.ledger.record(*old, Fate::Superseded { by: version, heir: Some(seq) });
            }
            Placed::Stale { by, heir } => {
                self.ledger.record(seq, Fate::Superseded { by: *by, heir: Some(*heir) });
                self.ledger.list(Superseded { key: key.clone(), version, by: *by });
            }
        }
        self.counters.superseded.add(1);
    }

    fn show(&self, key: &Key, item: Option<&SyncItem>) {
        match item {
            Some(item) => self.l1.put(key, item),
            None => self.l1.remove(key),
        }
    }

    /// Hands the archive what is ready.
    pub(crate) fn take(&self, batch: &mut Batch) {
        let count = self.batch_count.saturating_mul(BACKLOG_FACTOR).min(limits::ARCHIVE_BATCH_MAX);
        self.pending().take(count, self.batch_bytes.saturating_mul(BACKLOG_FACTOR), batch);
    }

    /// What waits for the archive, and whether that fills a batch.
    pub(crate) fn ready(&self) -> (Ready, bool) {
        let ready = self.pending().ready();
        (ready, ready.count >= self.batch_count || ready.bytes >= self.batch_bytes)
    }

    /// Settles the batch that was taken first: what was decided leaves, the rest goes back to the head of the queue.
    ///
    /// Permits are given back and waiters woken in one go, after the lock.
    pub(crate) fn settle(&self, batch: &mut Batch, decisions: &mut Vec<Option<Decision>>) {
        if batch.lots.is_empty() {
            return;
        }
        let mut freed = 0;
        let frontier = {
            let mut pending = self.pending();
            let Batch { lots, records, gone } = batch;
            for ((lot, record), decision) in lots.iter().zip(&*records).zip(decisions.drain(..)).rev() {
                let is_out = match decision {
                    Some(decision) => {
                        gone.extend(self.write_down(*lot, record, decision, &mut pending));
                        true
                    }
                    None => self.put_back(*lot, record, &mut pending),
                };
                freed += if is_out { lot.units as usize } else { 0 };
            }
            pending.end_batch();
            pending.frontier()
        };
        batch.clear();
        self.admission.give_back(freed);
        self.frontier.advance(frontier);
    }

    /// Puts the batch that was taken last back to the head of the queue, untried.
    pub(crate) fn give_back(&self, batch: &mut Batch) {
        let mut freed = 0;
        {
            let mut pending = self.pending();
            for (lot, record) in batch.lots.iter().zip(&batch.records).rev() {
                let is_out = self.put_back(*lot, record, &mut pending);
                freed += if is_out { lot.units as usize } else { 0 };
            }
            pending.undo_batch();
        }
        batch.clear();
        self.admission.give_back(freed);
    }

    /// Returns the entry that is gone with the decision.
    fn write_down(&self, lot: Lot, record: &Record, decision: Decision, pending: &mut Pending) -> Option<Entry> {
        let entry = pending.remove(&record.key, record.version);
        self.update_memory(&record.key, entry.as_ref(), matches!(decision, Decision::Written));
        match decision {
            Decision::Written => self.counters.archived.add(1),
            Decision::Superseded(by) => {
                self.counters.superseded.add(1);
                self.ledger.record(lot.seq, Fate::Superseded { by, heir: None });
                self.ledger.list(Superseded { key: record.key.clone(), version: record.version, by });
            }
            Decision::Parked(error) => {
                self.counters.quarantined.add(1);
                self.ledger.record(lot.seq, Fate::Failed(error));
            }
            Decision::Failed(error) => {
                self.counters.failed.add(1);
                self.ledger.record(lot.seq, Fate::Failed(error));
            }
        }
        entry
    }

    /// Brings L1 up to date with a decision. `entry` is `None` when a newer write of the key is pending.
    fn update_memory(&self, key: &Key, entry: Option<&Entry>, is_written: bool) {
        match (self.tiers.shows_pending(), entry) {
            // L1 has shown the newest write since it landed.
            (true, None) => {}
            (true, Some(_)) if is_written => {}
            (false, Some(entry)) if is_written => self.show(key, entry.item.as_ref()),
            // It is not what the archive holds: the next reader asks there.
            _ => self.l1.remove(key),
        }
    }

    /// Returns whether the lot left all the same, because a newer write overtook it.
    fn put_back(&self, lot: Lot, record: &Record, pending: &mut Pending) -> bool {
        let Some((by, heir)) = pending.put_back(lot, record) else { return false };
        self.counters.superseded.add(1);
        self.ledger.record(lot.seq, Fate::Superseded { by, heir: Some(heir) });
        true
    }

    /// The pending records, for a moment.
    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        // Each critical section leaves the maps whole, so a panic elsewhere does not spoil them.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
