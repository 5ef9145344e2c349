//! Windows: how many of the last results were bad.
//!
//! A window counts one kind of bad: failures, or slow calls. It is told each result of a closed breaker and answers with what
//! it holds then. What it says is advice: who acts on it makes sure that the breaker has not changed meanwhile.

mod bits;
mod ring;
mod time;

use std::time::Duration;

use self::{bits::Bits, ring::Ring, time::Buckets};
use super::settings::millionths;

/// Most calls that a count window holds.
pub(super) const COUNT_MAX: u32 = 1 << 20;
/// Calls of the window of a breaker that measures slow calls and was given none.
pub(super) const DEFAULT_COUNT: u32 = 50;
/// Fewest calls for it to judge by.
pub(super) const DEFAULT_MIN_CALLS: u32 = 10;

/// Which results a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// The last so many.
    Count(u32),
    /// Those of this time.
    Time(Duration),
}

/// What a window holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) total: u64,
    pub(super) bad: u64,
}

impl Tally {
    /// The bad part, from 0.0 to 1.0; `None` of nothing.
    #[expect(clippy::cast_precision_loss, reason = "for people; decisions are made in integers")]
    pub(super) fn rate(self) -> Option<f64> {
        (self.total > 0).then(|| self.bad as f64 / self.total as f64)
    }
}

/// A window with the rate that opens the breaker.
#[derive(Debug)]
pub(super) struct Window {
    results: Results,
    min_calls: u64,
    /// Millionths, 1 at least.
    rate_ppm: u64,
}

#[derive(Debug)]
enum Results {
    Bits(Bits),
    Ring(Box<Ring>),
    Buckets(Buckets),
}

impl Window {
    /// A window that is reached by a part of `rate` of at least `min_calls` calls. More calls than it can hold are as many as
    /// that. No number is a rate of 1.0.
    pub(super) fn new(span: Span, min_calls: u32, rate: f64) -> Self {
        let (results, holds) = match span {
            Span::Count(count @ ..=bits::COUNT_MAX) => (Results::Bits(Bits::new(count)), count),
            Span::Count(count) => (Results::Ring(Box::new(Ring::new(count.min(COUNT_MAX)))), count.min(COUNT_MAX)),
            Span::Time(span) => (Results::Buckets(Buckets::new(span)), time::SURE_MAX),
        };
        let rate = if rate.is_nan() { 1.0 } else { rate };
        let min_calls = u64::from(min_calls.min(holds).max(1));
        Self { results, min_calls, rate_ppm: u64::from(millionths(rate).max(1)) }
    }

    /// Takes a result; returns how many are bad where the window is at its rate or over it then. Only a window of time asks
    /// for the time, in nanoseconds.
    pub(super) fn record(&self, bad: bool, now_ns: impl Fn() -> u64) -> Option<u64> {
        let tally = match &self.results {
            Results::Bits(bits) => bits.record(bad),
            Results::Ring(ring) => ring.record(bad),
            Results::Buckets(buckets) => buckets.record(bad, now_ns()),
        };
        self.is_over(tally).then_some(tally.bad)
    }

    pub(super) fn tally(&self, now_ns: impl Fn() -> u64) -> Tally {
        match &self.results {
            Results::Bits(bits) => bits.tally(),
            Results::Ring(ring) => ring.tally(),
            Results::Buckets(buckets) => buckets.tally(now_ns()),
        }
    }

    /// Forgets all. What is recorded meanwhile may stay or go.
    pub(super) fn clear(&self) {
        match &self.results {
            Results::Bits(bits) => bits.clear(),
            Results::Ring(ring) => ring.clear(),
            Results::Buckets(buckets) => buckets.clear(),
        }
    }

    fn is_over(&self, tally: Tally) -> bool {
        tally.total >= self.min_calls
            && u128::from(tally.bad) * 1_000_000 >= u128::from(tally.total) * u128::from(self.rate_ppm)
    }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use super::*;

    /// Trap 30: fewer calls than the window holds are enough, and no more than it holds are ever asked for.
    #[test]
    fn a_window_judges_by_its_fewest_calls_before_it_is_full() {
        let fewest = |window: Window| (1..).find(|_| window.record(true, || 0).is_some());
        assert_eq!(fewest(Window::new(Span::Count(100), 4, 0.5)), Some(4));
        assert_eq!(fewest(Window::new(Span::Count(20), 4, 0.5)), Some(4));
        assert_eq!(fewest(Window::new(Span::Count(10), 1_000, 0.5)), Some(10));
        assert_eq!(fewest(Window::new(Span::Count(100), u32::MAX, 0.5)), Some(100));
        assert_eq!(fewest(Window::new(Span::Time(Duration::from_secs(10)), 4, 0.5)), Some(4));
        assert_eq!(fewest(Window::new(Span::Count(0), 0, 0.5)), Some(1));
    }

    #[test]
    fn a_rate_is_reached_by_its_exact_part() {
        for (bad, expected) in [(4, false), (5, true)] {
            let window = Window::new(Span::Count(10), 10, 0.5);
            let over = (0..10).filter_map(|i| window.record(i < bad, || 0)).last();
            assert_eq!(over, expected.then_some(bad), "{bad} of 10");
        }
    }

    #[test]
    fn rates_that_make_no_sense_are_the_nearest_that_do() {
        let opens_at = |rate| {
            let window = Window::new(Span::Count(10), 10, rate);
            (0..=10).find(|bad| (0..10).filter_map(|i| window.record(i < *bad, || 0)).last().is_some())
        };
        let rates = [f64::NAN, 7.0, 1.0, 0.0, -3.0];
        assert_eq!(rates.map(opens_at), [Some(10), Some(10), Some(10), Some(1), Some(1)]);
    }
}
