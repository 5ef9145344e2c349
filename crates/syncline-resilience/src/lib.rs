//! Retry, circuit breaker and retry budget: correct, lock-free, and testable without sleeping.
//!
//! | module | holds |
//! |---|---|
//! | [`retry`] | everything under one path, as applications import it |
//! | [`backoff`] | how long to wait: data, and an iterator of delays |
//! | [`breaker`] | when to stop asking: [`CircuitBreaker`], windows, permits, a registry |
//! | [`budget`] | how many retries the whole process may make: [`RetryBudget`], leases |
//! | [`guard`] | the one order of all of them around an attempt |
//! | [`differences`] | where this differs from the documents whose names it bears, and why |
//! | [`time`] | the clock that all of them read and sleep by |
//!
//! A [`RetryStrategy`] repeats an operation; what it couples is judged in one order: deadline, breaker, attempt, class of the
//! error, budget, sleep. Everything takes its time from one [`Clock`](time::Clock), so that a test steps time and never sleeps.
//!
//! | feature | what it adds |
//! |---|---|
//! | `tracing` | a span for each operation, a child for each attempt |
//! | `prometheus` | `retry::metrics_export`: counters, gauges and histograms in a registry |
//! | `tower` | `Layer`s |
//! | `serde` | configuration as data |
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use syncline_resilience::RetryStrategy;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let strategy = RetryStrategy::new().with_timeout(Duration::from_secs(30));
//! let mut failures = 2;
//! let answer = strategy
//!     .execute_attempts(async |attempt| {
//!         if failures > 0 {
//!             failures -= 1;
//!             return Err(format!("attempt {} failed", attempt.number()));
//!         }
//!         Ok(attempt.number())
//!     })
//!     .await;
//! assert_eq!(answer.unwrap(), 3);
//! # });
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::indexing_slicing
    )
)]

mod attempt;
pub mod backoff;
pub mod breaker;
pub mod budget;
mod classify;
#[cfg(feature = "serde")]
pub mod config;
#[doc = include_str!("differences.md")]
pub mod differences {}
mod error;
pub mod guard;
mod metrics;
#[cfg(feature = "prometheus")]
pub mod metrics_export;
mod nesting;
mod observe;
pub mod retry;
mod rng;
mod strategy;
mod sync;
pub mod time;
#[cfg(feature = "tower")]
pub mod tower;

pub use attempt::{Attempt, Operation};
pub use backoff::{
    Backoff, BackoffStrategy, ConstantBackoff, ExponentialBackoff, FibonacciBackoff, FixedBackoff, LinearBackoff,
};
pub use breaker::CircuitBreaker;
pub use budget::RetryBudget;
pub use classify::{ByType, Class, Classify, Judge, RetryCondition};
pub use error::{RetryError, StoppedBy};
pub use metrics::RetryMetrics;
pub use retry::{
    BUDGET_REFILL_INTERVAL, DEFAULT_BASE_DELAY, DEFAULT_CIRCUIT_TIMEOUT, DEFAULT_FAILURE_THRESHOLD,
    DEFAULT_HALF_OPEN_REQUESTS, DEFAULT_JITTER_FACTOR, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_DELAY,
    DEFAULT_SUCCESS_THRESHOLD,
};
pub use strategy::{RetryPolicies, RetryPolicyBuilder, RetryStrategy};
pub use time::{MockClock, SystemClock};

/// Where this crate's events go.
pub(crate) const TRACING_TARGET: &str = "syncline::resilience";
