//! What a breaker counted.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{CircuitBreaker, CircuitState, circuit::narrow, count::Spread, window::Window, word::State};
use crate::time::{Clock, Instant, SystemClock};

/// What a breaker counted. The numbers are read one after the other: under load they may be of neighbouring moments.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_resilience::{CircuitBreaker, time::MockClock};
///
/// let clock = MockClock::new();
/// let breaker = CircuitBreaker::with_clock(clock.clone());
/// breaker.record_failure();
/// clock.advance(Duration::from_secs(3));
/// let stats = breaker.stats();
/// assert_eq!((stats.state.to_string().as_str(), stats.failure_count), ("Closed", 1));
/// assert_eq!(stats.last_failure_time.unwrap().elapsed(), Duration::from_secs(3));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct BreakerStats<'a, C: Clock = SystemClock> {
    /// The state that it is in.
    pub state: CircuitState,
    /// Whether only [`reset`](super::CircuitBreaker::reset) or force ends it.
    pub is_forced: bool,
    /// Of the state; around after 2^20.
    pub generation: u32,
    /// Failures in a row, while closed; otherwise those, in a row or in its window, that opened it.
    pub failure_count: u32,
    /// Probes that succeeded since it is half-open.
    pub success_count: u32,
    /// Probes under way.
    pub half_open_requests: u32,
    /// The part of its window that failed, from 0.0 to 1.0; `None` without a window or a result in it.
    pub failure_rate: Option<f64>,
    /// The part of its window that was slow, from 0.0 to 1.0; `None` where slow calls are not measured, or none was.
    pub slow_call_rate: Option<f64>,
    /// When the last failure was told that counted.
    pub last_failure_time: Option<Timestamp<'a, C>>,
    /// As [`CircuitBreaker::retry_after`](super::CircuitBreaker::retry_after).
    pub retry_after: Option<Duration>,
    /// Times that it opened, by itself or by force.
    pub opened_total: u64,
    /// Requests that it refused.
    pub rejected_total: u64,
    /// Successes and failures that came after the state that had admitted their request, or while it was open.
    pub stale_total: u64,
}

/// A moment by the clock of a breaker.
pub struct Timestamp<'a, C: Clock = SystemClock> {
    at: Instant,
    clock: &'a C,
}

impl<'a, C: Clock> Timestamp<'a, C> {
    pub(super) fn new(at: Instant, clock: &'a C) -> Self {
        Self { at, clock }
    }

    /// The moment.
    pub fn instant(&self) -> Instant {
        self.at
    }

    /// Time since then; zero where the clock was set back.
    pub fn elapsed(&self) -> Duration {
        self.clock.now().saturating_since(self.at)
    }
}

impl<C: Clock> Clone for Timestamp<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Clock> Copy for Timestamp<'_, C> {}

impl<C: Clock> fmt::Debug for Timestamp<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.at.since_origin()).finish()
    }
}

/// Numbers for people. A closed breaker that is well writes none of them.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) opened: AtomicU64,
    pub(super) rejected: Spread,
    pub(super) stale: AtomicU64,
    /// Failures in a row or in the window that opened it last.
    pub(super) opened_by: AtomicU64,
    /// Nanoseconds by the clock, and one; 0 for none.
    pub(super) last_failure_ns: AtomicU64,
}

impl<C: Clock> CircuitBreaker<C> {
    /// What it counted.
    pub fn stats(&self) -> BreakerStats<'_, C> {
        let word = self.core.word();
        let opened_by = self.totals.opened_by.load(Ordering::Relaxed);
        let (failure_count, success_count, half_open_requests) = match word.state {
            State::Closed { failures } | State::ForcedClosed { failures } => (failures, 0, 0),
            State::HalfOpen { in_flight, successes, .. } => (narrow(opened_by), successes.into(), in_flight.into()),
            State::Open { .. } => (narrow(opened_by), 0, 0),
            State::ForcedOpen | State::Disabled => (0, 0, 0),
        };
        BreakerStats {
            state: word.state.public(),
            is_forced: word.state.is_forced(),
            generation: word.generation.get(),
            failure_count,
            success_count,
            half_open_requests,
            failure_rate: self.failures.as_ref().and_then(|window| self.rate(window)),
            slow_call_rate: self.slow.as_ref().and_then(|slow| self.rate(&slow.window)),
            last_failure_time: self.last_failure_time(),
            retry_after: self.refusal(word.state),
            opened_total: self.totals.opened.load(Ordering::Relaxed),
            rejected_total: self.totals.rejected.sum(),
            stale_total: self.totals.stale.load(Ordering::Relaxed),
        }
    }

    fn rate(&self, window: &Window) -> Option<f64> {
        window.tally(|| self.now_ns()).rate()
    }

    fn last_failure_time(&self) -> Option<Timestamp<'_, C>> {
        let ns = self.totals.last_failure_ns.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Timestamp::new(Instant::from_origin(Duration::from_nanos(ns)), &self.clock))
    }
}
