//! The delays of one operation, one after the other.

use std::{iter::FusedIterator, time::Duration};

use super::{Backoff, Jitter, jitter::Spread};
use crate::rng::Rng;

/// Steps of a walk after which one more changes nothing about where it may be.
const WALK_MAX: u32 = 128;

/// The delays of a [`Backoff`], from that before the first retry on, without end.
///
/// Two of the same backoff draw differently: a generator is never copied from one to the other.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_resilience::{Backoff, retry::Jitter};
///
/// let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60)).with_jitter(Jitter::Equal);
/// let draw = |seed| backoff.delays().with_seed(seed).take(5).collect::<Vec<_>>();
/// assert_eq!(draw(7), draw(7));
/// ```
#[derive(Debug, Clone)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Delays {
    backoff: Backoff,
    rng: Rng,
    /// Number of the last retry that was asked for.
    retry: u32,
    /// The last delay, from which the next one may be drawn.
    previous: Duration,
}

impl Delays {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self { backoff, rng: Rng::default(), retry: 0, previous: Duration::ZERO }
    }

    /// Draws from a sequence that `seed` replays.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.rng = Rng::seeded(seed);
        self
    }

    /// The part of each delay that is left to chance.
    pub fn with_jitter(mut self, jitter: Jitter) -> Self {
        self.backoff = self.backoff.with_jitter(jitter);
        self
    }

    /// What it draws from.
    pub fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    /// Begins again with the delay before the first retry.
    pub fn reset(&mut self) {
        self.retry = 0;
        self.previous = Duration::ZERO;
    }

    /// A delay before retry `retry`, 1 for the first, drawn as if those before it had been; 0 counts as 1.
    pub fn draw(&self, retry: u32) -> Duration {
        let random = || self.rng.next_u64();
        let mut previous = Duration::ZERO;
        if self.backoff.spread == Spread::Decorrelated {
            for earlier in 1..retry.min(WALK_MAX) {
                previous = self.backoff.delay_after(earlier, previous, random);
            }
        }
        self.backoff.delay_after(retry, previous, random)
    }

    /// The next one.
    pub(super) fn step(&mut self) -> Duration {
        self.retry = self.retry.saturating_add(1);
        self.previous = self.backoff.delay_after(self.retry, self.previous, || self.rng.next_u64());
        self.previous
    }

    pub(super) fn into_backoff(self) -> Backoff {
        self.backoff
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.step())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl FusedIterator for Delays {}
