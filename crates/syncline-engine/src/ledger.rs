//! What became of the writes that were settled and are not simply in the archive.
//!
//! It remembers as many as its bound; of older ones it says that it forgot, and the archive is asked instead. So a receipt
//! is never told `Written` for want of memory.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use syncline_core::{Error, Key, Version};

/// Most outcomes remembered for receipts that ask late.
const REMEMBERED_MAX: usize = 16_384;

/// A write that was found not newer than what stood there. It is not in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// Which item.
    pub key: Key,
    /// The version that lost.
    pub version: Version,
    /// The version that stands.
    pub by: Version,
}

/// What became of one write.
#[derive(Debug)]
pub(crate) enum Fate {
    /// A newer one stands. Where that is a write of this engine, `heir` is its place: it decides for both.
    Superseded { by: Version, heir: Option<u64> },
    /// It was refused or given up.
    Failed(Error),
}

/// What the ledger knows of a settled write.
#[derive(Debug)]
pub(crate) enum Verdict {
    Written,
    Superseded(Version),
    Failed(Error),
    /// It was too long ago.
    Forgotten,
}

/// Outcomes by place, and the superseded by name.
#[derive(Debug)]
pub(crate) struct Ledger {
    book: Mutex<Book>,
    /// Whether anything was ever recorded: until then nobody who asks has to lock.
    is_used: AtomicBool,
    listed_max: usize,
}

#[derive(Debug, Default)]
struct Book {
    fates: BTreeMap<u64, Fate>,
    failed: usize,
    /// Outcomes below this place were forgotten.
    floor: u64,
    superseded: VecDeque<Superseded>,
}

impl Ledger {
    pub(crate) fn new(listed_max: usize) -> Self {
        Self { book: Mutex::default(), is_used: AtomicBool::new(false), listed_max }
    }

    /// Remembers what became of the write at `seq`. Called before the frontier passes it.
    pub(crate) fn record(&self, seq: u64, fate: Fate) {
        let mut book = self.book();
        book.failed += usize::from(matches!(fate, Fate::Failed(_)));
        book.fates.insert(seq, fate);
        if book.fates.len() > REMEMBERED_MAX {
            book.forget_first();
        }
        drop(book);
        self.is_used.store(true, Ordering::Release);
    }

    /// Adds a write to the list that people see.
    pub(crate) fn list(&self, superseded: Superseded) {
        let mut book = self.book();
        if book.superseded.len() >= self.listed_max {
            book.superseded.pop_front();
        }
        if self.listed_max > 0 {
            book.superseded.push_back(superseded);
        }
    }

    /// The superseded writes, oldest first.
    pub(crate) fn superseded(&self) -> Vec<Superseded> {
        self.book().superseded.iter().cloned().collect()
    }

    /// What became of the write at `seq`, which is settled.
    pub(crate) fn verdict(&self, seq: u64) -> Verdict {
        if !self.is_used.load(Ordering::Acquire) {
            return Verdict::Written;
        }
        self.book().verdict(seq)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Each critical section leaves the book whole, so a panic elsewhere does not spoil it.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn forget_first(&mut self) {
        let Some((seq, fate)) = self.fates.pop_first() else { return };
        self.failed -= usize::from(matches!(fate, Fate::Failed(_)));
        self.floor = self.floor.max(seq + 1);
    }

    fn verdict(&self, seq: u64) -> Verdict {
        if seq < self.floor {
            return Verdict::Forgotten;
        }
        match self.fates.get(&seq) {
            None => Verdict::Written,
            Some(Fate::Failed(error)) => Verdict::Failed(error.share()),
            Some(Fate::Superseded { by, heir }) => match heir.and_then(|heir| self.failed_heir(heir)) {
                // What overtook it never arrived, so neither did it.
                Some(error) => Verdict::Failed(error),
                None => Verdict::Superseded(*by),
            },
        }
    }

    /// Follows the line of heirs to its end; the error when that failed. Heirs stand at growing places, so the line ends.
    fn failed_heir(&self, mut seq: u64) -> Option<Error> {
        if self.failed == 0 {
            return None;
        }
        loop {
            match self.fates.get(&seq)? {
                Fate::Failed(error) => return Some(error.share()),
                Fate::Superseded { heir: Some(heir), .. } if *heir > seq => seq = *heir,
                Fate::Superseded { .. } => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use syncline_core::{ErrorKind, NodeId, WallTime};

    use super::*;

    fn version(ms: u64) -> Version {
        Version::new(WallTime::from_millis(ms), 0, NodeId::new(1))
    }

    fn superseded(ms: u64, heir: u64) -> Fate {
        Fate::Superseded { by: version(ms), heir: Some(heir) }
    }

    #[test]
    fn what_nobody_recorded_was_written() {
        let ledger = Ledger::new(10);
        assert!(matches!(ledger.verdict(7), Verdict::Written));
        ledger.record(8, superseded(2, 9));
        assert!(matches!(ledger.verdict(7), Verdict::Written));
        assert!(matches!(ledger.verdict(8), Verdict::Superseded(by) if by == version(2)));
    }

    #[test]
    fn a_write_whose_last_heir_failed_failed_with_it() {
        let ledger = Ledger::new(10);
        ledger.record(1, superseded(2, 2));
        ledger.record(2, superseded(3, 3));
        ledger.record(3, Fate::Failed(Error::new(ErrorKind::Unavailable, "archive is down")));
        for seq in 1..=3 {
            assert!(matches!(ledger.verdict(seq), Verdict::Failed(error) if error.kind() == ErrorKind::Unavailable));
        }
    }

    #[test]
    fn what_is_forgotten_is_never_called_written() {
        let ledger = Ledger::new(10);
        for seq in 0..=REMEMBERED_MAX as u64 {
            ledger.record(seq, superseded(1, seq + 1));
        }
        assert!(matches!(ledger.verdict(0), Verdict::Forgotten));
        assert!(matches!(ledger.verdict(1), Verdict::Superseded(_)));
    }

    #[test]
    fn the_list_keeps_the_newest() {
        let ledger = Ledger::new(2);
        for ms in 1..=3 {
            ledger.list(Superseded { key: Key::new("k").unwrap(), version: version(ms), by: version(9) });
        }
        let versions: Vec<_> = ledger.superseded().into_iter().map(|write| write.version).collect();
        assert_eq!(versions, [version(2), version(3)]);
    }
}
