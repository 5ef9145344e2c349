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

/// Settings of a [`CircuitBreaker`]. Plain data; its default is [`CircuitBreaker::new`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// What metrics and rejections call it. Without one it is not exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Failures in a row that open it. At least 1.
    pub failure_threshold: u32,
    /// Successful probes that close it. At least 1.
    pub success_threshold: u32,
    /// How long it stays open.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// By how much the time open grows with each failed recovery. At least 1.0, which is not at all.
    pub timeout_factor: f64,
    /// The longest time open that growing leads to. Not below `timeout`.
    #[serde(with = "humantime_serde")]
    pub max_timeout: Duration,
    /// Part of the time open that is left to chance, from 0.0 to 1.0.
    pub timeout_jitter: f64,
    /// Probes under way at once while half-open. At least 1.
    pub half_open_requests: u32,
    /// Time after which a probe that never answered is given up; `timeout` unless given.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub probe_timeout: Option<Duration>,
    /// The rate of failures that opens it too; none unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// When a call that succeeded counts as slow; never unless given. It needs a window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_calls: Option<SlowCalls>,
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
    /// How many. At least 1.
    pub size: u32,
    /// Calls before a rate says anything. At least 1.
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
    /// Calls before a rate says anything. At least 1.
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
            success_threshold: DEFAULT_SUCCESS_THRESHOLD,
            timeout: DEFAULT_CIRCUIT_TIMEOUT,
            timeout_factor: 1.0,
            max_timeout: DEFAULT_CIRCUIT_TIMEOUT,
            timeout_jitter: 0.0,
            half_open_requests: DEFAULT_HALF_OPEN_REQUESTS,
            probe_timeout: None,
            window: None,
            slow_calls: None,
        }
    }
}
