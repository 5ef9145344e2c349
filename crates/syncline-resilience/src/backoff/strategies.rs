//! Backoffs by name, for those who hold any of them.

use std::{fmt::Debug, time::Duration};

use super::{Backoff, Delays, Jitter};
use crate::retry::{DEFAULT_BASE_DELAY, DEFAULT_JITTER_FACTOR, DEFAULT_MAX_DELAY};

/// Any backoff, as one who only waits sees it. [`Delays`] of every [`Backoff`] is one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_resilience::backoff::{BackoffStrategy, ConstantBackoff, ExponentialBackoff};
///
/// let mut strategies: [Box<dyn BackoffStrategy>; 2] = [
///     Box::new(ExponentialBackoff::new(Duration::from_millis(100), Duration::from_secs(10))),
///     Box::new(ConstantBackoff::new(Duration::from_secs(1))),
/// ];
/// for strategy in &mut strategies {
///     let first = strategy.next_delay();
///     strategy.next_delay();
///     strategy.reset();
///     assert_eq!(strategy.next_delay(), first);
/// }
/// assert_eq!(strategies[0].delay(4), Duration::from_millis(800));
/// ```
pub trait BackoffStrategy: Debug + Send + Sync {
    /// The delay before retry `retry`, 1 for the first, for those who count retries themselves; 0 counts as 1. Nothing is
    /// remembered of it.
    fn delay(&self, retry: u32) -> Duration;

    /// The delay before the next retry, counted here.
    fn next_delay(&mut self) -> Duration;

    /// Begins again with the delay before the first retry: call it after a success.
    fn reset(&mut self);
}

impl BackoffStrategy for Delays {
    fn delay(&self, retry: u32) -> Duration {
        self.draw(retry)
    }

    fn next_delay(&mut self) -> Duration {
        self.step()
    }

    fn reset(&mut self) {
        Delays::reset(self);
    }
}

macro_rules! strategy {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(Delays);

        impl $name {
            /// The part of each delay that is left to chance. Default [`Jitter::None`].
            #[must_use = "the setter returns the changed backoff"]
            pub fn with_jitter(self, jitter: Jitter) -> Self {
                Self(self.0.with_jitter(jitter))
            }

            /// Draws jitter from a sequence that `seed` replays.
            #[must_use = "the setter returns the changed backoff"]
            pub fn with_seed(self, seed: u64) -> Self {
                Self(self.0.with_seed(seed))
            }
        }

        impl BackoffStrategy for $name {
            fn delay(&self, retry: u32) -> Duration {
                self.0.draw(retry)
            }

            fn next_delay(&mut self) -> Duration {
                self.0.step()
            }

            fn reset(&mut self) {
                self.0.reset();
            }
        }

        impl From<$name> for Backoff {
            fn from(strategy: $name) -> Self {
                strategy.0.into_backoff()
            }
        }
    };
}

strategy! {
    /// Delays that double: [`Backoff::exponential`]. The default is that of a strategy: from [`DEFAULT_BASE_DELAY`] to
    /// [`DEFAULT_MAX_DELAY`], shortened at random by up to [`DEFAULT_JITTER_FACTOR`].
    ExponentialBackoff
}

strategy! {
    /// Delays that grow by the same increment: [`Backoff::linear`].
    LinearBackoff
}

strategy! {
    /// Delays that stay the same: [`Backoff::constant`].
    ConstantBackoff
}

strategy! {
    /// Delays that are each as long as the two before them together: [`Backoff::fibonacci`].
    FibonacciBackoff
}

/// [`ConstantBackoff`] by the other name that it goes by.
pub type FixedBackoff = ConstantBackoff;

impl ExponentialBackoff {
    /// From `base`, doubling, to `max`, without jitter.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self(Backoff::exponential(base, max).delays())
    }
}

impl Default for ExponentialBackoff {
    fn default() -> Self {
        Self::new(DEFAULT_BASE_DELAY, DEFAULT_MAX_DELAY).with_jitter(Jitter::Factor(DEFAULT_JITTER_FACTOR))
    }
}

impl LinearBackoff {
    /// From `base`, longer by `increment` each time, to `max`, without jitter.
    pub fn new(base: Duration, increment: Duration, max: Duration) -> Self {
        Self(Backoff::linear(base, increment, max).delays())
    }
}

impl ConstantBackoff {
    /// `delay` each time, without jitter.
    pub fn new(delay: Duration) -> Self {
        Self(Backoff::constant(delay).delays())
    }
}

impl FibonacciBackoff {
    /// From `base`, each as long as the two before it together, to `max`, without jitter.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self(Backoff::fibonacci(base, max).delays())
    }
}
