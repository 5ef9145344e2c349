//! How an operation is repeated.

mod blocking;
mod builder;
mod policies;
mod run;

use std::{convert::Infallible, num::NonZeroU32, sync::Arc, time::Duration};

#[cfg(feature = "tower")]
pub(crate) use self::run::race;
pub use self::{builder::RetryPolicyBuilder, policies::RetryPolicies};
use crate::{
    Backoff, ByType, CircuitBreaker, RetryBudget, RetryCondition, RetryError,
    backoff::Jitter,
    error::invalid,
    guard::Guard,
    retry::{DEFAULT_BASE_DELAY, DEFAULT_JITTER_FACTOR, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_DELAY},
    rng::Rng,
    time::{Clock, SystemClock},
};

/// The longest wait that a server may ask for, unless told otherwise.
const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Repeats an operation until it succeeds, cannot succeed, or may not be tried again.
///
/// [`new`](Self::new) makes up to [`DEFAULT_MAX_ATTEMPTS`] attempts with exponential delays from [`DEFAULT_BASE_DELAY`] to
/// [`DEFAULT_MAX_DELAY`], shortened at random by up to [`DEFAULT_JITTER_FACTOR`], with no timeout, no breaker and no budget.
/// [`RetryPolicies`] are the same with other numbers and a budget. Cloning shares the budget and the breaker.
///
/// The type of the judge, `K`, says which errors an operation may have: with [`ByType`] any `'static` one, after
/// [`with_retry_condition`](Self::with_retry_condition) those that are `std::error::Error`.
///
/// # Examples
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use syncline_resilience::{CircuitBreaker, RetryBudget, RetryStrategy};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let strategy = RetryStrategy::new()
///     .with_max_attempts(3)?
///     .with_base_delay(Duration::from_millis(100))?
///     .with_timeout(Duration::from_secs(10))
///     .with_attempt_timeout(Duration::from_secs(2))
///     .with_budget(Arc::new(RetryBudget::new(100, 10.0)))
///     .with_circuit_breaker(Arc::new(CircuitBreaker::new()));
/// assert_eq!(strategy.worst_case_duration(), Some(Duration::from_millis(6_300)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a strategy does nothing until it executes an operation"]
pub struct RetryStrategy<C: Clock = SystemClock, K = ByType> {
    pub(crate) clock: C,
    pub(crate) judge: K,
    pub(crate) plan: Plan,
    pub(crate) budget: Option<Arc<RetryBudget<C>>>,
    pub(crate) breaker: Option<Arc<CircuitBreaker<C>>>,
    pub(crate) rng: Rng,
}

/// The numbers of a strategy.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// `None` is without end.
    pub(crate) max_attempts: Option<NonZeroU32>,
    pub(crate) backoff: Backoff,
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) max_retry_after: Duration,
    pub(crate) only_not_sent: bool,
    pub(crate) may_nest: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            max_attempts: NonZeroU32::new(DEFAULT_MAX_ATTEMPTS),
            backoff: Backoff::exponential(DEFAULT_BASE_DELAY, DEFAULT_MAX_DELAY)
                .with_jitter(Jitter::Factor(DEFAULT_JITTER_FACTOR)),
            timeout: None,
            attempt_timeout: None,
            max_retry_after: DEFAULT_MAX_RETRY_AFTER,
            only_not_sent: false,
            may_nest: false,
        }
    }
}

impl RetryStrategy {
    /// The defaults, on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }
}

impl Default for RetryStrategy {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> RetryStrategy<C> {
    /// The defaults, on `clock`.
    pub fn with_clock(clock: C) -> Self {
        Self {
            clock,
            judge: ByType,
            plan: Plan::default(),
            budget: None,
            breaker: None,
            rng: Rng::default(),
        }
    }
}

impl<C: Clock, K> RetryStrategy<C, K> {
    /// Attempts in all, the first one among them. Default [`DEFAULT_MAX_ATTEMPTS`].
    ///
    /// # Errors
    ///
    /// [`RetryError::InvalidConfiguration`] for 0: nothing would ever be attempted.
    pub fn with_max_attempts(mut self, max_attempts: u32) -> Result<Self, RetryError<Infallible>> {
        let max =
            NonZeroU32::new(max_attempts).ok_or_else(|| invalid("max_attempts is 0: nothing would be attempted"))?;
        self.plan.max_attempts = Some(max);
        Ok(self)
    }

    /// As many attempts as it takes.
    pub fn with_unlimited_attempts(mut self) -> Self {
        self.plan.max_attempts = None;
        self
    }

    /// Delay before the first retry, from which the others grow. Default [`DEFAULT_BASE_DELAY`]. One above the longest delay
    /// counts as that.
    ///
    /// # Errors
    ///
    /// [`RetryError::InvalidConfiguration`] for zero, which would retry without a pause; a backoff of
    /// [`Backoff::constant`]`(Duration::ZERO)` says so on purpose.
    pub fn with_base_delay(mut self, base_delay: Duration) -> Result<Self, RetryError<Infallible>> {
        self.plan.backoff = self.plan.backoff.with_base_delay(above_zero("base_delay", base_delay)?);
        Ok(self)
    }

    /// Longest delay, jitter included. Default [`DEFAULT_MAX_DELAY`].
    ///
    /// # Errors
    ///
    /// [`RetryError::InvalidConfiguration`] for zero, as for the base delay.
    pub fn with_max_delay(mut self, max_delay: Duration) -> Result<Self, RetryError<Infallible>> {
        self.plan.backoff = self.plan.backoff.with_max_delay(above_zero("max_delay", max_delay)?);
        Ok(self)
    }

    /// Part of a delay that is left to chance, downward: a delay `d` becomes one from `d * (1 - factor)` to `d`. Default
    /// [`DEFAULT_JITTER_FACTOR`]. Clamped to 0.0 to 1.0; not a number is 0.
    pub fn with_jitter_factor(mut self, factor: f64) -> Self {
        self.plan.backoff = self.plan.backoff.with_jitter(Jitter::Factor(factor));
        self
    }

    /// The delays, in place of exponential ones.
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.plan.backoff = backoff;
        self
    }

    /// Time for the whole operation, sleeps included. Default none. An asynchronous attempt that is under way when it is over
    /// is dropped; a blocking one is not begun. Where the next attempt could not begin in time, the operation ends at once.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.plan.timeout = Some(timeout);
        self
    }

    /// Time for each attempt. Default none. One that is dropped for it counts as a transient failure. Blocking attempts cannot
    /// be dropped and are not bound by it.
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.plan.attempt_timeout = Some(timeout);
        self
    }

    /// The longest wait that a server may ask for; one that asks for more ends the operation. Default 5 minutes.
    pub fn with_max_retry_after(mut self, max: Duration) -> Self {
        self.plan.max_retry_after = max;
        self
    }

    /// Retries only what never reached the other side ([`Class::NotSent`](crate::Class::NotSent)): for operations that must
    /// not happen twice.
    pub fn only_not_sent(mut self) -> Self {
        self.plan.only_not_sent = true;
        self
    }

    /// Retries even inside an attempt of another strategy. Without this it makes a single attempt there, because layers that
    /// each retry multiply.
    pub fn with_nested_retries(mut self) -> Self {
        self.plan.may_nest = true;
        self
    }

    /// Pays for each retry from `budget`; first attempts are free.
    pub fn with_budget(mut self, budget: Arc<RetryBudget<C>>) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Pays for no retry.
    pub fn without_budget(mut self) -> Self {
        self.budget = None;
        self
    }

    /// Asks `breaker` before each attempt and tells it of each answer.
    pub fn with_circuit_breaker(mut self, breaker: Arc<CircuitBreaker<C>>) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Draws jitter from a sequence that `seed` replays.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.rng = Rng::seeded(seed);
        self
    }

    /// Which errors are retried, in place of what their types say.
    pub fn with_retry_condition(self, condition: RetryCondition) -> RetryStrategy<C, RetryCondition> {
        let Self { clock, judge: _, plan, budget, breaker, rng } = self;
        RetryStrategy { clock, judge: condition, plan, budget, breaker, rng }
    }

    /// Who decides on the class of an error.
    pub fn judge(&self) -> &K {
        &self.judge
    }

    /// The longest that it can take while no server asks for patience: all delays at their longest, and attempts at their
    /// timeout where they have one and at nothing where not; `None` without an end. A server's hint may make a delay as long as
    /// [`with_max_retry_after`](Self::with_max_retry_after) allows.
    pub fn worst_case_duration(&self) -> Option<Duration> {
        let all = self.plan.max_attempts.map(|max| {
            let attempts = self.plan.attempt_timeout.unwrap_or_default().saturating_mul(max.get());
            self.plan.backoff.worst_case_duration(max.get() - 1).saturating_add(attempts)
        });
        match (all, self.plan.timeout) {
            (Some(all), Some(timeout)) => Some(all.min(timeout)),
            (all, timeout) => all.or(timeout),
        }
    }

    /// Begins an operation that its owner drives.
    pub fn guard<E>(&self) -> Guard<'_, C, K, E> {
        Guard::new(self, None)
    }
}

fn above_zero(name: &str, delay: Duration) -> Result<Duration, RetryError<Infallible>> {
    if delay.is_zero() {
        return Err(invalid(format!("{name} is zero: it would retry without a pause")));
    }
    Ok(delay)
}
