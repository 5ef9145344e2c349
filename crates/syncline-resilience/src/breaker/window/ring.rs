//! The last many results: a ring of bits.
//!
//! Each result draws a number, which is its place in the ring. The exchange that sets or clears its bit returns the bit of the
//! result that it replaces; the sum of the bits is kept by that difference, so that it needs no walk and, once all writers
//! are done, is exact whatever their order was. While one is between its steps the sum may be one off for it, either way.

use super::{super::count::Padded, Tally};
use crate::sync::atomic::{AtomicI64, AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Ring {
    words: Box<[AtomicU64]>,
    /// Results so far.
    drawn: Padded<AtomicU64>,
    /// Bits that are set. Below zero where one was counted out before it was counted in.
    bad: Padded<AtomicI64>,
    count: u64,
}

impl Ring {
    /// Holds `count` results, at least one, in as many bits.
    pub(super) fn new(count: u32) -> Self {
        let count = count.max(1);
        let words = (0..count.div_ceil(u64::BITS)).map(|_| AtomicU64::new(0)).collect();
        let (drawn, bad) = (Padded(AtomicU64::new(0)), Padded(AtomicI64::new(0)));
        Self { words, drawn, bad, count: u64::from(count) }
    }

    /// Takes a result; returns what there is then.
    pub(super) fn record(&self, bad: bool) -> Tally {
        let place = self.drawn.0.fetch_add(1, Ordering::Relaxed) % self.count;
        let bit = 1 << (place % u64::from(u64::BITS));
        let word = usize::try_from(place / u64::from(u64::BITS)).ok().and_then(|index| self.words.get(index));
        if let Some(word) = word {
            let old = if bad {
                word.fetch_or(bit, Ordering::Relaxed)
            } else {
                word.fetch_and(!bit, Ordering::Relaxed)
            };
            let change = i64::from(bad) - i64::from(old & bit != 0);
            if change != 0 {
                self.bad.0.fetch_add(change, Ordering::Relaxed);
            }
        }
        self.tally()
    }

    pub(super) fn tally(&self) -> Tally {
        let total = self.drawn.0.load(Ordering::Relaxed).min(self.count);
        let bad = u64::try_from(self.bad.0.load(Ordering::Relaxed)).unwrap_or(0);
        Tally { total, bad: bad.min(total) }
    }

    pub(super) fn clear(&self) {
        self.drawn.0.store(0, Ordering::Relaxed);
        for word in &self.words {
            let old = word.swap(0, Ordering::Relaxed);
            self.bad.0.fetch_sub(i64::from(old.count_ones()), Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, syncline_loom))]
mod loom_models {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_sum_is_that_of_the_bits_whatever_races() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let ring = Arc::new(Ring::new(2));
            ring.record(true);
            let other = {
                let ring = Arc::clone(&ring);
                loom::thread::spawn(move || {
                    ring.record(true);
                    ring.clear();
                })
            };
            ring.record(false);
            ring.record(true);
            other.join().unwrap();
            let bits: u32 = ring.words.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum();
            assert_eq!(ring.bad.0.load(Ordering::Relaxed), i64::from(bits));
        });
    }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use std::{collections::VecDeque, sync::Arc};

    use syncline_core::rt;
    use syncline_testkit::{SeededRandom, seed};

    use super::*;

    #[test]
    fn it_holds_exactly_the_last_results() {
        let random = SeededRandom::new(seed());
        for count in [1, 2, 63, 64, 65, 100, 128, 1_000] {
            let (ring, mut exact) = (Ring::new(count), VecDeque::new());
            for step in 0..5_000 {
                let bad = random.once_in(1 + random.below(5));
                exact.push_back(bad);
                exact.drain(..exact.len().saturating_sub(count as usize));
                let expected =
                    Tally { total: exact.len() as u64, bad: exact.iter().filter(|bad| **bad).count() as u64 };
                assert_eq!((ring.record(bad), ring.tally()), (expected, expected), "size {count}, step {step}");
                if random.once_in(2_000) {
                    ring.clear();
                    exact.clear();
                    assert_eq!(ring.tally(), Tally::default());
                }
            }
        }
    }

    #[test]
    fn the_sum_is_that_of_the_bits_once_all_writers_are_done() {
        let ring = Arc::new(Ring::new(100));
        let threads = [1, 2, 3].map(|seed| {
            let ring = Arc::clone(&ring);
            rt::thread("record", move || {
                let random = SeededRandom::new(seed);
                for _ in 0..50_000 {
                    ring.record(random.once_in(2));
                }
            })
            .unwrap()
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let bits: u32 = ring.words.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum();
        assert_eq!(ring.tally(), Tally { total: 100, bad: u64::from(bits) });
    }
}
