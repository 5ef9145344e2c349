//! A breaker that is slow and obvious: nothing packed, nothing counted around, every result kept.

use crate::breaker::{CircuitState, TransitionReason};

/// Probes are admitted at a moment that the real one keeps in 22 bits of milliseconds.
const CIRCLE_MS: u64 = 1 << 22;

/// The numbers of a case, as its user gives them.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) failure_threshold: Option<u32>,
    pub(super) success_threshold: u32,
    pub(super) half_open_requests: u32,
    /// `None` is without end.
    pub(super) timeout_ms: Option<u64>,
    pub(super) probe_timeout_ms: Option<u64>,
    pub(super) growth_percent: u64,
    pub(super) longest_ms: u64,
    pub(super) window: Option<(Span, u32, u64)>,
    /// From how many milliseconds, and percent.
    pub(super) slow: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Span {
    Count(u32),
    Ms(u64),
}

/// What may come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Result {
    Success,
    Failure,
    Ignored,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Closed {
        failures: u32,
    },
    Open {
        growth: u32,
        until_ms: Option<u64>,
    },
    HalfOpen {
        growth: u32,
        in_flight: u32,
        successes: u32,
        admitted_ms: u64,
    },
    ForcedOpen,
    ForcedClosed {
        failures: u32,
    },
    Disabled,
}

/// From, to, why, and the generation after it.
pub(super) type Transition = (CircuitState, CircuitState, TransitionReason, u32);

#[derive(Debug)]
pub(super) struct Model {
    config: Config,
    pub(super) now_ms: u64,
    pub(super) state: State,
    pub(super) generation: u32,
    /// When, and whether it was bad.
    failures: Vec<(u64, bool)>,
    slow: Vec<(u64, bool)>,
    pub(super) transitions: Vec<Transition>,
    pub(super) opened_by: u32,
    pub(super) rejected: u64,
    pub(super) stale: u64,
    pub(super) last_failure_ms: Option<u64>,
}

impl Model {
    pub(super) fn new(config: Config, now_ms: u64) -> Self {
        Self {
            config,
            now_ms,
            state: State::Closed { failures: 0 },
            generation: 0,
            failures: Vec::new(),
            slow: Vec::new(),
            transitions: Vec::new(),
            opened_by: 0,
            rejected: 0,
            stale: 0,
            last_failure_ms: None,
        }
    }

    pub(super) fn public(&self) -> CircuitState {
        match self.state {
            State::Closed { .. } | State::ForcedClosed { .. } | State::Disabled => CircuitState::Closed,
            State::Open { .. } | State::ForcedOpen => CircuitState::Open,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Milliseconds for which it refuses; `u64::MAX` is not by time.
    pub(super) fn refusal_ms(&self) -> Option<u64> {
        match self.state {
            State::Closed { .. } | State::ForcedClosed { .. } | State::Disabled => None,
            State::ForcedOpen | State::Open { until_ms: None, .. } => Some(u64::MAX),
            State::Open { until_ms: Some(until), .. } => (until > self.now_ms).then(|| until - self.now_ms),
            State::HalfOpen { in_flight, .. } if in_flight < self.config.half_open_requests => None,
            State::HalfOpen { admitted_ms, .. } => {
                let Some(lease) = self.config.probe_timeout_ms.or(self.config.timeout_ms) else {
                    return Some(u64::MAX);
                };
                let elapsed = (self.now_ms - admitted_ms) % CIRCLE_MS;
                (elapsed < lease.max(1)).then(|| lease.max(1) - elapsed)
            }
        }
    }

    /// The generation of the permit, if there is one.
    pub(super) fn acquire(&mut self) -> Option<u32> {
        if self.refusal_ms().is_some() {
            self.rejected += 1;
            return None;
        }
        let admitted_ms = self.now_ms;
        match self.state {
            State::Open { growth, .. } => {
                let state = State::HalfOpen { growth, in_flight: 1, successes: 0, admitted_ms };
                self.go(state, TransitionReason::TimeoutElapsed);
            }
            State::HalfOpen { growth, in_flight, successes, .. } if in_flight < self.config.half_open_requests => {
                self.state = State::HalfOpen { growth, in_flight: in_flight + 1, successes, admitted_ms };
            }
            State::HalfOpen { growth, .. } => {
                let state = State::HalfOpen { growth, in_flight: 1, successes: 0, admitted_ms };
                self.go(state, TransitionReason::ProbeLost);
            }
            _ => {}
        }
        Some(self.generation)
    }

    /// A result of a permit of generation `of`, which took `took_ms`; without a permit, both are unknown.
    pub(super) fn record(&mut self, of: Option<u32>, result: Result, took_ms: Option<u64>) {
        let is_open = matches!(self.state, State::Open { .. } | State::ForcedOpen);
        if is_open || of.is_some_and(|of| of != self.generation) {
            self.stale += u64::from(result != Result::Ignored);
            return;
        }
        if result == Result::Failure && self.state != State::Disabled {
            self.last_failure_ms = Some(self.now_ms);
        }
        let is_slow = self.config.slow.zip(took_ms).map(|((from, _), took)| took >= from);
        match self.state {
            State::Closed { failures } => self.record_closed(failures, result, is_slow),
            State::ForcedClosed { failures } if result != Result::Ignored => {
                let failures = if result == Result::Failure { failures + 1 } else { 0 };
                self.state = State::ForcedClosed { failures };
                self.remember(result, is_slow);
            }
            State::HalfOpen { growth, in_flight, successes, admitted_ms } => {
                let in_flight = in_flight.saturating_sub(1);
                match result {
                    Result::Ignored => self.state = State::HalfOpen { growth, in_flight, successes, admitted_ms },
                    Result::Success if is_slow != Some(true) => {
                        self.state = State::HalfOpen { growth, in_flight, successes: successes + 1, admitted_ms };
                        if successes + 1 >= self.config.success_threshold {
                            self.go(State::Closed { failures: 0 }, TransitionReason::ProbesSucceeded);
                        }
                    }
                    Result::Success | Result::Failure => self.open(growth + 1, TransitionReason::ProbeFailed),
                }
            }
            _ => {}
        }
    }

    fn record_closed(&mut self, failures: u32, result: Result, is_slow: Option<bool>) {
        if result == Result::Ignored {
            return;
        }
        let failures = if result == Result::Failure { failures + 1 } else { 0 };
        if self.config.failure_threshold.is_some_and(|threshold| failures >= threshold) {
            self.opened_by = failures;
            return self.open(0, TransitionReason::ConsecutiveFailures);
        }
        self.state = State::Closed { failures };
        self.remember(result, is_slow);
        let (span, min_calls, percent) = self.config.window.unwrap_or((Span::Count(50), 10, 0));
        if self.config.window.is_some() && self.is_over(&self.failures, span, min_calls, percent) {
            self.opened_by = self.bad(&self.failures, span).1;
            return self.open(0, TransitionReason::FailureRate);
        }
        let percent = self.config.slow.map_or(0, |(_, percent)| percent);
        if is_slow.is_some() && self.is_over(&self.slow, span, min_calls, percent) {
            self.opened_by = self.bad(&self.slow, span).1;
            self.open(0, TransitionReason::SlowCallRate);
        }
    }

    fn remember(&mut self, result: Result, is_slow: Option<bool>) {
        self.failures.push((self.now_ms, result == Result::Failure));
        self.slow.extend(is_slow.map(|is_slow| (self.now_ms, is_slow)));
    }

    fn is_over(&self, results: &[(u64, bool)], span: Span, min_calls: u32, percent: u64) -> bool {
        let (total, bad) = self.bad(results, span);
        let fewest = if let Span::Count(count) = span { min_calls.min(count) } else { min_calls };
        total >= fewest.max(1) && u64::from(bad) * 100 >= u64::from(total) * percent
    }

    /// How many results the window holds, and how many of them are bad.
    fn bad(&self, results: &[(u64, bool)], span: Span) -> (u32, u32) {
        let held: Vec<bool> = match span {
            Span::Count(count) => results.iter().rev().take(count.max(1) as usize).map(|(_, bad)| *bad).collect(),
            Span::Ms(span) => {
                let slice_ns = (span * 100_000).max(1);
                let slice = |ms: u64| ms * 1_000_000 / slice_ns;
                let live = results.iter().filter(|(at, _)| slice(self.now_ms) - slice(*at) < 10);
                live.map(|(_, bad)| *bad).collect()
            }
        };
        (held.len() as u32, held.iter().filter(|bad| **bad).count() as u32)
    }

    /// The part of the failures, where there is a window.
    pub(super) fn failure_rate(&self) -> Option<f64> {
        let (span, ..) = self.config.window?;
        let (total, bad) = self.bad(&self.failures, span);
        (total > 0).then(|| f64::from(bad) / f64::from(total))
    }

    fn open(&mut self, growth: u32, reason: TransitionReason) {
        let grown = self.config.timeout_ms.map(|timeout| {
            let longest = self.config.longest_ms.max(timeout);
            (0..growth.min(15)).fold(timeout, |open, _| (open * self.config.growth_percent / 100).min(longest))
        });
        self.go(State::Open { growth, until_ms: grown.map(|open| self.now_ms + open) }, reason);
    }

    fn go(&mut self, state: State, reason: TransitionReason) {
        let from = self.public();
        self.state = state;
        self.generation += 1;
        let to = self.public();
        if to != CircuitState::Open {
            self.failures.clear();
            self.slow.clear();
        }
        self.transitions.push((from, to, reason, self.generation));
    }

    pub(super) fn force(&mut self, state: State) {
        let is_reset = state == State::Closed { failures: 0 };
        let is_there = std::mem::discriminant(&state) == std::mem::discriminant(&self.state);
        if is_reset || !is_there {
            if state == State::ForcedOpen && self.public() == CircuitState::Closed {
                self.opened_by = 0;
            }
            self.go(state, if is_reset { TransitionReason::Reset } else { TransitionReason::Forced });
        }
    }
}
