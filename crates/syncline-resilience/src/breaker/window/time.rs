//! The results of some time, in buckets that know which time they are of.
//!
//! Time is cut into slices, a tenth of the window each; the window is the slice of now and the nine before it. A slice has one
//! bucket, a word: `[turn 24 | total 20 | bad 20]`, where the turn says which of the slices that share the bucket it counts.
//! Who comes with another turn replaces the bucket, who reads passes over it. So no time without calls is ever caught up
//! with: an idle year costs what an idle second does.

use std::time::Duration;

use super::Tally;
use crate::sync::atomic::{AtomicU64, Ordering};

const BUCKETS: usize = 10;
const COUNT_BITS: u32 = 20;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const TURN_MASK: u64 = (1 << 24) - 1;
/// Calls that a window counts however they are spread: a full bucket halves both of its counts, which keeps its rate.
pub(super) const SURE_MAX: u32 = 1 << (COUNT_BITS - 1);

#[derive(Debug)]
pub(super) struct Buckets {
    words: [AtomicU64; BUCKETS],
    slice_ns: u64,
}

impl Buckets {
    /// Holds the results of the last `span`, to a tenth of it.
    pub(super) fn new(span: Duration) -> Self {
        let slice_ns = u64::try_from(span.as_nanos().div_ceil(BUCKETS as u128)).unwrap_or(u64::MAX).max(1);
        Self { words: std::array::from_fn(|_| AtomicU64::new(0)), slice_ns }
    }

    /// Takes a result; returns what there is then.
    pub(super) fn record(&self, bad: bool, now_ns: u64) -> Tally {
        let (index, turn) = self.slice(now_ns);
        if let Some(word) = self.words.get(index) {
            let mut old = word.load(Ordering::Relaxed);
            while let Some(new) = add(old, turn, bad) {
                match word.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => break,
                    Err(current) => old = current,
                }
            }
        }
        self.tally(now_ns)
    }

    pub(super) fn tally(&self, now_ns: u64) -> Tally {
        let (now_index, turn) = self.slice(now_ns);
        let mut tally = Tally::default();
        for (index, word) in self.words.iter().enumerate() {
            // The buckets after that of now were last due one turn ago.
            let due = if index <= now_index { turn } else { turn.wrapping_sub(1) & TURN_MASK };
            let word = word.load(Ordering::Relaxed);
            if turn_of(word) == due {
                tally.total += total_of(word);
                tally.bad += bad_of(word);
            }
        }
        tally
    }

    pub(super) fn clear(&self) {
        self.words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// The bucket of a moment, and its turn.
    fn slice(&self, now_ns: u64) -> (usize, u64) {
        let slice = now_ns / self.slice_ns;
        let index = usize::try_from(slice % BUCKETS as u64).unwrap_or(0);
        (index, (slice / BUCKETS as u64) & TURN_MASK)
    }
}

/// `word` with one result more; `None` for a result of the turn before the word's, whose time another result ended.
fn add(word: u64, turn: u64, bad: bool) -> Option<u64> {
    if turn_of(word) == turn {
        let (mut total, mut failed) = (total_of(word), bad_of(word));
        if total == COUNT_MASK {
            (total, failed) = (total / 2, failed / 2);
        }
        return Some(pack(turn, total + 1, failed + u64::from(bad)));
    }
    let is_late = turn_of(word) == (turn + 1) & TURN_MASK && total_of(word) > 0;
    // A word of any other turn is old, or from before the clock was set back.
    (!is_late).then(|| pack(turn, 1, u64::from(bad)))
}

fn pack(turn: u64, total: u64, bad: u64) -> u64 {
    turn << (2 * COUNT_BITS) | total << COUNT_BITS | bad
}

fn turn_of(word: u64) -> u64 {
    word >> (2 * COUNT_BITS)
}

fn total_of(word: u64) -> u64 {
    word >> COUNT_BITS & COUNT_MASK
}

fn bad_of(word: u64) -> u64 {
    word & COUNT_MASK
}

#[cfg(all(test, syncline_loom))]
mod loom_models {
    use std::sync::Arc;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn race(first: &'static [(bool, u64)], second: &'static [(bool, u64)], at: u64, expected: Tally) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let buckets = Arc::new(Buckets::new(Duration::from_secs(10)));
            let other = {
                let buckets = Arc::clone(&buckets);
                loom::thread::spawn(move || {
                    for (bad, now) in first {
                        buckets.record(*bad, *now);
                    }
                })
            };
            for (bad, now) in second {
                buckets.record(*bad, *now);
            }
            other.join().unwrap();
            assert_eq!(buckets.tally(at), expected);
        });
    }

    #[test]
    fn no_result_of_one_slice_is_lost() {
        race(&[(true, 5), (false, 5)], &[(true, 5), (true, 5)], 5, Tally { total: 4, bad: 3 });
    }

    #[test]
    fn a_slice_that_ends_in_a_race_takes_its_results_with_it() {
        // Ten seconds later the same bucket has another turn: whoever comes first, the old results are gone.
        race(&[(true, 0), (true, 0)], &[(false, 10 * SECOND)], 10 * SECOND, Tally { total: 1, bad: 0 });
    }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use syncline_testkit::{SeededRandom, seed};

    use super::*;

    const YEAR: u64 = 31_536_000_000_000_000;

    /// The results of every slice, none forgotten.
    #[derive(Default)]
    struct Exact(Vec<(u64, bool)>);

    impl Exact {
        fn tally(&self, now_slice: u64) -> Tally {
            let live = self.0.iter().filter(|(slice, _)| now_slice - slice < BUCKETS as u64);
            live.fold(Tally::default(), |tally, (_, bad)| Tally {
                total: tally.total + 1,
                bad: tally.bad + u64::from(*bad),
            })
        }
    }

    /// Trap 32: an idle time is not caught up with.
    #[test]
    fn it_holds_exactly_the_slices_of_its_time() {
        let random = SeededRandom::new(seed());
        for round in 0..300 {
            let span = Duration::from_nanos([1, 9, 10, 1_000, 10_000_000_000, 777][random.index(6)]);
            let buckets = Buckets::new(span);
            let (mut exact, mut now) = (Exact::default(), random.below(YEAR));
            for step in 0..200 {
                now += match random.below(10) {
                    0 => random.below(3 * buckets.slice_ns * BUCKETS as u64),
                    // Never a whole number of circles, which would be seen as no time at all.
                    1 => buckets.slice_ns * (100 + random.below(1_000)),
                    2..5 => 0,
                    _ => random.below(2 * buckets.slice_ns),
                };
                let (bad, slice) = (random.once_in(2), now / buckets.slice_ns);
                exact.0.push((slice, bad));
                let expected = exact.tally(slice);
                assert_eq!((buckets.record(bad, now), buckets.tally(now)), (expected, expected), "{round}, {step}");
            }
        }
    }

    #[test]
    fn ten_idle_years_end_at_once() {
        let buckets = Buckets::new(Duration::from_secs(1));
        (0..100).for_each(|i| _ = buckets.record(true, i * 10_000_000));
        assert_eq!(buckets.tally(990_000_000), Tally { total: 100, bad: 100 });
        assert_eq!(buckets.tally(10 * YEAR), Tally::default());
        assert_eq!(buckets.record(false, 10 * YEAR), Tally { total: 1, bad: 0 });
    }

    /// Trap 31: a window of time takes the same memory for any number of calls.
    #[test]
    fn a_full_bucket_keeps_its_rate() {
        let buckets = Buckets::new(Duration::from_secs(1));
        for i in 0..4_000_000_u64 {
            buckets.record(i % 4 == 0, 0);
        }
        let tally = buckets.tally(0);
        assert!(tally.total >= u64::from(SURE_MAX));
        assert!((tally.rate().unwrap() - 0.25).abs() < 0.001, "{tally:?}");
        assert_eq!(size_of_val(&buckets), 88);
    }

    #[test]
    fn a_clock_set_back_by_more_than_the_window_starts_anew() {
        let buckets = Buckets::new(Duration::from_secs(10));
        let hour = 3_600_000_000_000;
        (0..50).for_each(|_| _ = buckets.record(true, 2 * hour));
        assert_eq!(buckets.record(false, hour), Tally { total: 1, bad: 0 });
    }

    #[test]
    fn the_longest_window_and_the_last_moment_work() {
        let buckets = Buckets::new(Duration::MAX);
        assert_eq!(buckets.record(true, 0), Tally { total: 1, bad: 1 });
        assert_eq!(buckets.record(true, u64::MAX).bad, 2);
    }
}
