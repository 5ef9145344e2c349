//! How fast items go out: a bucket that fills by itself.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use syncline_core::Instant;

use super::Bell;
use crate::Rate;

/// The bucket as one moment: when it is full. Each item moves it on by what it takes to fill again.
#[derive(Debug)]
pub(super) struct Pace {
    /// What one item takes to fill.
    step: Duration,
    burst: u32,
    full_at: Mutex<Instant>,
    /// Somebody found it empty since something was put back.
    was_empty: AtomicBool,
}

/// Items that may go out. What is not [spent](Self::spend) is put back.
#[must_use = "dropped at once nothing may go out"]
pub(super) struct Paid<'a> {
    pace: &'a Pace,
    bell: &'a Bell,
    left: u32,
}

impl Pace {
    pub(super) fn new(rate: &Rate, now: Instant) -> Self {
        let step = (rate.per / rate.items.max(1)).max(Duration::from_nanos(1));
        Self {
            step,
            burst: rate.burst,
            full_at: Mutex::new(now),
            was_empty: AtomicBool::new(false),
        }
    }

    /// Leave for up to `most` items at `now`; none when it is empty.
    pub(super) fn pay<'a>(&'a self, most: usize, now: Instant, bell: &'a Bell) -> Paid<'a> {
        let mut full_at = self.full_at();
        let lacking = full_at.saturating_since(now);
        let room = (self.step * self.burst).saturating_sub(lacking);
        let there = room.as_nanos() / self.step.as_nanos();
        let left = u32::try_from(there).unwrap_or(u32::MAX).min(u32::try_from(most).unwrap_or(u32::MAX));
        *full_at = now + lacking + self.step * left;
        if left == 0 {
            self.was_empty.store(true, SeqCst);
        }
        Paid { pace: self, bell, left }
    }

    /// How long it is empty.
    pub(super) fn empty_for(&self, now: Instant) -> Duration {
        let lacking = self.full_at().saturating_since(now);
        (lacking + self.step).saturating_sub(self.step * self.burst)
    }

    fn put_back(&self, items: u32) -> bool {
        let mut full_at = self.full_at();
        let since = full_at.since_origin().saturating_sub(self.step * items);
        *full_at = Instant::from_origin(since);
        self.was_empty.swap(false, SeqCst)
    }

    fn full_at(&self) -> MutexGuard<'_, Instant> {
        // One plain value, so a panic elsewhere does not spoil it.
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Paid<'_> {
    pub(super) fn left(&self) -> usize {
        self.left as usize
    }

    /// So many went out.
    pub(super) fn spend(&mut self, items: usize) {
        self.left = self.left.saturating_sub(u32::try_from(items).unwrap_or(u32::MAX));
    }
}

impl Drop for Paid<'_> {
    fn drop(&mut self) {
        if self.left > 0 && self.pace.put_back(self.left) {
            // Who found it empty meanwhile sleeps for longer than it has to.
            self.bell.ring_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn a_burst_then_one_by_one_and_what_is_not_spent_is_put_back() {
        let (rate, bell) = (Rate { items: 10, per: Duration::from_secs(1), burst: 3 }, Bell::default());
        let pace = Pace::new(&rate, at(1_000));
        let spend = |most: usize, spent: usize, now: u64| {
            let mut paid = pace.pay(most, at(now), &bell);
            let left = paid.left();
            paid.spend(spent);
            left
        };
        assert_eq!((spend(9, 2, 1_000), pace.empty_for(at(1_000))), (3, Duration::ZERO));
        assert_eq!((spend(9, 1, 1_000), pace.empty_for(at(1_000))), (1, Duration::from_millis(100)));
        assert_eq!((spend(9, 0, 1_099), spend(9, 1, 1_100), spend(1, 0, 1_199)), (0, 1, 0));
        assert_eq!((spend(2, 0, 9_000), spend(9, 3, 9_000), spend(9, 0, 9_000)), (2, 3, 0));
    }
}
