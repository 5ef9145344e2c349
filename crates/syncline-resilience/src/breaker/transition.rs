//! States, and the ways from one to another.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

/// What a breaker does with requests.
///
/// # Examples
///
/// ```
/// use syncline_resilience::breaker::CircuitState;
///
/// assert_eq!((CircuitState::HalfOpen.to_string().as_str(), CircuitState::HalfOpen.as_u8()), ("HalfOpen", 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CircuitState {
    /// Admits all, and counts failures.
    Closed,
    /// Refuses all, for a time.
    Open,
    /// Admits a few, to see how they fare.
    HalfOpen,
}

impl CircuitState {
    /// 0 closed, 1 open, 2 half-open: for gauges.
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "Closed",
            Self::Open => "Open",
            Self::HalfOpen => "HalfOpen",
        })
    }
}

/// Why a breaker changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransitionReason {
    /// As many failures in a row as its threshold: it opened.
    ConsecutiveFailures,
    /// Too large a part of its window failed: it opened.
    FailureRate,
    /// Too large a part of its window was slow: it opened.
    SlowCallRate,
    /// It had been open for its time: it is half-open, and who asked is the first probe.
    TimeoutElapsed,
    /// A probe failed, or was slow: it opened again.
    ProbeFailed,
    /// No answer from a probe within its lease: it is half-open anew, with who asked as its first probe.
    ProbeLost,
    /// As many successful probes as its threshold: it closed.
    ProbesSucceeded,
    /// Somebody forced it.
    Forced,
    /// Somebody reset it.
    Reset,
}

/// One change of a breaker, as its listeners are told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// Of the breaker, if it has one.
    pub name: Option<Name>,
    /// The state before.
    pub from: CircuitState,
    /// The state after. The same as before for a lost probe, and where force was used.
    pub to: CircuitState,
    /// What led to it.
    pub reason: TransitionReason,
    /// Of the state after: transitions of a breaker are numbered, around after 2^20, and listeners may be told of two in
    /// another order than they happened.
    pub generation: u32,
}

/// A name that is cheap to clone.
///
/// # Examples
///
/// ```
/// use syncline_resilience::breaker::Name;
///
/// assert_eq!(*Name::from(format!("shard-{}", 7)), *"shard-7");
/// ```
#[derive(Clone)]
pub struct Name(Shared);

#[derive(Clone)]
enum Shared {
    /// Cloned without a write, as refusals are.
    Static(&'static str),
    Counted(Arc<str>),
}

impl<T: Into<Cow<'static, str>>> From<T> for Name {
    fn from(name: T) -> Self {
        Self(match name.into() {
            Cow::Borrowed(name) => Shared::Static(name),
            Cow::Owned(name) => Shared::Counted(name.into()),
        })
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Shared::Static(name) => name,
            Shared::Counted(name) => name,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
