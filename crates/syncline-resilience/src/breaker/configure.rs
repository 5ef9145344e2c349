//! The settings of a breaker, each by value.

use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    CircuitBreaker, Name, Transition,
    circuit::SlowCalls,
    settings::fitting,
    window::{DEFAULT_COUNT, DEFAULT_MIN_CALLS, Span, Window},
};
use crate::{rng::Rng, time::Clock};

impl<C: Clock> CircuitBreaker<C> {
    /// Failures in a row that open it. Default [`DEFAULT_FAILURE_THRESHOLD`](crate::DEFAULT_FAILURE_THRESHOLD); 0 counts
    /// as 1.
    #[must_use]
    pub fn with_failure_threshold(mut self, failures: u32) -> Self {
        self.core.settings.failure_threshold = Some(failures.max(1));
        self
    }

    /// No number of failures in a row opens it: only a window does.
    #[must_use]
    pub fn without_failure_threshold(mut self) -> Self {
        self.core.settings.failure_threshold = None;
        self
    }

    /// Successful probes that close it. Default [`DEFAULT_SUCCESS_THRESHOLD`](crate::DEFAULT_SUCCESS_THRESHOLD); 0 counts
    /// as 1, and more than 255 as 255.
    #[must_use]
    pub fn with_success_threshold(mut self, successes: u32) -> Self {
        self.core.settings.success_threshold = fitting(successes);
        self
    }

    /// How long it stays open before it admits a probe. Default
    /// [`DEFAULT_CIRCUIT_TIMEOUT`](crate::DEFAULT_CIRCUIT_TIMEOUT). It is kept to the millisecond; one of more than four years
    /// does not end.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.core.settings.set_timeout(timeout);
        self
    }

    /// [`with_timeout`](Self::with_timeout) by the name that does not sound like a limit on a request.
    #[must_use]
    pub fn with_recovery_timeout(self, timeout: Duration) -> Self {
        self.with_timeout(timeout)
    }

    /// Probes that may be under way at once while it is half-open; as many as it takes to close may follow each other. Default
    /// [`DEFAULT_HALF_OPEN_REQUESTS`](crate::DEFAULT_HALF_OPEN_REQUESTS); 0 counts as 1, and more than 255 as 255.
    #[must_use]
    pub fn with_half_open_requests(mut self, requests: u32) -> Self {
        self.core.settings.half_open_requests = fitting(requests);
        self
    }

    /// How long probes may be without an answer. When all are under way and the last one was admitted this long ago, they are
    /// given up and the request that asks is the first of new ones: a probe that was lost delays recovery by no more than this.
    /// Default: the timeout, without growth. It is kept to the millisecond up to 17 minutes and nearly above; zero counts as one
    /// millisecond. When nobody asked for an hour, or for four times this, it may count from the first request that does.
    ///
    /// Give it more than a request can take: the answer of one that was given up is stale.
    #[must_use]
    pub fn with_probe_timeout(mut self, timeout: Duration) -> Self {
        self.core.settings.set_probe_timeout(timeout);
        self
    }

    /// Multiplies the open time by `factor` for each time in a row that it opens again from half-open, up to `max`: who is down
    /// for long is asked less often. Closing ends it. It grows up to 15 times. Default 1.0; less or no number counts as 1.0,
    /// more than 1,000.0 as 1,000.0, and a `max` below the timeout as the timeout.
    #[must_use]
    pub fn with_growing_timeout(mut self, factor: f64, max: Duration) -> Self {
        self.core.settings.set_growth(factor, max);
        self
    }

    /// The part of each open time that is left to chance, downward, from 0.0 to 1.0: 0.1 draws from 90 % to 100 % of it, so that
    /// a fleet that lost the same server does not come back to it in the same moment. Default 0.0; no number counts as that.
    #[must_use]
    pub fn with_timeout_jitter(mut self, factor: f64) -> Self {
        self.core.settings.set_jitter(factor);
        self
    }

    /// Draws chance from `seed`, so that a test can replay it.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.rng = Rng::seeded(seed);
        self
    }

    /// Opens it, too, when `failure_rate` (0.0 to 1.0) of the last `size` results failed, `min_calls` of them at least.
    ///
    /// Up to 63 results are one word, which each result exchanges once; up to 2^20 are a ring of bits with a sum. A `min_calls`
    /// above `size` counts as `size`, so that it can be reached; zeros count as 1; a rate that is no number counts as 1.0. It
    /// replaces a window of time. Failures in a row open it as before, unless
    /// [`without_failure_threshold`](Self::without_failure_threshold) says otherwise.
    #[must_use]
    pub fn with_count_window(self, size: u32, min_calls: u32, failure_rate: f64) -> Self {
        self.with_window(Span::Count(size), min_calls, failure_rate)
    }

    /// Opens it, too, when `failure_rate` (0.0 to 1.0) of the results of the last `duration` failed, `min_calls` of them at
    /// least.
    ///
    /// The window moves by tenths of itself and takes the same memory for any number of calls. `min_calls` of 0 count as 1, of
    /// more than 2^19 as that; a rate that is no number counts as 1.0. It replaces a window of a count. Failures in a row open
    /// it as before, unless [`without_failure_threshold`](Self::without_failure_threshold) says otherwise.
    #[must_use]
    pub fn with_time_window(self, duration: Duration, min_calls: u32, failure_rate: f64) -> Self {
        self.with_window(Span::Time(duration), min_calls, failure_rate)
    }

    fn with_window(mut self, span: Span, min_calls: u32, rate: f64) -> Self {
        self.failures = Some(Window::new(span, min_calls, rate));
        self.span = Some((span, min_calls));
        if let Some(slow) = self.slow.take() {
            self = self.with_slow_call(slow.from, slow.rate);
        }
        self
    }

    /// Opens it, too, when `rate` (0.0 to 1.0) of the results took `duration` or longer, whether they failed or not; and a
    /// probe that does has failed. They are counted in a window like that of the failures; without one, in one of the last 50
    /// results, 10 of them at least.
    ///
    /// Only permits and calls are measured, when their result is told: give them a timeout, so that one is.
    #[must_use]
    pub fn with_slow_call(mut self, duration: Duration, rate: f64) -> Self {
        let (span, min_calls) = self.span.unwrap_or((Span::Count(DEFAULT_COUNT), DEFAULT_MIN_CALLS));
        let window = Window::new(span, min_calls, rate);
        self.slow = Some(SlowCalls { from: duration, rate, window });
        self
    }

    /// What it is called in refusals, transitions and metrics.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(Name::from(name));
        self
    }

    /// Tells `listener` of each transition, after those that were given before. The one whose request made the transition
    /// calls it, once, holding nothing: be quick and do not block. One that panics is logged, and changes nothing.
    #[must_use]
    pub fn with_listener(mut self, listener: impl Fn(&Transition) + Send + Sync + 'static) -> Self {
        self.listeners.push(Arc::new(listener));
        self
    }
}
