//! What an operation ends with when it does not end well.

use std::{convert::Infallible, error::Error, fmt, time::Duration};

use syncline_core::ErrorKind;

use crate::retry::BUDGET_REFILL_INTERVAL;

/// Why an operation was not carried out. It keeps the last error of the operation itself wherever there is one.
///
/// Exactly these variants, so that a match over them can be complete.
///
/// # Examples
///
/// ```
/// use syncline_resilience::{RetryError, StoppedBy};
///
/// let error = RetryError::AttemptsExhausted { attempts: 3, source: "refused", stopped_by: StoppedBy::MaxAttempts };
/// assert_eq!(error.to_string(), "gave up after 3 attempts: no attempt is left");
/// assert_eq!(error.into_source(), Some("refused"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryError<E> {
    /// It failed each time, and something ended the retrying.
    AttemptsExhausted {
        /// Attempts that ran, the first one among them.
        attempts: u32,
        /// What the last one that answered failed with.
        source: E,
        /// What ended it.
        stopped_by: StoppedBy,
    },
    /// The time given is over, or would be over before the next attempt could begin.
    Timeout {
        /// Time since the first attempt began.
        elapsed: Duration,
        /// Attempts that ran.
        attempts: u32,
        /// What the last one that answered failed with; `None` when none answered.
        source: Option<E>,
    },
    /// It failed in a way that a retry cannot cure.
    OperationFailed {
        /// Attempts that ran.
        attempts: u32,
        /// What it failed with.
        source: E,
    },
    /// The circuit breaker is open; nothing was attempted.
    CircuitBreakerOpen,
    /// The retry budget is spent; nothing was attempted.
    BudgetExhausted,
    /// A setting makes no sense; nothing was attempted.
    InvalidConfiguration {
        /// Which setting, and what was given.
        message: String,
    },
}

/// What ended the retrying of [`RetryError::AttemptsExhausted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoppedBy {
    /// No attempt is left.
    MaxAttempts,
    /// The circuit breaker opened meanwhile.
    CircuitBreaker,
    /// The retry budget has no token for a retry.
    Budget,
    /// The server asked for a longer wait than is allowed.
    RetryAfter,
    /// An operation around this one retries already.
    Nested,
    /// The caller asked for an end.
    Caller,
}

impl<E> RetryError<E> {
    /// What the caller can do, in the words of every room. An attempt that ran may have had its effect.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::AttemptsExhausted { .. } | Self::Timeout { .. } | Self::OperationFailed { .. } => ErrorKind::Unknown,
            Self::CircuitBreakerOpen => ErrorKind::Unavailable,
            Self::BudgetExhausted => ErrorKind::Throttled { retry_after: BUDGET_REFILL_INTERVAL },
            Self::InvalidConfiguration { .. } => ErrorKind::Invalid,
        }
    }

    /// Attempts that ran.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::AttemptsExhausted { attempts, .. }
            | Self::Timeout { attempts, .. }
            | Self::OperationFailed { attempts, .. } => *attempts,
            Self::CircuitBreakerOpen | Self::BudgetExhausted | Self::InvalidConfiguration { .. } => 0,
        }
    }

    /// The last error of the operation itself, where there is one.
    pub fn into_source(self) -> Option<E> {
        match self {
            Self::AttemptsExhausted { source, .. } | Self::OperationFailed { source, .. } => Some(source),
            Self::Timeout { source, .. } => source,
            Self::CircuitBreakerOpen | Self::BudgetExhausted | Self::InvalidConfiguration { .. } => None,
        }
    }

    /// Whether it refused without an attempt: to retry it is to ask the same guard again.
    pub fn is_denial(&self) -> bool {
        matches!(self, Self::CircuitBreakerOpen | Self::BudgetExhausted | Self::InvalidConfiguration { .. })
    }
}

impl RetryError<Infallible> {
    /// The same error in a function whose operation fails with `E`. Setters fail with no operation's error, so that `?` of
    /// one needs this where the types differ: `.with_max_attempts(n).map_err(RetryError::widen)?`.
    pub fn widen<E>(self) -> RetryError<E> {
        match self {
            Self::AttemptsExhausted { source, .. } | Self::OperationFailed { source, .. } => match source {},
            Self::Timeout { elapsed, attempts, source: _ } => RetryError::Timeout { elapsed, attempts, source: None },
            Self::CircuitBreakerOpen => RetryError::CircuitBreakerOpen,
            Self::BudgetExhausted => RetryError::BudgetExhausted,
            Self::InvalidConfiguration { message } => RetryError::InvalidConfiguration { message },
        }
    }
}

/// A setter's refusal.
pub(crate) fn invalid(message: impl Into<String>) -> RetryError<Infallible> {
    RetryError::InvalidConfiguration { message: message.into() }
}

impl<E> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AttemptsExhausted { attempts, stopped_by, .. } => {
                write!(f, "gave up after {}: {stopped_by}", Attempts(*attempts))
            }
            Self::Timeout { elapsed, attempts, .. } => {
                write!(f, "out of time after {elapsed:?} and {}", Attempts(*attempts))
            }
            Self::OperationFailed { attempts, .. } => {
                write!(f, "failed for good at attempt {attempts}")
            }
            Self::CircuitBreakerOpen => f.write_str("the circuit breaker is open"),
            Self::BudgetExhausted => f.write_str("the retry budget is spent"),
            Self::InvalidConfiguration { message } => write!(f, "invalid configuration: {message}"),
        }
    }
}

impl<E: Error + 'static> Error for RetryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::AttemptsExhausted { source, .. } | Self::OperationFailed { source, .. } => Some(source),
            Self::Timeout { source, .. } => source.as_ref().map(|source| source as _),
            Self::CircuitBreakerOpen | Self::BudgetExhausted | Self::InvalidConfiguration { .. } => None,
        }
    }
}

impl fmt::Display for StoppedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxAttempts => "no attempt is left",
            Self::CircuitBreaker => "the circuit breaker opened",
            Self::Budget => "the retry budget is spent",
            Self::RetryAfter => "the server asks for a longer wait than is allowed",
            Self::Nested => "an operation around it retries already",
            Self::Caller => "the caller asked for an end",
        })
    }
}

struct Attempts(u32);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} attempt{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_cause_is_the_source_and_is_not_said_twice() {
        let cause = || io::Error::other("disk on fire");
        let errors = [
            RetryError::AttemptsExhausted { attempts: 2, source: cause(), stopped_by: StoppedBy::Budget },
            RetryError::Timeout { elapsed: Duration::from_secs(1), attempts: 1, source: Some(cause()) },
            RetryError::OperationFailed { attempts: 1, source: cause() },
        ];
        for error in errors {
            assert_eq!(error.source().unwrap().to_string(), "disk on fire");
            assert!(!error.to_string().contains("fire"), "{error}");
            assert!(error.attempts() > 0 && !error.is_denial());
            assert_eq!(error.kind(), ErrorKind::Unknown);
        }
        let denials: [RetryError<io::Error>; 3] = [
            RetryError::CircuitBreakerOpen,
            RetryError::BudgetExhausted,
            RetryError::InvalidConfiguration { message: "x".into() },
        ];
        for error in denials {
            assert!(error.source().is_none() && error.is_denial() && error.attempts() == 0, "{error}");
        }
    }

    #[test]
    fn a_setters_error_widens_to_the_operations() {
        let widened: RetryError<io::Error> = invalid("max_attempts is 0").widen();
        assert_eq!(widened.to_string(), "invalid configuration: max_attempts is 0");
    }
}
