//! The breaker: the core with a clock, windows, a name and listeners.

use std::{
    fmt,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    BreakerStats, CircuitState, Name, OwnedPermit, Permit, Rejected, Timestamp, Transition, TransitionReason,
    core::{Admission, Change, Core, Force, Outcome, Recorded},
    count::Spread,
    window::{self, Span, Window},
    word::{Generation, State},
};
use crate::{
    TRACING_TARGET,
    rng::Rng,
    time::{Clock, Instant, SystemClock},
};

/// Is told of each change.
pub(super) type Listener = Arc<dyn Fn(&Transition) + Send + Sync>;

/// Stops asking somebody who does not answer well, and finds out when that is over.
///
/// [`new`](Self::new) opens after [`DEFAULT_FAILURE_THRESHOLD`](crate::DEFAULT_FAILURE_THRESHOLD) failures in a row, refuses
/// for [`DEFAULT_CIRCUIT_TIMEOUT`](crate::DEFAULT_CIRCUIT_TIMEOUT), then admits
/// [`DEFAULT_HALF_OPEN_REQUESTS`](crate::DEFAULT_HALF_OPEN_REQUESTS) probe at a time and closes after
/// [`DEFAULT_SUCCESS_THRESHOLD`](crate::DEFAULT_SUCCESS_THRESHOLD) that succeed. Share it as an `Arc`. Nothing here locks,
/// blocks or fails; times are kept to the millisecond. See the [module](super) for the whole machine.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_resilience::{CircuitBreaker, time::MockClock};
///
/// let clock = MockClock::new();
/// let breaker = CircuitBreaker::with_clock(clock.clone()).with_timeout(Duration::from_secs(60));
/// for _ in 0..5 {
///     breaker.try_acquire().unwrap().failure();
/// }
/// let rejected = breaker.try_acquire().unwrap_err();
/// assert_eq!(rejected.retry_after, Duration::from_secs(60));
///
/// clock.advance(Duration::from_secs(59));
/// assert!(breaker.try_acquire().is_err());
/// clock.advance(Duration::from_secs(1));
/// for _ in 0..2 {
///     breaker.try_acquire().unwrap().success();
/// }
/// assert_eq!(breaker.state().to_string(), "Closed");
/// ```
pub struct CircuitBreaker<C: Clock = SystemClock> {
    pub(super) core: Core,
    pub(super) clock: C,
    pub(super) failures: Option<Window>,
    /// The span of that window, for the one of the slow calls.
    pub(super) span: Option<(Span, u32)>,
    pub(super) slow: Option<SlowCalls>,
    pub(super) name: Option<Name>,
    pub(super) listeners: Vec<Listener>,
    pub(super) rng: Rng,
    totals: Totals,
}

/// What counts as slow, and how much of it is too much.
#[derive(Debug)]
pub(super) struct SlowCalls {
    pub(super) from: Duration,
    pub(super) rate: f64,
    pub(super) window: Window,
}

/// Numbers for people. A closed breaker that is well writes none of them.
#[derive(Debug, Default)]
struct Totals {
    opened: AtomicU64,
    rejected: Spread,
    stale: AtomicU64,
    /// Failures in a row or in the window that opened it last.
    opened_by: AtomicU64,
    /// Nanoseconds by the clock, and one; 0 for none.
    last_failure_ns: AtomicU64,
}

impl CircuitBreaker {
    /// The defaults, on the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> CircuitBreaker<C> {
    /// The defaults, on `clock`.
    #[must_use]
    pub fn with_clock(clock: C) -> Self {
        Self {
            core: Core::new(),
            clock,
            failures: None,
            span: None,
            slow: None,
            name: None,
            listeners: Vec::new(),
            rng: Rng::default(),
            totals: Totals::default(),
        }
    }

    /// The right to make one request, whose result is told to the permit. A closed breaker gives it with one load: it writes
    /// nothing, and reads the clock only where slow calls count.
    ///
    /// # Errors
    ///
    /// [`Rejected`] when it is open, or half-open with all its probes under way.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_, C>, Rejected> {
        let generation = self.admit()?;
        Ok(Permit::new(self, generation, self.slow.as_ref().map(|_| self.clock.now())))
    }

    /// [`try_acquire`](Self::try_acquire) for a permit that keeps the breaker, to be moved into a task or a response.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit<C>, Rejected> {
        let generation = self.admit()?;
        Ok(OwnedPermit::new(Arc::clone(self), generation, self.slow.as_ref().map(|_| self.clock.now())))
    }

    /// For how long at most it would still refuse a request; `None` when it would admit one. [`Duration::MAX`] when no time
    /// ends it. It changes nothing.
    pub fn retry_after(&self) -> Option<Duration> {
        let state = self.core.word().state;
        if matches!(state, State::Closed { .. }) {
            return None;
        }
        self.core.refusal_ms(state, self.now_ms()).map(duration)
    }

    /// Whether a request may be made, of which [`record_success`](Self::record_success),
    /// [`record_failure`](Self::record_failure) or [`record_ignored`](Self::record_ignored) then tells the result.
    ///
    /// Prefer [`try_acquire`](Self::try_acquire) or [`call`](Self::call): without a permit a result counts in whatever state
    /// the breaker has when it comes, and the place of a probe whose result is never told is only free again after
    /// [`with_probe_timeout`](Self::with_probe_timeout).
    pub fn should_allow_request(&self) -> bool {
        self.admit().is_ok()
    }

    /// A request succeeded.
    pub fn record_success(&self) {
        self.record(None, Outcome::Success);
    }

    /// A request failed.
    pub fn record_failure(&self) {
        self.record(None, Outcome::Failure);
    }

    /// A request ended in a way that says nothing; the place of a probe is free again.
    pub fn record_ignored(&self) {
        self.record(None, Outcome::Ignored);
    }

    /// The state that it is in. One that has been open for its time is so until somebody asks for a request.
    pub fn state(&self) -> CircuitState {
        self.core.word().state.public()
    }

    /// Whether only [`reset`](Self::reset) or force changes it.
    pub fn is_forced(&self) -> bool {
        self.core.word().state.is_forced()
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Refuses all requests from now on, whatever the time, until it is [`reset`](Self::reset) or forced elsewhere. Results of
    /// requests under way are stale.
    pub fn force_open(&self) {
        self.force(Force::Open);
    }

    /// Admits all requests from now on and counts their results, but does not open, until it is [`reset`](Self::reset) or
    /// forced elsewhere. Results of requests under way are stale.
    pub fn force_closed(&self) {
        self.force(Force::Closed);
    }

    /// Admits all requests from now on and counts nothing, until it is [`reset`](Self::reset) or forced elsewhere. Results of
    /// requests under way are stale.
    pub fn disable(&self) {
        self.force(Force::Disabled);
    }

    /// Closes it with nothing counted, whatever it was. Results of requests under way are stale.
    pub fn reset(&self) {
        self.force(Force::Reset);
    }

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
            retry_after: self.core.refusal_ms(word.state, self.now_ms()).map(duration),
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

    #[inline]
    fn admit(&self) -> Result<Generation, Rejected> {
        match self.core.acquire(|| self.now_ms()) {
            Admission::Admitted(generation, None) => Ok(generation),
            Admission::Admitted(generation, Some(change)) => {
                self.changed(change);
                Ok(generation)
            }
            Admission::Refused { state, for_ms } => Err(self.refuse(state, for_ms)),
        }
    }

    #[cold]
    fn refuse(&self, state: CircuitState, for_ms: u64) -> Rejected {
        self.totals.rejected.raise();
        Rejected { retry_after: duration(for_ms), state, name: self.name.clone() }
    }

    /// Takes the result of a permit.
    #[inline]
    pub(super) fn settle(&self, generation: Generation, outcome: Outcome, began: Option<Instant>) {
        let is_watched = self.failures.is_some() || self.slow.is_some();
        if !is_watched && outcome == Outcome::Success && self.core.is_spotless(generation) {
            return;
        }
        self.settle_slowly(generation, outcome, began);
    }

    fn settle_slowly(&self, generation: Generation, outcome: Outcome, began: Option<Instant>) {
        let is_slow = outcome != Outcome::Ignored && self.is_slow(began);
        let outcome = if is_slow && outcome == Outcome::Success {
            Outcome::SlowSuccess
        } else {
            outcome
        };
        self.record_as(Some(generation), outcome, is_slow);
    }

    fn is_slow(&self, began: Option<Instant>) -> bool {
        let Some((slow, began)) = self.slow.as_ref().zip(began) else { return false };
        self.clock.now().saturating_since(began) >= slow.from
    }

    fn record(&self, generation: Option<Generation>, outcome: Outcome) {
        self.record_as(generation, outcome, false);
    }

    fn record_as(&self, generation: Option<Generation>, outcome: Outcome, is_slow: bool) {
        let recorded = self.core.record(generation, outcome, || self.now_ms(), || self.rng.next_u64());
        if recorded == Recorded::Stale {
            self.totals.stale.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if outcome == Outcome::Failure {
            self.totals.last_failure_ns.store(self.now_ns().saturating_add(1), Ordering::Relaxed);
        }
        match recorded {
            Recorded::Closed(generation) => self.watch(generation, outcome == Outcome::Failure, is_slow),
            Recorded::Changed(change) => self.changed(change),
            Recorded::Elsewhere | Recorded::Stale => {}
        }
    }

    /// Shows a result of a closed breaker to the windows, which may open it.
    fn watch(&self, generation: Generation, is_failure: bool, is_slow: bool) {
        let now_ns = || self.now_ns();
        let too_many_failed = self.failures.as_ref().is_some_and(|window| window.record(is_failure, now_ns));
        let too_many_slow = self.slow.as_ref().is_some_and(|slow| slow.window.record(is_slow, now_ns));
        let (reason, window) = match (too_many_failed, too_many_slow) {
            (true, _) => (TransitionReason::FailureRate, self.failures.as_ref()),
            (false, true) => (TransitionReason::SlowCallRate, self.slow.as_ref().map(|slow| &slow.window)),
            (false, false) => return,
        };
        let bad = window.map_or(0, |window| window.tally(now_ns).bad);
        let change = self.core.trip(generation, reason, || self.now_ms(), || self.rng.next_u64());
        if let Some(change) = change {
            self.changed(Change { failures: narrow(bad), ..change });
        }
    }

    fn force(&self, force: Force) {
        if let Some(change) = self.core.force(force) {
            self.changed(change);
        }
    }

    /// What follows a transition, done by the one who made it.
    #[cold]
    fn changed(&self, change: Change) {
        match change.to {
            CircuitState::Open => {
                self.totals.opened.fetch_add(1, Ordering::Relaxed);
                if change.from == CircuitState::Closed {
                    self.totals.opened_by.store(change.failures.into(), Ordering::Relaxed);
                }
            }
            // Nobody writes to a window until it is closed again.
            CircuitState::HalfOpen => self.clear_windows(),
            CircuitState::Closed if change.reason == TransitionReason::ProbesSucceeded => {}
            CircuitState::Closed => self.clear_windows(),
        }
        self.tell(&Transition {
            name: self.name.clone(),
            from: change.from,
            to: change.to,
            reason: change.reason,
            generation: change.generation.get(),
        });
    }

    fn clear_windows(&self) {
        let slow = self.slow.as_ref().map(|slow| &slow.window);
        [self.failures.as_ref(), slow].into_iter().flatten().for_each(Window::clear);
    }

    fn tell(&self, transition: &Transition) {
        let Transition { name, from, to, reason, .. } = transition;
        let name = name.as_deref().unwrap_or_default();
        match to {
            CircuitState::Open => {
                tracing::warn!(target: TRACING_TARGET, name, %from, %to, ?reason, "the circuit breaker opened");
            }
            CircuitState::HalfOpen | CircuitState::Closed => {
                tracing::info!(target: TRACING_TARGET, name, %from, %to, ?reason, "the circuit breaker changed");
            }
        }
        for listener in &self.listeners {
            // A permit may be dropped by a panic already, and what it has to say must be said to the others too.
            if catch_unwind(AssertUnwindSafe(|| listener(transition))).is_err() {
                tracing::error!(target: TRACING_TARGET, name, "a listener of the circuit breaker panicked");
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().since_origin().as_millis()).unwrap_or(u64::MAX)
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.now().since_origin().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A window for slow calls like that for failures, or the default one.
    pub(super) fn slow_window(span: Option<(Span, u32)>, rate: f64) -> Window {
        let (span, min_calls) = span.unwrap_or((Span::Count(window::DEFAULT_COUNT), window::DEFAULT_MIN_CALLS));
        Window::new(span, min_calls, rate)
    }
}

fn duration(ms: u64) -> Duration {
    if ms == u64::MAX { Duration::MAX } else { Duration::from_millis(ms) }
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Whoever panics around it leaves it whole: its state is one word, and listeners are fenced.
impl<C: Clock> UnwindSafe for CircuitBreaker<C> {}
impl<C: Clock> RefUnwindSafe for CircuitBreaker<C> {}

impl<C: Clock> fmt::Debug for CircuitBreaker<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.core.word();
        f.debug_struct("CircuitBreaker")
            .field("name", &self.name)
            .field("state", &word.state)
            .field("generation", &word.generation.get())
            .finish_non_exhaustive()
    }
}
