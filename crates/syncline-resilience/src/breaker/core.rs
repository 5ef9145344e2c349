//! The state machine: one word, and what every question and answer makes of it.
//!
//! Nothing here knows a clock. Time is milliseconds, asked for only where it matters and always *after* the word was read:
//! what a word says of a moment is then never in the future, unless the clock was set back.

use super::{
    CircuitState, TransitionReason,
    count::Padded,
    settings::Settings,
    word::{Ends, Generation, State, Word, closed_generation, spotless},
};
use crate::sync::atomic::{AtomicU64, Ordering};

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    /// It succeeded, but not in time: a probe that is slow has failed, another call has succeeded.
    SlowSuccess,
    Failure,
    /// It says nothing.
    Ignored,
}

/// What is answered to who asks.
#[derive(Debug)]
pub(super) enum Admission {
    Admitted(Generation, Option<Change>),
    Refused {
        state: CircuitState,
        /// For how long at most; `u64::MAX` is not by time.
        for_ms: u64,
    },
}

/// What became of a result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It counts in a closed state, and in its windows.
    Closed(Generation),
    /// It counts, or nothing does.
    Elsewhere,
    /// It came after the state that it belongs to.
    Stale,
    Changed(Change),
}

/// A transition that this caller made, and nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) from: CircuitState,
    pub(super) to: CircuitState,
    pub(super) reason: TransitionReason,
    pub(super) generation: Generation,
    /// Failures in a row that were counted before it.
    pub(super) failures: u32,
}

/// What a result makes of a word.
enum Verdict {
    Keep(Recorded),
    Put(Word, Recorded),
    Move(Word, TransitionReason, u32),
}

/// Only a hand leads here and away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    Open,
    Closed,
    Disabled,
    /// Back to the beginning.
    Reset,
}

#[derive(Debug)]
pub(super) struct Core {
    /// Alone in its cache lines: everybody reads it, and the settings behind it never change.
    word: Padded<AtomicU64>,
    pub(super) settings: Settings,
}

impl Core {
    pub(super) fn new() -> Self {
        Self {
            word: Padded(AtomicU64::new(Word::CLOSED.encode())),
            settings: Settings::default(),
        }
    }

    pub(super) fn word(&self) -> Word {
        Word::decode(self.load())
    }

    fn load(&self) -> u64 {
        self.word.0.load(Ordering::Acquire)
    }

    /// Replaces `old`, or says what is there instead.
    fn swap(&self, old: u64, new: Word) -> Result<(), u64> {
        self.word
            .0
            .compare_exchange(old, new.encode(), Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
    }

    /// Whether it is closed in `generation` without a failure, so that a success would change nothing.
    #[inline]
    pub(super) fn is_spotless(&self, generation: Generation) -> bool {
        self.load() == spotless(generation)
    }

    /// Asks for a permit. A closed breaker answers with one load.
    #[inline]
    pub(super) fn acquire(&self, now: impl Fn() -> u64) -> Admission {
        let bits = self.load();
        match closed_generation(bits) {
            Some(generation) => Admission::Admitted(generation, None),
            None => self.acquire_slowly(bits, now),
        }
    }

    #[cold]
    fn acquire_slowly(&self, mut bits: u64, now: impl Fn() -> u64) -> Admission {
        loop {
            let old = Word::decode(bits);
            let now = if old.state.is_timed() { now() } else { 0 };
            if let Some(for_ms) = self.refusal_ms(old.state, now) {
                return Admission::Refused { state: old.state.public(), for_ms };
            }
            let (new, reason) = self.admit(old, now);
            if new == old {
                return Admission::Admitted(new.generation, None);
            }
            match self.swap(bits, new) {
                Ok(()) => return Admission::Admitted(new.generation, reason.map(|reason| change(old, new, reason, 0))),
                Err(current) => bits = current,
            }
        }
    }

    /// For how long at most `state` refuses; `None` when it admits.
    pub(super) fn refusal_ms(&self, state: State, now_ms: u64) -> Option<u64> {
        match state {
            State::Closed { .. } | State::ForcedClosed { .. } | State::Disabled => None,
            State::ForcedOpen => Some(u64::MAX),
            State::Open { growth, ends } => ends.left_ms(now_ms, self.settings.longest_open_ms(growth)),
            State::HalfOpen { in_flight, .. } if in_flight < self.settings.half_open_requests => None,
            State::HalfOpen { admitted, .. } => self.settings.lease_left_ms(admitted, now_ms),
        }
    }

    /// What becomes of a state that admits somebody.
    fn admit(&self, old: Word, now_ms: u64) -> (Word, Option<TransitionReason>) {
        let admitted = self.settings.admitted(now_ms);
        match old.state {
            // Who finds the time over is the first probe, by the same exchange.
            State::Open { growth, .. } => {
                let state = State::HalfOpen { growth, in_flight: 1, successes: 0, admitted };
                (old.step(state), Some(TransitionReason::TimeoutElapsed))
            }
            State::HalfOpen { growth, in_flight, successes, .. } if in_flight < self.settings.half_open_requests => {
                (old.with(State::HalfOpen { growth, in_flight: in_flight + 1, successes, admitted }), None)
            }
            // The lease of the last probe is over: all of them are given up, and this is a new first one.
            State::HalfOpen { growth, .. } => {
                let state = State::HalfOpen { growth, in_flight: 1, successes: 0, admitted };
                (old.step(state), Some(TransitionReason::ProbeLost))
            }
            _ => (old, None),
        }
    }

    /// Takes the result of a request of generation `of`; `None` is whichever there is now.
    pub(super) fn record(
        &self,
        of: Option<Generation>,
        outcome: Outcome,
        now: impl Fn() -> u64,
        random: impl Fn() -> u64,
    ) -> Recorded {
        let mut bits = self.load();
        loop {
            let old = Word::decode(bits);
            if of.is_some_and(|of| of != old.generation) {
                return Recorded::Stale;
            }
            let (new, recorded) = match self.judge(old, outcome, &now, &random) {
                Verdict::Keep(recorded) => return recorded,
                Verdict::Put(new, recorded) => (new, recorded),
                Verdict::Move(new, reason, failures) => (new, Recorded::Changed(change(old, new, reason, failures))),
            };
            match self.swap(bits, new) {
                Ok(()) => return recorded,
                Err(current) => bits = current,
            }
        }
    }

    fn judge(&self, old: Word, outcome: Outcome, now: impl Fn() -> u64, random: impl Fn() -> u64) -> Verdict {
        match old.state {
            State::Closed { failures } | State::ForcedClosed { failures } => {
                self.judge_closed(old, failures, outcome, now, random)
            }
            State::HalfOpen { .. } => self.judge_probe(old, outcome, now, random),
            // Whoever is late does not make it last longer.
            State::Open { .. } | State::ForcedOpen => Verdict::Keep(Recorded::Stale),
            State::Disabled => Verdict::Keep(Recorded::Elsewhere),
        }
    }

    fn judge_closed(
        &self,
        old: Word,
        failures: u32,
        outcome: Outcome,
        now: impl Fn() -> u64,
        random: impl Fn() -> u64,
    ) -> Verdict {
        let now_failed = match outcome {
            Outcome::Ignored => return Verdict::Keep(Recorded::Elsewhere),
            Outcome::Success | Outcome::SlowSuccess => 0,
            Outcome::Failure => failures.saturating_add(1),
        };
        let counted = Recorded::Closed(old.generation);
        if now_failed == failures {
            return Verdict::Keep(counted);
        }
        if matches!(old.state, State::ForcedClosed { .. }) {
            return Verdict::Put(old.with(State::ForcedClosed { failures: now_failed }), counted);
        }
        if self.settings.failure_threshold.is_some_and(|threshold| now_failed >= threshold) {
            return Verdict::Move(self.opened(old, 0, now, random), TransitionReason::ConsecutiveFailures, now_failed);
        }
        Verdict::Put(old.with(State::Closed { failures: now_failed }), counted)
    }

    fn judge_probe(&self, old: Word, outcome: Outcome, now: impl Fn() -> u64, random: impl Fn() -> u64) -> Verdict {
        let State::HalfOpen { growth, in_flight, successes, admitted } = old.state else {
            return Verdict::Keep(Recorded::Stale);
        };
        // Without permits, more may answer than were admitted.
        let in_flight = in_flight.saturating_sub(1);
        let successes = match outcome {
            Outcome::Failure | Outcome::SlowSuccess => {
                let opened = self.opened(old, growth.saturating_add(1), now, random);
                return Verdict::Move(opened, TransitionReason::ProbeFailed, 0);
            }
            Outcome::Success => successes.saturating_add(1),
            Outcome::Ignored => successes,
        };
        if successes >= self.settings.success_threshold {
            let closed = old.step(State::Closed { failures: 0 });
            return Verdict::Move(closed, TransitionReason::ProbesSucceeded, 0);
        }
        let new = old.with(State::HalfOpen { growth, in_flight, successes, admitted });
        if new == old {
            Verdict::Keep(Recorded::Elsewhere)
        } else {
            Verdict::Put(new, Recorded::Elsewhere)
        }
    }

    fn opened(&self, old: Word, growth: u8, now: impl Fn() -> u64, random: impl Fn() -> u64) -> Word {
        let open_ms = self.settings.open_ms(growth, random);
        old.step(State::Open { growth, ends: Ends::after(now(), open_ms) })
    }

    /// Opens it for what a window says, if it is still closed in generation `of`.
    pub(super) fn trip(
        &self,
        of: Generation,
        reason: TransitionReason,
        now: impl Fn() -> u64,
        random: impl Fn() -> u64,
    ) -> Option<Change> {
        let mut bits = self.load();
        loop {
            let old = Word::decode(bits);
            let State::Closed { failures } = old.state else { return None };
            if old.generation != of {
                return None;
            }
            let new = self.opened(old, 0, &now, &random);
            match self.swap(bits, new) {
                Ok(()) => return Some(change(old, new, reason, failures)),
                Err(current) => bits = current,
            }
        }
    }

    /// Brings it where a hand wants it; `None` when it is there already.
    pub(super) fn force(&self, force: Force) -> Option<Change> {
        let (state, reason) = match force {
            Force::Open => (State::ForcedOpen, TransitionReason::Forced),
            Force::Closed => (State::ForcedClosed { failures: 0 }, TransitionReason::Forced),
            Force::Disabled => (State::Disabled, TransitionReason::Forced),
            Force::Reset => (State::Closed { failures: 0 }, TransitionReason::Reset),
        };
        let mut bits = self.load();
        loop {
            let old = Word::decode(bits);
            if old.state.is_forced() && std::mem::discriminant(&old.state) == std::mem::discriminant(&state) {
                return None;
            }
            let new = old.step(state);
            match self.swap(bits, new) {
                Ok(()) => return Some(change(old, new, reason, 0)),
                Err(current) => bits = current,
            }
        }
    }
}

fn change(old: Word, new: Word, reason: TransitionReason, failures: u32) -> Change {
    let (from, to) = (old.state.public(), new.state.public());
    Change { from, to, reason, generation: new.generation, failures }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_an_earlier_generation_opens_nothing() {
        let core = Core::new();
        let earlier = core.word().generation;
        let trip = |of| core.trip(of, TransitionReason::FailureRate, || 0, || 0);
        assert!(core.force(Force::Reset).is_some() && trip(earlier).is_none());
        assert_eq!(core.word().state, State::Closed { failures: 0 });
        let change = trip(core.word().generation).unwrap();
        assert_eq!((change.to, core.word().generation), (CircuitState::Open, change.generation));
    }
}
