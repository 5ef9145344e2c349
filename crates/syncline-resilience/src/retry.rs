//! Everything that retrying needs, under one path.

use std::time::Duration;

/// Metrics, by the path of their users.
#[cfg(feature = "prometheus")]
pub use crate::metrics_export;
/// The clock, by the path of its users.
pub use crate::time;
pub use crate::{
    attempt::{Attempt, Operation},
    backoff::{
        Backoff, BackoffStrategy, ConstantBackoff, Delays, ExponentialBackoff, FibonacciBackoff, FixedBackoff, Jitter,
        LinearBackoff,
    },
    breaker::{
        BreakerRegistry, BreakerStats, CircuitBreaker, CircuitState, Permit, Rejected, Transition, TransitionReason,
    },
    budget::{BudgetLease, RetryBudget},
    classify::{ByType, Class, Classify, Judge, RetryCondition},
    error::{RetryError, StoppedBy},
    guard::Guard,
    metrics::RetryMetrics,
    strategy::{RetryPolicies, RetryPolicyBuilder, RetryStrategy},
};

/// Attempts of [`RetryStrategy::new`], the first one among them. Set by [`RetryStrategy::with_max_attempts`].
pub const DEFAULT_MAX_ATTEMPTS: u32 = 5;
/// Delay before the first retry of [`RetryStrategy::new`]. Set by [`RetryStrategy::with_base_delay`].
pub const DEFAULT_BASE_DELAY: Duration = Duration::from_secs(1);
/// Longest delay of [`RetryStrategy::new`]. Set by [`RetryStrategy::with_max_delay`].
pub const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(60);
/// Part of a delay that is left to chance, downward: 0.3 draws from 70 % to 100 %. Set by
/// [`RetryStrategy::with_jitter_factor`].
pub const DEFAULT_JITTER_FACTOR: f64 = 0.3;
/// Failures in a row that open a [`CircuitBreaker`]. Set by [`CircuitBreaker::with_failure_threshold`].
pub const DEFAULT_FAILURE_THRESHOLD: u32 = 5;
/// Successful probes that close a [`CircuitBreaker`]. Set by [`CircuitBreaker::with_success_threshold`].
pub const DEFAULT_SUCCESS_THRESHOLD: u32 = 2;
/// How long a [`CircuitBreaker`] stays open. Set by [`CircuitBreaker::with_timeout`].
pub const DEFAULT_CIRCUIT_TIMEOUT: Duration = Duration::from_secs(60);
/// Probes that a half-open [`CircuitBreaker`] has under way at once. Set by [`CircuitBreaker::with_half_open_requests`].
pub const DEFAULT_HALF_OPEN_REQUESTS: u32 = 1;
/// The time in which a [`RetryBudget`] gains the tokens that its rate names: rates are per second. Refill is continuous, so
/// this is also the longest wait for one token at one token per second. Set by
/// [`RetryBudget::with_refill_interval`].
pub const BUDGET_REFILL_INTERVAL: Duration = Duration::from_secs(1);
