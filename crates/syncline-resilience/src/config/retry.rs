//! A strategy as data.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};

use super::check::{self, Result};
use crate::{
    Backoff, RetryError, RetryStrategy,
    backoff::Jitter,
    retry::{DEFAULT_BASE_DELAY, DEFAULT_JITTER_FACTOR, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_DELAY},
    strategy::Plan,
    time::{Clock, SystemClock},
};

/// Settings of a [`RetryStrategy`]. Plain data; its default is [`RetryStrategy::new`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts in all, the first one among them. At least 1.
    pub max_attempts: u32,
    /// Whether there is no last attempt; `max_attempts` says nothing then.
    pub unlimited_attempts: bool,
    /// The rule by which delays grow.
    pub backoff: BackoffKind,
    /// Delay before the first retry. Above zero, unless the backoff is constant.
    #[serde(with = "humantime_serde")]
    pub base_delay: Duration,
    /// What a linear backoff adds each time; the others do not look at it.
    #[serde(with = "humantime_serde")]
    pub increment: Duration,
    /// Longest delay, jitter included. Above zero. A base above it counts as this.
    #[serde(with = "humantime_serde")]
    pub max_delay: Duration,
    /// How a delay is left to chance.
    pub jitter: JitterKind,
    /// The part of a delay that [`JitterKind::Factor`] leaves to chance, from 0.0 to 1.0; the others do not look at it.
    pub jitter_factor: f64,
    /// Time for the whole operation, sleeps included. Above zero; none unless given.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Time for each attempt. Above zero; none unless given.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub attempt_timeout: Option<Duration>,
    /// The longest wait that a server may ask for.
    #[serde(with = "humantime_serde")]
    pub max_retry_after: Duration,
    /// Whether only what never reached the other side is retried.
    pub only_not_sent: bool,
    /// Whether it retries inside an attempt of another strategy too.
    pub nested_retries: bool,
}

/// The rule by which delays grow: see [`backoff`](crate::backoff).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackoffKind {
    /// Each twice the one before it.
    #[default]
    Exponential,
    /// Each longer by the increment.
    Linear,
    /// Each as long as the two before it together.
    Fibonacci,
    /// All the same.
    Constant,
}

/// How a delay is left to chance: see [`Jitter`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JitterKind {
    /// Not at all.
    None,
    /// By the part that [`RetryConfig::jitter_factor`] says.
    #[default]
    Factor,
    /// Half of it.
    Equal,
    /// All of it.
    Full,
    /// As a walk from delay to delay.
    Decorrelated,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            unlimited_attempts: false,
            backoff: BackoffKind::default(),
            base_delay: DEFAULT_BASE_DELAY,
            increment: DEFAULT_BASE_DELAY,
            max_delay: DEFAULT_MAX_DELAY,
            jitter: JitterKind::default(),
            jitter_factor: DEFAULT_JITTER_FACTOR,
            timeout: None,
            attempt_timeout: None,
            max_retry_after: Plan::default().max_retry_after,
            only_not_sent: false,
            nested_retries: false,
        }
    }
}

impl RetryConfig {
    /// The strategy, on the machine's clock.
    ///
    /// # Errors
    ///
    /// [`RetryError::InvalidConfiguration`] that names the first field that makes no sense, and its value.
    pub fn build(&self) -> Result<RetryStrategy> {
        self.build_with_clock(SystemClock)
    }

    /// The strategy, on `clock`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with_clock<C: Clock>(&self, clock: C) -> Result<RetryStrategy<C>> {
        self.check()?;
        let mut strategy = RetryStrategy::with_clock(clock)
            .with_backoff(self.delays())
            .with_max_retry_after(self.max_retry_after);
        strategy = match self.unlimited_attempts {
            true => strategy.with_unlimited_attempts(),
            false => strategy.with_max_attempts(self.max_attempts)?,
        };
        if let Some(timeout) = self.timeout {
            strategy = strategy.with_timeout(timeout);
        }
        if let Some(timeout) = self.attempt_timeout {
            strategy = strategy.with_attempt_timeout(timeout);
        }
        if self.only_not_sent {
            strategy = strategy.only_not_sent();
        }
        if self.nested_retries {
            strategy = strategy.with_nested_retries();
        }
        Ok(strategy)
    }

    fn check(&self) -> Result {
        if !self.unlimited_attempts {
            check::count("max_attempts", self.max_attempts, "nothing would be attempted")?;
        }
        if self.backoff != BackoffKind::Constant {
            check::time("base_delay", self.base_delay, "it would retry without a pause")?;
        }
        check::time("max_delay", self.max_delay, "it would retry without a pause")?;
        check::part("jitter_factor", self.jitter_factor)?;
        for (field, timeout) in [("timeout", self.timeout), ("attempt_timeout", self.attempt_timeout)] {
            check::time(field, timeout.unwrap_or(Duration::MAX), "nothing could be attempted")?;
        }
        Ok(())
    }

    fn delays(&self) -> Backoff {
        let (base, max) = (self.base_delay, self.max_delay);
        let backoff = match self.backoff {
            BackoffKind::Exponential => Backoff::exponential(base, max),
            BackoffKind::Linear => Backoff::linear(base, self.increment, max),
            BackoffKind::Fibonacci => Backoff::fibonacci(base, max),
            BackoffKind::Constant => Backoff::constant(base).with_max_delay(max),
        };
        backoff.with_jitter(match self.jitter {
            JitterKind::None => Jitter::None,
            JitterKind::Factor => Jitter::Factor(self.jitter_factor),
            JitterKind::Equal => Jitter::Equal,
            JitterKind::Full => Jitter::Full,
            JitterKind::Decorrelated => Jitter::Decorrelated,
        })
    }
}

impl TryFrom<RetryConfig> for RetryStrategy {
    type Error = RetryError<Infallible>;

    fn try_from(config: RetryConfig) -> Result<Self> {
        config.build()
    }
}
