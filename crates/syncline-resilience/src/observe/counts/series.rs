//! The numbers of one name.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus::Histogram;

use crate::observe::outcome::{Outcome, Reason};

/// Each thread raises one of so many places of a series.
pub(super) const PLACES: usize = 8;

/// The numbers of one name.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: &'static str,
    places: [Counters; PLACES],
    delays: Histogram,
}

/// Counters of a few threads, alone in their cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counters {
    attempts: AtomicU64,
    retries: AtomicU64,
    successes: AtomicU64,
    /// By reason.
    failures: [AtomicU64; Reason::ALL.len()],
}

/// What a series counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Attempts, first ones among them.
    pub(crate) attempts: u64,
    /// Retries that were decided on.
    pub(crate) retries: u64,
    /// Operations that succeeded.
    pub(crate) successes: u64,
    failures: [u64; Reason::ALL.len()],
}

impl Totals {
    /// Operations that failed, by reason, without reasons that never were.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(self.failures).filter(|(_, count)| *count > 0)
    }
}

impl Series {
    pub(super) fn new(name: &'static str, delays: Histogram) -> Self {
        Self { name, places: Default::default(), delays }
    }

    /// The place of the thread with the number `thread`.
    pub(super) fn place(&'static self, thread: usize) -> Option<Place> {
        let counters = self.places.get(thread % PLACES)?;
        Some(Place { counters, series: self })
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for place in &self.places {
            totals.attempts += place.attempts.load(Ordering::Relaxed);
            totals.retries += place.retries.load(Ordering::Relaxed);
            totals.successes += place.successes.load(Ordering::Relaxed);
            for (total, count) in totals.failures.iter_mut().zip(&place.failures) {
                *total += count.load(Ordering::Relaxed);
            }
        }
        totals
    }
}

/// Where an operation is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    counters: &'static Counters,
    series: &'static Series,
}

impl Place {
    #[inline]
    pub(super) fn attempted(&self) {
        self.counters.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn waits(&self, delay: Duration) {
        self.counters.retries.fetch_add(1, Ordering::Relaxed);
        self.series.delays.observe(delay.as_secs_f64());
    }

    #[inline]
    pub(super) fn ended(&self, outcome: Outcome) {
        match outcome {
            Outcome::Succeeded => {
                self.counters.successes.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Failed(reason) => {
                if let Some(count) = self.counters.failures.get(reason as usize) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}
