//! What a backoff is.

use std::{sync::Arc, time::Duration};

use super::{
    Delays, Jitter,
    growth::{Growth, nanos},
    jitter::{Spread, shorten, walk},
};

/// How long to wait before each retry: plain data, from which [`delays`](Self::delays) draws.
///
/// The order of setters does not matter: a base above the longest delay counts as the longest delay when a delay is asked for,
/// and not before. Jitter is [`Jitter::None`] unless set.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_resilience::{Backoff, retry::Jitter};
///
/// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_millis(500));
/// let millis: Vec<_> = backoff.delays().take(4).map(|delay| delay.as_millis()).collect();
/// assert_eq!(millis, [100, 200, 400, 500]);
///
/// let spread = backoff.with_jitter(Jitter::Full);
/// assert!(spread.delays().take(100).all(|delay| delay <= Duration::from_millis(500)));
/// assert_eq!(spread.worst_case_duration(4), Duration::from_millis(1_200));
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is data; draw delays from it or give it to a strategy"]
pub struct Backoff {
    pub(super) growth: Growth,
    base: Duration,
    max: Duration,
    pub(super) spread: Spread,
}

impl Backoff {
    /// From `base`, doubling, to `max`.
    pub fn exponential(base: Duration, max: Duration) -> Self {
        Self::new(Growth::Exponential, base, max)
    }

    /// From `base`, longer by `increment` each time, to `max`.
    pub fn linear(base: Duration, increment: Duration, max: Duration) -> Self {
        Self::new(Growth::Linear { increment }, base, max)
    }

    /// `delay` each time.
    pub fn constant(delay: Duration) -> Self {
        Self::new(Growth::Constant, delay, Duration::MAX)
    }

    /// [`constant`](Self::constant) by the other name that it goes by.
    pub fn fixed(delay: Duration) -> Self {
        Self::constant(delay)
    }

    /// From `base`, each as long as the two before it together, to `max`. It begins with `base` twice.
    pub fn fibonacci(base: Duration, max: Duration) -> Self {
        Self::new(Growth::Fibonacci, base, max)
    }

    /// What `function` says for the number of the retry, 1 for the first, up to `max`. It is asked before each retry and should
    /// be quick.
    pub fn custom(function: impl Fn(u32) -> Duration + Send + Sync + 'static, max: Duration) -> Self {
        Self::new(Growth::Custom(Arc::new(function)), Duration::ZERO, max)
    }

    fn new(growth: Growth, base: Duration, max: Duration) -> Self {
        Self { growth, base, max, spread: Jitter::None.into() }
    }

    /// Delay before the first retry, from which the others grow. A custom backoff has its own and ignores it.
    pub fn with_base_delay(mut self, base_delay: Duration) -> Self {
        self.base = base_delay;
        self
    }

    /// Longest delay, jitter included.
    pub fn with_max_delay(mut self, max_delay: Duration) -> Self {
        self.max = max_delay;
        self
    }

    /// The part of each delay that is left to chance.
    pub fn with_jitter(mut self, jitter: Jitter) -> Self {
        self.spread = jitter.into();
        self
    }

    /// The delay before retry `retry`, 1 for the first; 0 counts as 1.
    ///
    /// `previous` is the delay before the last retry, zero where there was none; only [`Jitter::Decorrelated`] looks at it.
    /// `random` is asked for 64 uniform bits, and only where something is left to chance.
    pub fn delay_after(&self, retry: u32, previous: Duration, random: impl FnMut() -> u64) -> Duration {
        Duration::from_nanos(match self.spread {
            Spread::Part { per_billion } => shorten(self.capped(retry), per_billion, random),
            Spread::Decorrelated => walk(self.capped(1), nanos(previous), self.cap(), random),
        })
    }

    /// The longest time that `retries` delays take together: each as long as it can be. It saturates, and is exact for all but
    /// a custom backoff, which is asked for its first thousand delays and counted at its longest after them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use syncline_resilience::Backoff;
    ///
    /// let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60));
    /// assert_eq!(backoff.worst_case_duration(4), Duration::from_secs(1 + 2 + 4 + 8));
    /// ```
    pub fn worst_case_duration(&self, retries: u32) -> Duration {
        super::total::longest(self, retries)
    }

    /// The delays, from that before the first retry on, without end. Each call begins anew, with draws of its own.
    pub fn delays(&self) -> Delays {
        Delays::new(self.clone())
    }

    /// Nanoseconds before retry `retry` before anything is left to chance.
    pub(super) fn capped(&self, retry: u32) -> u64 {
        self.growth.nanos(nanos(self.base), retry).min(self.cap())
    }

    /// Nanoseconds that no delay exceeds.
    pub(super) fn cap(&self) -> u64 {
        let max = nanos(self.max);
        match self.growth {
            Growth::Constant => max.min(nanos(self.base)),
            _ => max,
        }
    }

    /// Nanoseconds that the base is.
    pub(super) fn base(&self) -> u64 {
        nanos(self.base)
    }
}
