//! The records that were accepted and are not archived: the newest of each key, and the order in which keys came.
//!
//! Pure bookkeeping, without locks and effects. Invariants:
//!
//! 1. A key has one entry, its newest write. An entry that is not taken has one slot in the queue; one that is taken has none.
//! 2. A slot keeps the place of the first write it stood for, though newer ones replace the entry: a key that is written all
//!    the time is archived all the same, and the frontier never runs ahead of it.
//! 3. Without an archive nothing is queued. Then the queue holds the tombstones, oldest first, so that they can be bounded.

use std::{
    collections::{BTreeMap, VecDeque, btree_map},
    ops::Bound,
};

use syncline_core::{Body, Key, Record, Version};

use crate::{SyncItem, codec::Write};

/// Most tombstones kept where no archive takes them: far more than writes that can be under way at once, which is what a
/// tombstone is compared with.
const TOMBSTONES_MAX: usize = 65_536;

/// Pending records.
#[derive(Debug)]
pub(crate) struct Pending {
    entries: BTreeMap<Key, Entry>,
    queue: VecDeque<Slot>,
    queue_bytes: usize,
    /// Lowest places of the batches that the archive has in hand, oldest first.
    taken_from: VecDeque<u64>,
    last_seq: u64,
    greatest: Version,
    has_archive: bool,
}

/// The newest write of a key.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `None` for a delete.
    pub(crate) item: Option<SyncItem>,
    pub(crate) version: Version,
    seq: u64,
    units: u32,
    /// Whether the archive has it in hand.
    taken: bool,
}

#[derive(Debug)]
struct Slot {
    seq: u64,
    key: Key,
}

/// What became of a write that was placed, and of the one whose place it took.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is the key's entry.
    New,
    /// It is the key's entry; the one before it, at `seq`, will not be archived.
    Overtook { seq: u64, version: Version, units: u32 },
    /// It is not: `by`, at `heir`, is newer.
    Stale { by: Version, heir: u64 },
}

/// One entry that the archive takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lot {
    /// Place of its slot.
    slot: u64,
    pub(crate) seq: u64,
    pub(crate) units: u32,
}

/// What the archive takes at once: each key once, in order of slots. Used again and again, for it is large.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) lots: Vec<Lot>,
    /// The record of each lot.
    pub(crate) records: Vec<Record>,
    /// Entries that left with the batch: they are freed with it, not while others wait for the lock.
    pub(crate) gone: Vec<Entry>,
}

impl Batch {
    pub(crate) fn clear(&mut self) {
        self.lots.clear();
        self.records.clear();
        self.gone.clear();
    }
}

/// What is ready for the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

impl Pending {
    pub(crate) fn new(has_archive: bool) -> Self {
        Self {
            entries: BTreeMap::new(),
            queue: VecDeque::new(),
            queue_bytes: 0,
            taken_from: VecDeque::new(),
            last_seq: 0,
            greatest: Version::ZERO,
            has_archive,
        }
    }

    /// Takes in the write at `seq`. Places come in ascending order.
    pub(crate) fn place(&mut self, seq: u64, write: Write, units: u32) -> Placed {
        self.last_seq = self.last_seq.max(seq);
        self.greatest = self.greatest.max(write.version);
        let Write { key, version, item } = write;
        let is_tombstone = item.is_none();
        let bytes = content_len(item.as_ref());
        let entry = Entry { item, version, seq, units, taken: false };
        let (placed, needs_slot) = match self.entries.entry(key.clone()) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(entry);
                (Placed::New, true)
            }
            btree_map::Entry::Occupied(occupied) if occupied.get().version >= version => {
                let standing = occupied.get();
                return Placed::Stale { by: standing.version, heir: standing.seq };
            }
            btree_map::Entry::Occupied(mut occupied) => {
                let old = occupied.insert(entry);
                if !old.taken {
                    self.queue_bytes = self.queue_bytes.saturating_sub(content_len(old.item.as_ref()));
                }
                match old.taken {
                    // The archive has it in hand and will say what became of it.
                    true => (Placed::New, true),
                    false => (Placed::Overtook { seq: old.seq, version: old.version, units: old.units }, false),
                }
            }
        };
        self.queue_bytes += bytes;
        if if self.has_archive { needs_slot } else { is_tombstone } {
            self.queue.push_back(Slot { seq, key });
        }
        placed
    }

    /// Takes note of a place that holds nothing to archive.
    pub(crate) fn pass(&mut self, seq: u64) {
        self.last_seq = self.last_seq.max(seq);
    }

    /// Without an archive: drops the oldest tombstone when there are too many, and returns the units it held.
    pub(crate) fn drop_old_tombstone(&mut self) -> u32 {
        if self.has_archive || self.queue.len() <= TOMBSTONES_MAX {
            return 0;
        }
        let Some(slot) = self.queue.pop_front() else { return 0 };
        match self.entries.get(&slot.key) {
            Some(entry) if entry.seq == slot.seq => self.entries.remove(&slot.key).map_or(0, |entry| entry.units),
            _ => 0,
        }
    }

    /// The entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Up to `limit` entries whose keys begin with `prefix` and are greater than `after`, in order.
    pub(crate) fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> impl Iterator<Item = (&'a Key, &'a Entry)> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let entries = self.entries.range::<str, _>((start, Bound::Unbounded));
        entries.take_while(move |(key, _)| key.starts_with(prefix)).take(limit)
    }

    /// What waits for the archive.
    pub(crate) fn ready(&self) -> Ready {
        if !self.has_archive {
            return Ready { count: 0, bytes: 0 };
        }
        Ready { count: self.queue.len(), bytes: self.queue_bytes }
    }

    /// Hands the archive what is ready: at most `count` records, none more once they hold `bytes`.
    ///
    /// Others may be taken before it ends; they end in the order in which they were taken.
    pub(crate) fn take(&mut self, count: usize, bytes: usize, batch: &mut Batch) {
        let mut taken_bytes = 0;
        while self.has_archive && batch.lots.len() < count && (taken_bytes < bytes || batch.lots.is_empty()) {
            let Some(slot) = self.queue.pop_front() else { break };
            let Some(entry) = self.entries.get_mut(&slot.key) else { continue };
            if batch.lots.is_empty() {
                self.taken_from.push_back(slot.seq);
            }
            entry.taken = true;
            taken_bytes += content_len(entry.item.as_ref()) + slot.key.len();
            self.queue_bytes = self.queue_bytes.saturating_sub(content_len(entry.item.as_ref()));
            batch.lots.push(Lot { slot: slot.seq, seq: entry.seq, units: entry.units });
            batch.records.push(entry.to_record(slot.key));
        }
    }

    /// The archive has decided on the version of a key: its entry goes, unless a newer write took its place meanwhile.
    pub(crate) fn remove(&mut self, key: &Key, version: Version) -> Option<Entry> {
        match self.entries.entry(key.clone()) {
            btree_map::Entry::Occupied(entry) if entry.get().version == version => Some(entry.remove()),
            _ => None,
        }
    }

    /// The archive gives a lot back undecided: it stands at the head of the queue again. Called last lot first.
    ///
    /// Returns what overtook it meanwhile, when it need not be archived any more.
    pub(crate) fn put_back(&mut self, lot: Lot, record: &Record) -> Option<(Version, u64)> {
        let entry = self.entries.get_mut(&record.key)?;
        if entry.version != record.version {
            return Some((entry.version, entry.seq));
        }
        entry.taken = false;
        self.queue_bytes += content_len(entry.item.as_ref());
        self.queue.push_front(Slot { seq: lot.slot, key: record.key.clone() });
        None
    }

    /// All of the batch that was taken first is decided or put back.
    pub(crate) fn end_batch(&mut self) {
        self.taken_from.pop_front();
    }

    /// All of the batch that was taken last is put back.
    pub(crate) fn undo_batch(&mut self) {
        self.taken_from.pop_back();
    }

    /// The lowest place that is not settled.
    pub(crate) fn frontier(&self) -> u64 {
        if !self.has_archive {
            return 0;
        }
        let first_queued = self.queue.front().map(|slot| slot.seq);
        let lowest = self.taken_from.iter().copied().chain(first_queued).min();
        lowest.unwrap_or(self.last_seq + 1)
    }

    /// The place of the last write taken in.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The greatest version taken in.
    pub(crate) fn greatest(&self) -> Version {
        self.greatest
    }

    /// How many keys are pending.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Entry {
    fn to_record(&self, key: Key) -> Record {
        let (body, expires_at) = match &self.item {
            Some(item) => (item.to_body(), item.expires_at()),
            None => (Body::Deleted, None),
        };
        Record { key, version: self.version, body, expires_at }
    }
}

fn content_len(item: Option<&SyncItem>) -> usize {
    item.map_or(0, |item| item.content_bytes().len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syncline_core::{NodeId, WallTime};

    use super::*;

    fn version(ms: u64) -> Version {
        Version::new(WallTime::from_millis(ms), 0, NodeId::new(1))
    }

    fn put(name: &str, ms: u64) -> Write {
        let item = SyncItem::binary(name, ms.to_le_bytes().to_vec()).stamped(version(ms));
        Write { key: Key::new(name).unwrap(), version: version(ms), item: Some(item) }
    }

    fn delete(name: &str, ms: u64) -> Write {
        Write { item: None, ..put(name, ms) }
    }

    fn take(pending: &mut Pending, count: usize, bytes: usize) -> Batch {
        let mut batch = Batch::default();
        pending.take(count, bytes, &mut batch);
        batch
    }

    #[test]
    fn a_hot_key_keeps_its_place_and_goes_with_its_newest_content() {
        let mut pending = Pending::new(true);
        assert_eq!(pending.place(1, put("hot", 1), 1), Placed::New);
        assert_eq!(pending.place(2, put("b", 2), 1), Placed::New);
        assert_eq!(pending.place(3, put("hot", 3), 5), Placed::Overtook { seq: 1, version: version(1), units: 1 });
        assert_eq!(pending.frontier(), 1);
        let batch = take(&mut pending, 1, 100);
        assert_eq!((batch.lots[0].seq, batch.records[0].version), (3, version(3)));
        assert!(pending.remove(&batch.records[0].key, version(3)).is_some());
        pending.end_batch();
        assert_eq!(pending.frontier(), 2);
    }

    #[test]
    fn an_older_version_never_takes_the_place_of_a_newer() {
        let mut pending = Pending::new(true);
        pending.place(1, put("k", 9), 1);
        assert_eq!(pending.place(2, put("k", 3), 1), Placed::Stale { by: version(9), heir: 1 });
        assert_eq!(pending.get("k").unwrap().version, version(9));
    }

    #[test]
    fn what_is_overtaken_in_the_archives_hand_is_not_queued_again() {
        let mut pending = Pending::new(true);
        pending.place(1, put("k", 1), 1);
        let batch = take(&mut pending, 10, 100);
        assert_eq!(pending.place(2, put("k", 2), 1), Placed::New);
        assert_eq!(pending.put_back(batch.lots[0], &batch.records[0]), Some((version(2), 2)));
        pending.end_batch();
        assert_eq!(pending.frontier(), 2);
        assert_eq!(take(&mut pending, 10, 100).lots.len(), 1);
    }

    #[test]
    fn what_is_put_back_goes_first_again() {
        let mut pending = Pending::new(true);
        for (seq, name) in [(1, "a"), (2, "b"), (3, "c")] {
            pending.place(seq, put(name, seq), 1);
        }
        let batch = take(&mut pending, 2, 100);
        for (lot, record) in batch.lots.iter().zip(&batch.records).rev() {
            assert_eq!(pending.put_back(*lot, record), None);
        }
        pending.end_batch();
        let keys: Vec<_> = take(&mut pending, 10, 100)
            .records
            .into_iter()
            .map(|record| record.key.to_string())
            .collect();
        assert_eq!(keys, ["a", "b", "c"]);
    }

    #[test]
    fn the_frontier_stays_below_both_batches_until_the_first_one_ends() {
        let mut pending = Pending::new(true);
        for (seq, name) in [(1, "a"), (2, "b"), (3, "c")] {
            pending.place(seq, put(name, seq), 1);
        }
        let first = take(&mut pending, 1, 100);
        let second = take(&mut pending, 1, 100);
        for (batch, frontier) in [(first, 2), (second, 3)] {
            assert_eq!(pending.frontier(), frontier - 1);
            pending.remove(&batch.records[0].key, batch.records[0].version);
            pending.end_batch();
            assert_eq!(pending.frontier(), frontier);
        }
    }

    #[test]
    fn a_batch_is_full_by_count_or_by_bytes_and_never_empty() {
        let mut pending = Pending::new(true);
        for seq in 1..=5 {
            pending.place(seq, put(&format!("key{seq}"), seq), 1);
        }
        assert_eq!(pending.ready(), Ready { count: 5, bytes: 40 });
        assert_eq!(take(&mut pending, 2, 1_000).lots.len(), 2);
        assert_eq!(take(&mut pending, 9, 1).lots.len(), 1);
        assert_eq!(take(&mut pending, 9, 13).lots.len(), 2);
        assert_eq!(pending.ready(), Ready { count: 0, bytes: 0 });
    }

    #[test]
    fn without_an_archive_tombstones_are_bounded() {
        let mut pending = Pending::new(false);
        for seq in 1..=(TOMBSTONES_MAX as u64 + 10) {
            pending.place(seq, delete(&format!("k{seq}"), seq), 1);
            assert_eq!(pending.drop_old_tombstone(), u32::from(seq > TOMBSTONES_MAX as u64));
        }
        assert_eq!(pending.len(), TOMBSTONES_MAX);
        assert_eq!(pending.ready().count, 0);
    }

    /// A stand-in for the archive task: batches in hand, and what it was told.
    #[derive(Default)]
    struct Task {
        in_hand: VecDeque<Batch>,
        archived: BTreeMap<Key, Version>,
        freed: i64,
    }

    impl Task {
        fn take(&mut self, pending: &mut Pending) -> bool {
            let batch = take(pending, 3, 1_000);
            let is_taken = !batch.lots.is_empty();
            self.in_hand.extend(is_taken.then_some(batch));
            is_taken
        }

        fn settle_first(&mut self, pending: &mut Pending) {
            let Some(batch) = self.in_hand.pop_front() else { return };
            for (lot, record) in batch.lots.iter().zip(&batch.records).rev() {
                pending.remove(&record.key, record.version);
                let row = self.archived.entry(record.key.clone()).or_insert(record.version);
                *row = record.version.max(*row);
                self.freed += i64::from(lot.units);
            }
            pending.end_batch();
        }

        fn fail_first(&mut self, pending: &mut Pending) {
            while let Some(batch) = self.in_hand.pop_back() {
                for (lot, record) in batch.lots.iter().zip(&batch.records).rev() {
                    let is_out = pending.put_back(*lot, record).is_some();
                    self.freed += if is_out { i64::from(lot.units) } else { 0 };
                }
                pending.undo_batch();
            }
        }
    }

    proptest! {
        /// Whatever comes in whatever order, the archive sees each key's greatest version, the frontier never moves back and
        /// ends above all, and every unit comes back.
        #[test]
        fn the_greatest_version_of_each_key_reaches_the_archive(
            steps in proptest::collection::vec((0u8..9, 0u8..6, 1u64..50), 1..160)
        ) {
            let (mut pending, mut task) = (Pending::new(true), Task::default());
            let mut greatest = BTreeMap::new();
            let (mut seq, mut held, mut floor) = (0, 0, 0);
            for (kind, name, ms) in steps {
                match kind {
                    0 | 1 => drop(task.take(&mut pending)),
                    2 => task.settle_first(&mut pending),
                    3 => task.fail_first(&mut pending),
                    _ => {
                        seq += 1;
                        let write = put(&format!("k{name}"), ms);
                        let best = greatest.entry(write.key.clone()).or_insert(write.version);
                        *best = write.version.max(*best);
                        held += match pending.place(seq, write, 2) {
                            Placed::New => 2,
                            Placed::Overtook { units, .. } => 2 - i64::from(units),
                            Placed::Stale { .. } => 0,
                        };
                    }
                }
                prop_assert!(pending.frontier() >= floor);
                floor = pending.frontier();
                let unsettled = task.in_hand.front().and_then(|batch| batch.lots.first());
                prop_assert!(unsettled.is_none_or(|lot| lot.slot >= floor), "the frontier passed what is in hand");
            }
            while !task.in_hand.is_empty() || task.take(&mut pending) {
                task.settle_first(&mut pending);
            }
            prop_assert_eq!(task.archived, greatest);
            prop_assert_eq!((task.freed, pending.len(), pending.frontier()), (held, 0, seq + 1));
        }
    }
}
