//! The last few results, in one word.
//!
//! One bit a result, the latest lowest, and above the oldest a bit that is always set: its place says how many there are. So
//! a result is one exchange, and nothing can be half done.

use super::Tally;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Most results that fit.
pub(super) const COUNT_MAX: u32 = 63;

/// Only the bit above the oldest.
const EMPTY: u64 = 1;

#[derive(Debug)]
pub(super) struct Bits {
    word: AtomicU64,
    /// `1..=63`.
    count: u32,
}

impl Bits {
    /// Holds `count` results, at least one and at most [`COUNT_MAX`].
    pub(super) fn new(count: u32) -> Self {
        Self { word: AtomicU64::new(EMPTY), count: count.clamp(1, COUNT_MAX) }
    }

    /// Takes a result; returns what there is then.
    pub(super) fn record(&self, bad: bool) -> Tally {
        let mut old = self.word.load(Ordering::Relaxed);
        loop {
            let new = push(old, bad, self.count);
            match self.word.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return tally(new),
                Err(current) => old = current,
            }
        }
    }

    pub(super) fn tally(&self) -> Tally {
        tally(self.word.load(Ordering::Relaxed))
    }

    pub(super) fn clear(&self) {
        self.word.store(EMPTY, Ordering::Relaxed);
    }
}

/// `history` with one result more, and the oldest gone where there would be more than `count`.
fn push(history: u64, bad: bool, count: u32) -> u64 {
    let top = 1 << count;
    let pushed = history << 1 | u64::from(bad);
    if history >= top { pushed & (top - 1) | top } else { pushed }
}

fn tally(history: u64) -> Tally {
    let total = u64::from(u64::BITS - 1 - history.leading_zeros());
    Tally { total, bad: u64::from(history.count_ones()) - 1 }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use std::collections::VecDeque;

    use syncline_testkit::{SeededRandom, seed};

    use super::*;

    /// Trap 29: a window forgets, one result for each that comes.
    #[test]
    fn it_holds_exactly_the_last_results_for_every_size() {
        let random = SeededRandom::new(seed());
        for count in 1..=COUNT_MAX {
            let (bits, mut exact) = (Bits::new(count), VecDeque::new());
            for step in 0..2_000 {
                // Runs of one kind as well as mixtures.
                let bad = random.once_in(1 + random.below(5));
                exact.push_back(bad);
                exact.drain(..exact.len().saturating_sub(count as usize));
                let expected =
                    Tally { total: exact.len() as u64, bad: exact.iter().filter(|bad| **bad).count() as u64 };
                assert_eq!((bits.record(bad), bits.tally()), (expected, expected), "size {count}, step {step}");
                if random.once_in(500) {
                    bits.clear();
                    exact.clear();
                    assert_eq!(bits.tally(), Tally::default());
                }
            }
        }
    }
}
