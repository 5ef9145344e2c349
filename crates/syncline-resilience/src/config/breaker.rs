//! A circuit breaker as data.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};

use super::check::{self, Result};
use crate::{
    CircuitBreaker, RetryError,
    retry::{
        DEFAULT_CIRCUIT_TIMEOUT, DEFAULT_FAILURE_THRESHOLD, DEFAULT_HALF_OPEN_REQUESTS, DEFAULT_SUCCESS_THRESHOLD,
    },
    time::{Clock, SystemClock},
};

/// Most probes that are counted, and that are under way at once.
const PROBES_MAX: u32 = 255;
/// Most calls of a count window.
const WINDOW_MAX: u32 = 1 << 20;
/// Most calls that a time window can wait for.
const TIME_MIN_CALLS_MAX: u32 = 1 << 19;
/// The largest factor of growth.
const FACTOR_MAX: f64 = 1_000.0;

/// Settings of a [`CircuitBreaker`]. Plain data; its default is [`CircuitBreaker::new`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// What metrics and rejections call it. Without one it is not exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Failures in a row that open it. At least 1.
    pub failure_threshold: u32,
    /// Whether only the window or slow calls open it; `failure_threshold` says nothing then. It needs one of them.
    pub only_window: bool,
    /// Successful probes that close it. From 1 to 255.
    pub success_threshold: u32,
    /// How long it stays open. Above zero.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How the time open grows with each failed recovery; not at all unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growing_timeout: Option<GrowingTimeout>,
    /// Part of the time open that is left to chance, from 0.0 to 1.0.
    pub timeout_jitter: f64,
    /// Probes under way at once while half-open. From 1 to 255.
    pub half_open_requests: u32,
    /// Time after which a probe that never answered is given up. Above zero; `timeout` unless given.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub probe_timeout: Option<Duration>,
    /// The rate of failures that opens it too; none unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The rate of slow calls that opens it too; none unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_calls: Option<SlowCalls>,
}

/// How the time open grows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrowingTimeout {
    /// By how much it is multiplied each time. From 1.0, which is not at all, to 1,000.0.
    pub factor: f64,
    /// The longest time open. Not below `timeout`.
    #[serde(with = "humantime_serde")]
    pub max: Duration,
}

/// What a rate of failures is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The last calls.
    Count(CountWindow),
    /// The calls of the last time.
    Time(TimeWindow),
}

/// The last calls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountWindow {
    /// How many. From 1 to 1,048,576.
    pub size: u32,
    /// Calls before a rate says anything. From 1 to `size`.
    pub min_calls: u32,
    /// The part of failures that opens the breaker, above 0.0 and up to 1.0.
    pub failure_rate: f64,
}

/// The calls of the last time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeWindow {
    /// How long. Above zero.
    #[serde(with = "humantime_serde")]
    pub duration: Duration,
    /// Calls before a rate says anything. From 1 to 524,288.
    pub min_calls: u32,
    /// The part of failures that opens the breaker, above 0.0 and up to 1.0.
    pub failure_rate: f64,
}

/// When calls are slow, and how many of them are too many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowCalls {
    /// Time from which a call is slow. Above zero.
    #[serde(with = "humantime_serde")]
    pub duration: Duration,
    /// The part of slow calls that opens the breaker, above 0.0 and up to 1.0.
    pub rate: f64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            name: None,
            failure_threshold: DEFAULT_FAILURE_THRESHOLD,
            only_window: false,
            success_threshold: DEFAULT_SUCCESS_THRESHOLD,
            timeout: DEFAULT_CIRCUIT_TIMEOUT,
            growing_timeout: None,
            timeout_jitter: 0.0,
            half_open_requests: DEFAULT_HALF_OPEN_REQUESTS,
            probe_timeout: None,
            window: None,
            slow_calls: None,
        }
    }
}

impl BreakerConfig {
    /// The breaker, on the machine's clock.
    ///
    /// # Errors
    ///
    /// [`RetryError::InvalidConfiguration`] that names the first field that makes no sense, and its value.
    pub fn build(&self) -> Result<CircuitBreaker> {
        self.build_with_clock(SystemClock)
    }

    /// The breaker, on `clock`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with_clock<C: Clock>(&self, clock: C) -> Result<CircuitBreaker<C>> {
        self.check()?;
        let mut breaker = CircuitBreaker::with_clock(clock)
            .with_failure_threshold(self.failure_threshold)
            .with_success_threshold(self.success_threshold)
            .with_timeout(self.timeout)
            .with_timeout_jitter(self.timeout_jitter)
            .with_half_open_requests(self.half_open_requests);
        if self.only_window {
            breaker = breaker.without_failure_threshold();
        }
        if let Some(name) = &self.name {
            breaker = breaker.with_name(name.clone());
        }
        if let Some(GrowingTimeout { factor, max }) = self.growing_timeout {
            breaker = breaker.with_growing_timeout(factor, max);
        }
        if let Some(timeout) = self.probe_timeout {
            breaker = breaker.with_probe_timeout(timeout);
        }
        if let Some(window) = self.window {
            breaker = window.given_to(breaker);
        }
        if let Some(SlowCalls { duration, rate }) = self.slow_calls {
            breaker = breaker.with_slow_call(duration, rate);
        }
        Ok(breaker)
    }

    fn check(&self) -> Result {
        if !self.only_window {
            check::count("failure_threshold", self.failure_threshold, "it would open without a failure")?;
        }
        check::require(
            !self.only_window || self.window.is_some() || self.slow_calls.is_some(),
            "only_window",
            self.only_window,
            "without a window and slow calls nothing would open it",
        )?;
        check::within("success_threshold", self.success_threshold, PROBES_MAX)?;
        check::within("half_open_requests", self.half_open_requests, PROBES_MAX)?;
        check::time("timeout", self.timeout, "it would not stay open")?;
        check::part("timeout_jitter", self.timeout_jitter)?;
        check::time("probe_timeout", self.probe_timeout.unwrap_or(Duration::MAX), "no probe could answer")?;
        self.growing_timeout.map_or(Ok(()), |growing| growing.check(self.timeout))?;
        self.window.map_or(Ok(()), |window| window.check())?;
        self.slow_calls.map_or(Ok(()), |slow| slow.check())
    }
}

impl GrowingTimeout {
    fn check(&self, timeout: Duration) -> Result {
        let may = (1.0..=FACTOR_MAX).contains(&self.factor);
        check::require(may, "growing_timeout.factor", self.factor, "it goes from 1.0 to 1000.0")?;
        check::require(self.max >= timeout, "growing_timeout.max", self.max, "it is below `timeout`")
    }
}

impl Window {
    fn check(&self) -> Result {
        match self {
            Self::Count(window) => {
                check::within("window.count.size", window.size, WINDOW_MAX)?;
                check::within("window.count.min_calls", window.min_calls, window.size)?;
                check::rate("window.count.failure_rate", window.failure_rate)
            }
            Self::Time(window) => {
                check::time("window.time.duration", window.duration, "no call would be in it")?;
                check::within("window.time.min_calls", window.min_calls, TIME_MIN_CALLS_MAX)?;
                check::rate("window.time.failure_rate", window.failure_rate)
            }
        }
    }

    fn given_to<C: Clock>(self, breaker: CircuitBreaker<C>) -> CircuitBreaker<C> {
        match self {
            Self::Count(CountWindow { size, min_calls, failure_rate }) => {
                breaker.with_count_window(size, min_calls, failure_rate)
            }
            Self::Time(TimeWindow { duration, min_calls, failure_rate }) => {
                breaker.with_time_window(duration, min_calls, failure_rate)
            }
        }
    }
}

impl SlowCalls {
    fn check(&self) -> Result {
        check::time("slow_calls.duration", self.duration, "every call would be slow")?;
        check::rate("slow_calls.rate", self.rate)
    }
}

impl TryFrom<BreakerConfig> for CircuitBreaker {
    type Error = RetryError<Infallible>;

    fn try_from(config: BreakerConfig) -> Result<Self> {
        config.build()
    }
}
