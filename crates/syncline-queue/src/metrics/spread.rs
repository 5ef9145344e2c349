//! How long and how often, as distributions.

use super::Histogram;

/// Seconds: from a millisecond to an hour.
const SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0,
];
/// Attempts of an item.
const ATTEMPTS: &[f64] = &[1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0];

/// Distributions since a queue was opened here: see [`SyncQueue::distributions`](crate::SyncQueue::distributions).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Distributions {
    /// Seconds from when an item could be handed out to when it was, by level.
    pub wait: [Histogram; 5],
    /// Seconds in hand of attempts that completed their item.
    pub completed: Histogram,
    /// Seconds in hand of attempts that are followed by another one.
    pub retried: Histogram,
    /// Seconds in hand of attempts that were the last.
    pub dead: Histogram,
    /// Attempts of items that were completed or died of an outcome.
    pub attempts: Histogram,
}

impl Default for Distributions {
    fn default() -> Self {
        let seconds = || Histogram::new(SECONDS);
        Self {
            wait: std::array::from_fn(|_| seconds()),
            completed: seconds(),
            retried: seconds(),
            dead: seconds(),
            attempts: Histogram::new(ATTEMPTS),
        }
    }
}
