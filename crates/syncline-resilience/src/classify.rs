//! What kind of failure an error is.

use std::{any::Any, convert::Infallible, error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use syncline_core::{Error, ErrorKind};

use crate::{
    RetryError, StoppedBy,
    breaker::{CallError, Rejected},
};

/// What a failure says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It may pass. The attempt may have had its effect.
    Transient,
    /// The other side asks for patience.
    Throttled {
        /// For how long, where it said so. A retry never comes earlier.
        retry_after: Option<Duration>,
    },
    /// It will fail again in the same way. It says nothing about the health of the other side.
    Permanent,
    /// The request never reached the other side, so that trying again is safe whatever it does.
    NotSent,
}

/// An error that knows its [`Class`].
///
/// # Examples
///
/// ```
/// use std::io;
/// use syncline_resilience::{Class, Classify};
///
/// assert_eq!(io::Error::from(io::ErrorKind::ConnectionRefused).classify(), Class::NotSent);
/// ```
pub trait Classify {
    /// Its class.
    fn classify(&self) -> Class;
}

impl Classify for Error {
    fn classify(&self) -> Class {
        match self.kind() {
            ErrorKind::Throttled { retry_after } => Class::Throttled { retry_after: Some(retry_after) },
            ErrorKind::Unavailable => Class::NotSent,
            ErrorKind::Full | ErrorKind::Unknown => Class::Transient,
            // What is wrong, taken, forbidden, damaged or closed stays so.
            _ => Class::Permanent,
        }
    }
}

impl Classify for io::Error {
    fn classify(&self) -> Class {
        match self.kind() {
            // An unreachable host or network is not among them: a connection that carried a request ends with it, too.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable => Class::NotSent,
            _ => Class::Transient,
        }
    }
}

impl<E: 'static> Classify for RetryError<E> {
    /// What was retried here already, and what was refused here, is not retried again. What was left to the operation around
    /// it is what its error is, and may pass.
    fn classify(&self) -> Class {
        match self {
            Self::AttemptsExhausted { source, stopped_by: StoppedBy::Nested, .. } => match ByType.judge(source) {
                // Its own judge would have retried it.
                Class::Permanent => Class::Transient,
                class => class,
            },
            _ => Class::Permanent,
        }
    }
}

impl Classify for Rejected {
    /// To retry it is to ask the same breaker again.
    fn classify(&self) -> Class {
        Class::Permanent
    }
}

impl<E: 'static> Classify for CallError<E> {
    fn classify(&self) -> Class {
        match self {
            Self::Rejected(rejected) => rejected.classify(),
            Self::Inner(error) => ByType.judge(error),
        }
    }
}

/// Who decides on the class of an error of type `E`.
///
/// A strategy has [`ByType`] until it is given a [`RetryCondition`] or, for one call, a closure.
pub trait Judge<E> {
    /// The class of `error`.
    fn judge(&self, error: &E) -> Class;

    /// What `error` says of itself to who reads traces; `None` where its type does not tell.
    fn describe<'e>(&self, error: &'e E) -> Option<&'e dyn fmt::Display> {
        let _ = error;
        None
    }
}

impl<E, F: Fn(&E) -> Class> Judge<E> for F {
    fn judge(&self, error: &E) -> Class {
        self(error)
    }
}

/// Judges by the type of the error, which can be any: [`Error`], [`io::Error`], [`Rejected`], and a [`RetryError`] or a
/// [`CallError`] over one of the first two, a `String` or a `&'static str` say what they are; every other error is
/// [`Class::Transient`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByType;

impl<E: 'static> Judge<E> for ByType {
    fn judge(&self, error: &E) -> Class {
        known(error).unwrap_or(Class::Transient)
    }

    fn describe<'e>(&self, error: &'e E) -> Option<&'e dyn fmt::Display> {
        said(error)
    }
}

/// What an error of a known type says of itself.
fn said(error: &dyn Any) -> Option<&dyn fmt::Display> {
    fn text<T: fmt::Display + 'static>(error: &dyn Any) -> Option<&dyn fmt::Display> {
        error.downcast_ref::<T>().map(|error| error as _)
    }
    text::<Error>(error)
        .or_else(|| text::<io::Error>(error))
        .or_else(|| text::<String>(error))
        .or_else(|| text::<&'static str>(error))
        .or_else(|| text::<Box<dyn StdError + Send + Sync>>(error))
        .or_else(|| text::<RetryError<Error>>(error))
        .or_else(|| text::<RetryError<io::Error>>(error))
}

/// The class of an error of a known type.
fn known(error: &dyn Any) -> Option<Class> {
    fn class<T: Classify + 'static>(error: &dyn Any) -> Option<Class> {
        error.downcast_ref::<T>().map(Classify::classify)
    }
    fn around<E: 'static>(error: &dyn Any) -> Option<Class> {
        class::<RetryError<E>>(error).or_else(|| class::<CallError<E>>(error))
    }
    class::<Error>(error)
        .or_else(|| class::<io::Error>(error))
        .or_else(|| class::<Rejected>(error))
        .or_else(|| around::<Error>(error))
        .or_else(|| around::<io::Error>(error))
        .or_else(|| around::<String>(error))
        .or_else(|| around::<&'static str>(error))
        .or_else(|| around::<Infallible>(error))
}

/// Whether an error of a known type was refused here, without an attempt.
fn is_refused(error: &dyn Any) -> bool {
    fn around<E: 'static>(error: &dyn Any) -> bool {
        error.downcast_ref().is_some_and(RetryError::<E>::is_denial)
            || error.downcast_ref().is_some_and(CallError::<E>::is_rejected)
    }
    error.is::<Rejected>() || around::<Error>(error) || around::<io::Error>(error) || around::<Infallible>(error)
}

/// A predicate over an error.
type Predicate = dyn Fn(&(dyn StdError + 'static)) -> bool + Send + Sync;

/// Which errors are retried. It sees them as `dyn Error`, so that the operation's error must be one. A [`Rejected`], and a
/// [`CallError`] or a [`RetryError`] over [`Error`] or [`io::Error`] that says that nothing was attempted, is never retried.
#[derive(Clone)]
pub enum RetryCondition {
    /// Each, whatever its class.
    Always,
    /// None.
    Never,
    /// Those for which the predicate is true. One that is known to be throttled or not sent stays so.
    Custom(Arc<Predicate>),
}

impl<E: StdError + 'static> Judge<E> for RetryCondition {
    fn judge(&self, error: &E) -> Class {
        let is_retried = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Custom(predicate) => predicate(error),
        };
        match known(error) {
            _ if !is_retried || is_refused(error) => Class::Permanent,
            Some(class @ (Class::Throttled { .. } | Class::NotSent)) => class,
            _ => Class::Transient,
        }
    }

    fn describe<'e>(&self, error: &'e E) -> Option<&'e dyn fmt::Display> {
        Some(error)
    }
}

impl fmt::Debug for RetryCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "Always",
            Self::Never => "Never",
            Self::Custom(_) => "Custom(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CircuitBreaker, breaker::CallError};

    #[test]
    fn known_types_say_what_they_are_and_others_are_transient() {
        let throttled = Error::new(ErrorKind::Throttled { retry_after: Duration::from_secs(3) }, "slow down");
        assert_eq!(ByType.judge(&throttled), Class::Throttled { retry_after: Some(Duration::from_secs(3)) });
        assert_eq!(ByType.judge(&Error::new(ErrorKind::Denied, "no")), Class::Permanent);
        assert_eq!(ByType.judge(&io::Error::from(io::ErrorKind::ConnectionRefused)), Class::NotSent);
        assert_eq!(ByType.judge(&io::Error::from(io::ErrorKind::NotFound)), Class::Transient);
        assert_eq!(ByType.judge(&RetryError::<io::Error>::CircuitBreakerOpen), Class::Permanent);
        assert_eq!(ByType.judge(&"anything"), Class::Transient);
    }

    /// Trap 62: text that looks like a status is not one.
    #[test]
    fn a_condition_sees_the_type_of_the_error() {
        let only_refused = RetryCondition::Custom(Arc::new(|error| {
            let error = error.downcast_ref::<io::Error>();
            error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
        }));
        let port = io::Error::other("cannot bind port 5037");
        assert_eq!(only_refused.judge(&port), Class::Permanent);
        assert_eq!(only_refused.judge(&io::Error::from(io::ErrorKind::ConnectionReset)), Class::Transient);
        assert_eq!(RetryCondition::Never.judge(&port), Class::Permanent);
    }
    /// What went wrong: a condition that retries all retried what a breaker or a budget of our own had refused, and held it
    /// against the other side.
    #[test]
    fn no_condition_retries_what_was_refused_here() {
        let all = [RetryCondition::Always, RetryCondition::Custom(Arc::new(|_| true))];
        for condition in all {
            assert_eq!(condition.judge(&RetryError::<io::Error>::CircuitBreakerOpen), Class::Permanent);
            assert_eq!(condition.judge(&RetryError::<Error>::BudgetExhausted), Class::Permanent);
            let failed = RetryError::OperationFailed { attempts: 1, source: io::Error::other("no") };
            assert_eq!(condition.judge(&failed), Class::Transient);
            let breaker = CircuitBreaker::new();
            breaker.force_open();
            let refused = breaker.try_acquire().unwrap_err();
            assert_eq!((condition.judge(&refused), ByType.judge(&refused)), (Class::Permanent, Class::Permanent));
            let refused = CallError::<io::Error>::Rejected(refused);
            assert_eq!((condition.judge(&refused), ByType.judge(&refused)), (Class::Permanent, Class::Permanent));
        }
        let unsent = CallError::Inner(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(ByType.judge(&unsent), Class::NotSent);
    }

    /// What went wrong: systems report an unreachable host for a connection that stood and carried a request, too, so that one
    /// that may have arrived was taken for one that did not.
    #[test]
    fn a_host_that_became_unreachable_may_have_had_the_request() {
        use io::ErrorKind::{HostUnreachable, NetworkDown, NetworkUnreachable};
        for kind in [HostUnreachable, NetworkUnreachable, NetworkDown] {
            assert_eq!(ByType.judge(&io::Error::from(kind)), Class::Transient, "{kind:?}");
        }
    }
}
