//! What a breaker does with results, and what follows from its transitions.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering,
};

use super::{
    CircuitBreaker, CircuitState, Transition, TransitionReason,
    circuit::narrow,
    core::{Change, Outcome, Recorded},
    window::Window,
    word::Generation,
};
use crate::{
    TRACING_TARGET,
    time::{Clock, Instant},
};

impl<C: Clock> CircuitBreaker<C> {
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
        let is_slow = if outcome == Outcome::Ignored { None } else { self.is_slow(began) };
        let outcome = match (outcome, is_slow) {
            (Outcome::Success, Some(true)) => Outcome::SlowSuccess,
            _ => outcome,
        };
        self.record(Some(generation), outcome, is_slow);
    }

    /// `None` where it was not measured.
    fn is_slow(&self, began: Option<Instant>) -> Option<bool> {
        let (slow, began) = self.slow.as_ref().zip(began)?;
        Some(self.clock.now().saturating_since(began) >= slow.from)
    }

    /// Takes the result of a request of `generation`, or of whichever there is now.
    pub(super) fn record(&self, generation: Option<Generation>, outcome: Outcome, is_slow: Option<bool>) {
        let recorded = self.core.record(generation, outcome, || self.now_ms(), || self.rng.next_u64());
        if recorded == Recorded::Stale && outcome != Outcome::Ignored {
            self.totals.stale.fetch_add(1, Ordering::Relaxed);
        }
        if outcome == Outcome::Failure && matches!(recorded, Recorded::Closed(_) | Recorded::Changed(_)) {
            self.totals.last_failure_ns.store(self.now_ns().saturating_add(1), Ordering::Relaxed);
        }
        match recorded {
            Recorded::Closed(generation) => self.watch(generation, outcome == Outcome::Failure, is_slow),
            Recorded::Changed(change) => self.changed(change),
            Recorded::Elsewhere | Recorded::Stale => {}
        }
    }

    /// Shows a result of a closed breaker to the windows, which may open it.
    fn watch(&self, generation: Generation, is_failure: bool, is_slow: Option<bool>) {
        let now_ns = || self.now_ns();
        let failed = self.failures.as_ref().and_then(|window| window.record(is_failure, now_ns));
        let slow = self
            .slow
            .as_ref()
            .zip(is_slow)
            .and_then(|(slow, is_slow)| slow.window.record(is_slow, now_ns));
        let (reason, bad) = match (failed, slow) {
            (Some(bad), _) => (TransitionReason::FailureRate, bad),
            (None, Some(bad)) => (TransitionReason::SlowCallRate, bad),
            (None, None) => return,
        };
        let change = self.core.trip(generation, reason, || self.now_ms(), || self.rng.next_u64());
        if let Some(change) = change {
            self.changed(Change { failures: narrow(bad), ..change });
        }
    }

    /// What follows a transition, done by the one who made it.
    #[cold]
    pub(super) fn changed(&self, change: Change) {
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
}
