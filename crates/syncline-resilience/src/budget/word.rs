//! The one word that threads share, alone on its cache lines.

use std::hint;

use crate::sync::atomic::{AtomicU64, Ordering};

/// Lost races after which a thread tells the processor that it spins.
const PATIENCE: u32 = 4;

/// Keeps its content on cache lines of its own: two of 64 bytes, because processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Alone<T>(pub(super) T);

/// What an operation makes of the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// What the word becomes; `None` leaves it as it is, and nothing is written.
    pub(super) write: Option<u64>,
    /// Whether what was asked for is granted.
    pub(super) is_granted: bool,
}

impl Step {
    /// Refused, and nothing changes.
    pub(super) const REFUSED: Self = Self { write: None, is_granted: false };

    #[inline]
    pub(super) const fn granted(word: u64) -> Self {
        Self { write: Some(word), is_granted: true }
    }
}

/// All that changes in a budget. It guards no other memory, so that relaxed order is enough.
#[derive(Debug)]
pub(super) struct Word {
    word: AtomicU64,
    /// Attempts to write, lost races among them.
    #[cfg(all(test, not(syncline_loom)))]
    writes: AtomicU64,
}

impl Word {
    pub(super) fn new(word: u64) -> Self {
        Self {
            word: AtomicU64::new(word),
            #[cfg(all(test, not(syncline_loom)))]
            writes: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn load(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    /// Takes the step that `decide` makes of the word, deciding again where another thread was faster: that one got on.
    /// Returns whether the step is a grant.
    #[inline]
    pub(super) fn update(&self, decide: impl Fn(u64) -> Step) -> bool {
        let mut seen = self.load();
        let mut lost = 0_u32;
        loop {
            let step = decide(seen);
            let Some(word) = step.write else { return step.is_granted };
            match self.write(seen, word) {
                Ok(()) => return step.is_granted,
                Err(other) => seen = other,
            }
            lost = lost.saturating_add(1);
            if lost > PATIENCE {
                hint::spin_loop();
            }
        }
    }

    #[inline]
    fn write(&self, seen: u64, word: u64) -> Result<(), u64> {
        #[cfg(all(test, not(syncline_loom)))]
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.word
            .compare_exchange_weak(seen, word, Ordering::Relaxed, Ordering::Relaxed)
            .map(drop)
    }

    #[cfg(all(test, not(syncline_loom)))]
    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }
}
