//! A strategy, setting by setting.

use std::{convert::Infallible, error::Error, sync::Arc, time::Duration};

use super::RetryStrategy;
use crate::{
    Backoff, CircuitBreaker, RetryBudget, RetryCondition, RetryError,
    time::{Clock, SystemClock},
};

/// Builds a [`RetryStrategy`] whose condition sees errors as `dyn Error`. Each setter checks its own value alone, so that
/// their order does not matter and [`build`](Self::build) cannot fail.
///
/// # Examples
///
/// ```
/// use std::{io, time::Duration};
/// use syncline_resilience::RetryPolicyBuilder;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = RetryPolicyBuilder::new()
///     .max_attempts(5)?
///     .base_delay(Duration::from_millis(200))?
///     .max_delay(Duration::from_secs(30))?
///     .jitter(0.2)
///     .timeout(Duration::from_secs(120))
///     .when(|error| error.downcast_ref::<io::Error>().is_some())
///     .build();
/// assert_eq!(policy.worst_case_duration(), Some(Duration::from_secs(3)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "call `build` for the strategy"]
pub struct RetryPolicyBuilder<C: Clock = SystemClock> {
    strategy: RetryStrategy<C, RetryCondition>,
}

impl RetryPolicyBuilder {
    /// The defaults of [`RetryStrategy::new`], retrying every error.
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }
}

impl Default for RetryPolicyBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> RetryPolicyBuilder<C> {
    /// The same on `clock`.
    pub fn with_clock(clock: C) -> Self {
        Self {
            strategy: RetryStrategy::with_clock(clock).with_retry_condition(RetryCondition::Always),
        }
    }

    /// Attempts in all, the first one among them.
    ///
    /// # Errors
    ///
    /// As [`RetryStrategy::with_max_attempts`].
    pub fn max_attempts(self, max_attempts: u32) -> Result<Self, RetryError<Infallible>> {
        Ok(Self { strategy: self.strategy.with_max_attempts(max_attempts)? })
    }

    /// Delay before the first retry.
    ///
    /// # Errors
    ///
    /// As [`RetryStrategy::with_base_delay`].
    pub fn base_delay(self, base_delay: Duration) -> Result<Self, RetryError<Infallible>> {
        Ok(Self { strategy: self.strategy.with_base_delay(base_delay)? })
    }

    /// Longest delay.
    ///
    /// # Errors
    ///
    /// As [`RetryStrategy::with_max_delay`].
    pub fn max_delay(self, max_delay: Duration) -> Result<Self, RetryError<Infallible>> {
        Ok(Self { strategy: self.strategy.with_max_delay(max_delay)? })
    }

    /// Part of a delay that is left to chance, from 0.0 to 1.0: see [`RetryStrategy::with_jitter_factor`].
    pub fn jitter(self, factor: f64) -> Self {
        Self { strategy: self.strategy.with_jitter_factor(factor) }
    }

    /// The delays, in place of exponential ones.
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { strategy: self.strategy.with_backoff(backoff) }
    }

    /// Time for the whole operation.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { strategy: self.strategy.with_timeout(timeout) }
    }

    /// Time for each attempt.
    pub fn attempt_timeout(self, timeout: Duration) -> Self {
        Self { strategy: self.strategy.with_attempt_timeout(timeout) }
    }

    /// Retries the errors for which `predicate` is true.
    pub fn when(self, predicate: impl Fn(&(dyn Error + 'static)) -> bool + Send + Sync + 'static) -> Self {
        Self {
            strategy: self.strategy.with_retry_condition(RetryCondition::Custom(Arc::new(predicate))),
        }
    }

    /// Pays for each retry from `budget`.
    pub fn budget(self, budget: Arc<RetryBudget<C>>) -> Self {
        Self { strategy: self.strategy.with_budget(budget) }
    }

    /// Asks `breaker` before each attempt.
    pub fn circuit_breaker(self, breaker: Arc<CircuitBreaker<C>>) -> Self {
        Self { strategy: self.strategy.with_circuit_breaker(breaker) }
    }

    /// The strategy.
    pub fn build(self) -> RetryStrategy<C, RetryCondition> {
        self.strategy
    }
}
