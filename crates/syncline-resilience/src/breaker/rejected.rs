//! What is said instead of a permit.

use std::{error::Error, fmt, time::Duration};

use super::{CircuitState, Name};

/// A breaker does not admit the request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// For how long at most: until the open time is over; where probes are under way, until they are given up. [`Duration::MAX`]
    /// when no time ends it.
    pub retry_after: Duration,
    /// Open, or half-open with all its probes under way.
    pub state: CircuitState,
    /// Of the breaker, if it has one.
    pub name: Option<Name>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the circuit breaker")?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        f.write_str(match self.state {
            CircuitState::Closed => " refuses",
            CircuitState::Open => " is open",
            CircuitState::HalfOpen => " is half-open and waits for its probes",
        })?;
        if self.retry_after == Duration::MAX {
            return f.write_str(", until it is reset");
        }
        write!(f, ", for {:?} at most", self.retry_after)
    }
}

impl Error for Rejected {}

/// Why a call through a breaker has no value.
///
/// # Examples
///
/// ```
/// use syncline_resilience::{CircuitBreaker, breaker::CallError};
///
/// let breaker = CircuitBreaker::new();
/// let result: Result<(), _> = breaker.call_sync(|| Err("refused"));
/// assert_eq!(result, Err(CallError::Inner("refused")));
/// breaker.force_open();
/// let result = breaker.call_sync(|| Ok::<_, &str>(()));
/// assert!(matches!(result, Err(CallError::Rejected(_))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError<E> {
    /// It was not made.
    Rejected(Rejected),
    /// It was made, and failed.
    Inner(E),
}

impl<E> CallError<E> {
    /// What the call failed with, if it was made.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }

    /// Whether it was not made.
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }
}

impl<E> From<Rejected> for CallError<E> {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected(_) => "the circuit breaker refused the call",
            Self::Inner(_) => "the call failed",
        })
    }
}

impl<E: Error + 'static> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Rejected(rejected) => rejected,
            Self::Inner(error) => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_and_for_how_long() {
        let mut rejected = Rejected {
            retry_after: Duration::from_secs(3),
            state: CircuitState::Open,
            name: Some("mail".into()),
        };
        assert_eq!(rejected.to_string(), "the circuit breaker mail is open, for 3s at most");
        rejected.retry_after = Duration::MAX;
        assert_eq!(rejected.to_string(), "the circuit breaker mail is open, until it is reset");
    }
}
