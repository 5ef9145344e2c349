//! How operations end.

use crate::{RetryError, StoppedBy};

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Failed(Reason),
}

/// Why an operation failed, as spans and metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No attempt is left.
    Exhausted,
    Timeout,
    /// No retry cures it.
    Permanent,
    BreakerOpen,
    BudgetExhausted,
    /// The server asked for a longer wait than is allowed.
    RetryAfter,
    /// An operation around it retries already.
    Nested,
    /// The caller asked for an end.
    Stopped,
    Invalid,
    /// Its future was dropped.
    #[cfg(any(feature = "tracing", feature = "prometheus"))]
    Cancelled,
    /// It was dropped by a panic.
    #[cfg(any(feature = "tracing", feature = "prometheus"))]
    Panicked,
}

impl Outcome {
    pub(crate) fn of<E>(error: &RetryError<E>) -> Self {
        Self::Failed(match error {
            RetryError::AttemptsExhausted { stopped_by, .. } => Reason::of(*stopped_by),
            RetryError::Timeout { .. } => Reason::Timeout,
            RetryError::OperationFailed { .. } => Reason::Permanent,
            RetryError::CircuitBreakerOpen => Reason::BreakerOpen,
            RetryError::BudgetExhausted => Reason::BudgetExhausted,
            RetryError::InvalidConfiguration { .. } => Reason::Invalid,
        })
    }
}

impl Reason {
    fn of(stopped_by: StoppedBy) -> Self {
        match stopped_by {
            StoppedBy::MaxAttempts => Self::Exhausted,
            StoppedBy::CircuitBreaker => Self::BreakerOpen,
            StoppedBy::Budget => Self::BudgetExhausted,
            StoppedBy::RetryAfter => Self::RetryAfter,
            StoppedBy::Nested => Self::Nested,
            StoppedBy::Caller => Self::Stopped,
        }
    }
}

#[cfg(any(feature = "tracing", feature = "prometheus"))]
impl Reason {
    /// Why something is dropped that did not end.
    pub(super) fn of_drop() -> Self {
        if std::thread::panicking() { Self::Panicked } else { Self::Cancelled }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Timeout => "timeout",
            Self::Permanent => "permanent",
            Self::BreakerOpen => "breaker_open",
            Self::BudgetExhausted => "budget_exhausted",
            Self::RetryAfter => "retry_after",
            Self::Nested => "nested",
            Self::Stopped => "stopped",
            Self::Invalid => "invalid",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
        }
    }
}

#[cfg(feature = "prometheus")]
impl Reason {
    /// Each, in the order of declaration.
    pub(crate) const ALL: [Self; 11] = [
        Self::Exhausted,
        Self::Timeout,
        Self::Permanent,
        Self::BreakerOpen,
        Self::BudgetExhausted,
        Self::RetryAfter,
        Self::Nested,
        Self::Stopped,
        Self::Invalid,
        Self::Cancelled,
        Self::Panicked,
    ];
}

#[cfg(all(test, feature = "prometheus"))]
mod tests {
    use super::*;

    #[test]
    fn each_reason_stands_at_its_own_place() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
    }
}
