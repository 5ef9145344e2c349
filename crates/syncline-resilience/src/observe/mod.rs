//! What people and machines can see of an operation: nothing, spans or metrics, by feature.

use std::{marker::PhantomData, time::Duration};

use crate::{Class, RetryError, RetryMetrics, StoppedBy};

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    /// Attempts, breaker, budget, hint or nesting ended the retrying.
    Stopped(StoppedBy),
    Permanent,
    TimedOut,
    /// Refused before the first attempt.
    BreakerOpen,
    BudgetExhausted,
    Invalid,
}

impl Outcome {
    pub(crate) fn of<E>(error: &RetryError<E>) -> Self {
        match error {
            RetryError::AttemptsExhausted { stopped_by, .. } => Self::Stopped(*stopped_by),
            RetryError::Timeout { .. } => Self::TimedOut,
            RetryError::OperationFailed { .. } => Self::Permanent,
            RetryError::CircuitBreakerOpen => Self::BreakerOpen,
            RetryError::BudgetExhausted => Self::BudgetExhausted,
            RetryError::InvalidConfiguration { .. } => Self::Invalid,
        }
    }
}

/// Watches one operation. One that is dropped before it ended was cancelled.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    name: PhantomData<&'a str>,
}

impl<'a> Watch<'a> {
    pub(crate) fn begin(_name: Option<&'a str>) -> Self {
        Self { name: PhantomData }
    }

    /// An attempt begins; `number` is 1 for the first.
    pub(crate) fn attempt(&mut self, _number: u32) -> AttemptWatch {
        AttemptWatch {}
    }

    /// A retry is to come after `delay`.
    pub(crate) fn waits(&mut self, _delay: Duration) {}

    /// The operation ended.
    pub(crate) fn ended(&mut self, _outcome: Outcome, _metrics: RetryMetrics) {}
}

/// Watches one attempt. One that is dropped before it ended was cancelled.
#[derive(Debug)]
pub(crate) struct AttemptWatch {}

/// While it lives, what happens belongs to the attempt.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    attempt: PhantomData<&'a ()>,
}

impl AttemptWatch {
    /// Around each poll or call of the attempt.
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered { attempt: PhantomData }
    }

    pub(crate) fn succeeded(self) {}

    pub(crate) fn failed<E>(self, _class: Class, _error: &E) {}

    pub(crate) fn timed_out(self) {}
}
