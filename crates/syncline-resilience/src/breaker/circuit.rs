//! The breaker: the core with a clock, windows, a name and listeners.

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
    time::Duration,
};

use super::{
    CircuitState, Name, OwnedPermit, Permit, Rejected, Transition,
    core::{Admission, Core, Outcome},
    stats::Totals,
    window::{Span, Window},
    word::{Generation, State},
};
use crate::{
    rng::Rng,
    time::{Clock, SystemClock},
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
    pub(super) totals: Totals,
}

/// What counts as slow, and how much of it is too much.
#[derive(Debug)]
pub(super) struct SlowCalls {
    pub(super) from: Duration,
    pub(super) rate: f64,
    pub(super) window: Window,
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
        self.refusal(self.core.word().state)
    }

    /// For how long it is still open, for everybody; `None` while it is half-open, whose probes may give their places back at
    /// any moment.
    pub(crate) fn open_for(&self) -> Option<Duration> {
        let state = self.core.word().state;
        if state.public() == CircuitState::Open { self.refusal(state) } else { None }
    }

    /// Whether a request may be made, of which [`record_success`](Self::record_success),
    /// [`record_failure`](Self::record_failure) or [`record_ignored`](Self::record_ignored) then tells the result.
    ///
    /// Prefer [`try_acquire`](Self::try_acquire) or [`call`](Self::call): without a permit a result counts in whatever state
    /// the breaker has when it comes, and the place of a probe whose result is never told is only free again after
    /// [`with_probe_timeout`](Self::with_probe_timeout).
    #[must_use = "it may have taken the place of a probe"]
    pub fn should_allow_request(&self) -> bool {
        self.admit().is_ok()
    }

    /// A request succeeded.
    pub fn record_success(&self) {
        self.record(None, Outcome::Success, None);
    }

    /// A request failed.
    pub fn record_failure(&self) {
        self.record(None, Outcome::Failure, None);
    }

    /// A request ended in a way that says nothing; the place of a probe is free again.
    pub fn record_ignored(&self) {
        self.record(None, Outcome::Ignored, None);
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

    /// For how long at most `state` refuses.
    pub(super) fn refusal(&self, state: State) -> Option<Duration> {
        let now = if state.is_timed() { self.now_ms() } else { 0 };
        self.core.refusal_ms(state, now).map(duration)
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().since_origin().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.now().since_origin().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn duration(ms: u64) -> Duration {
    if ms == u64::MAX { Duration::MAX } else { Duration::from_millis(ms) }
}

pub(super) fn narrow(count: u64) -> u32 {
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
