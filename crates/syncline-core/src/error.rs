//! One error shape for every room: the kind says what the caller can do.

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

/// Result with Syncline's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is wrong and will stay wrong; nothing was written.
    Invalid,
    /// A bound is reached: space, bytes or count. Nothing was written; free some and call again.
    Full,
    /// Too fast; nothing was written. Call again after the hint.
    Throttled {
        /// How long to wait before the next call.
        retry_after: Duration,
    },
    /// A part that is needed does not answer; nothing was written. Call again later.
    Unavailable,
    /// It may have happened. Repeating the same call is safe where the call says so.
    Unknown,
    /// Another writer was first, or another process holds what is needed.
    Conflict,
    /// The credentials, key or permissions do not allow it.
    Denied,
    /// Stored bytes are not what was written; the message names the place.
    Corrupt,
    /// An earlier write or sync failed; nothing more is promised until it is opened again.
    Poisoned,
    /// It was shut down.
    Closed,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid",
            Self::Full => "full",
            Self::Throttled { .. } => "throttled",
            Self::Unavailable => "unavailable",
            Self::Unknown => "outcome unknown",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Corrupt => "corrupt",
            Self::Poisoned => "poisoned",
            Self::Closed => "closed",
        })
    }
}

/// An error of Syncline: a [kind](ErrorKind) to act on, a message with every detail, and the cause where there is one.
///
/// The message never repeats its source; print the chain to see both.
///
/// # Examples
///
/// ```
/// use syncline_core::{Error, ErrorKind, Key};
///
/// let error: Error = Key::new("").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!(error.to_string(), "key is empty");
/// ```
pub struct Error {
    // Boxed, so that the happy path of every `Result` stays one word wide.
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`: lower case, no full stop, the offending values in it.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { inner: Box::new(Inner { kind, message: message.into(), source: None }) }
    }

    /// The same error, caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// The same error, its message led by what was being done: `"{context}: {message}"`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.inner.message = format!("{context}: {}", self.inner.message).into();
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The message alone, without its cause.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Whether the same call may succeed later without any change by the caller.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Full | ErrorKind::Throttled { .. } | ErrorKind::Unavailable)
    }

    /// A copy for another waiter: same kind and text, the cause folded into the message.
    ///
    /// One failed sync fails many waiters, and causes such as [`std::io::Error`] cannot be cloned.
    #[must_use]
    pub fn share(&self) -> Self {
        let mut message = self.message().to_owned();
        let mut cause = self.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(self.kind(), message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind(), self.message())?;
        match &self.inner.source {
            Some(source) => write!(f, ": {source:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_error_keeps_kind_and_whole_chain() {
        let io = std::io::Error::other("device gone");
        let error = Error::new(ErrorKind::Poisoned, "sync of segment 3 failed").with_source(io);
        let copy = error.share();
        assert_eq!(copy.kind(), ErrorKind::Poisoned);
        assert_eq!(copy.to_string(), "sync of segment 3 failed: device gone");
    }

    #[test]
    fn only_kinds_that_heal_by_waiting_are_retryable() {
        let retryable = [ErrorKind::Full, ErrorKind::Unavailable, ErrorKind::Throttled { retry_after: Duration::ZERO }];
        let final_kinds = [
            ErrorKind::Invalid,
            ErrorKind::Unknown,
            ErrorKind::Conflict,
            ErrorKind::Denied,
            ErrorKind::Corrupt,
            ErrorKind::Poisoned,
            ErrorKind::Closed,
        ];
        assert!(retryable.iter().all(|kind| Error::new(*kind, "x").is_retryable()));
        assert!(final_kinds.iter().all(|kind| !Error::new(*kind, "x").is_retryable()));
    }

    /// The test that produces each kind through the public API. A kind that is added has to be given one here.
    fn producer(kind: ErrorKind) -> (&'static str, &'static str) {
        match kind {
            ErrorKind::Invalid => ("syncline-core/src/key.rs", "bounds_and_control_characters_are_refused_by_name"),
            ErrorKind::Full => ("syncline-journal/src/hub.rs", "more_than_the_bound_is_refused_but_one_always_fits"),
            // Nothing throttles yet: the kind is the vocabulary's.
            ErrorKind::Throttled { .. } => {
                ("syncline-core/src/error.rs", "only_kinds_that_heal_by_waiting_are_retryable")
            }
            ErrorKind::Unavailable => {
                ("syncline-engine/tests/it/lifecycle.rs", "before_the_start_everything_is_unavailable")
            }
            ErrorKind::Unknown => {
                ("syncline-sql/tests/it/contract.rs", "clause_10_a_write_that_hangs_is_unknown_and_reads_go_on")
            }
            ErrorKind::Conflict => {
                ("syncline-journal/tests/journal.rs", "a_second_opener_hears_who_holds_the_directory")
            }
            ErrorKind::Denied => (
                "syncline-journal/tests/journal.rs",
                "encrypted_records_open_with_any_key_on_the_ring_and_with_no_other",
            ),
            ErrorKind::Corrupt => {
                ("syncline-journal/src/manifest.rs", "the_one_before_serves_when_the_newest_is_damaged")
            }
            ErrorKind::Poisoned => ("syncline-core/src/rt/task.rs", "a_panic_is_an_error_of_its_owner"),
            ErrorKind::Closed => ("syncline-journal/tests/journal.rs", "wrong_uses_are_refused_by_name"),
        }
    }

    #[test]
    fn every_kind_is_produced_by_a_named_test() {
        let kinds = [
            ErrorKind::Invalid,
            ErrorKind::Full,
            ErrorKind::Throttled { retry_after: Duration::ZERO },
            ErrorKind::Unavailable,
            ErrorKind::Unknown,
            ErrorKind::Conflict,
            ErrorKind::Denied,
            ErrorKind::Corrupt,
            ErrorKind::Poisoned,
            ErrorKind::Closed,
        ];
        for kind in kinds {
            let (file, test) = producer(kind);
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(text.contains(&format!("fn {test}(")), "{kind:?}: no test {test} in {file}");
        }
    }

    #[test]
    fn context_leads_the_message() {
        let error = Error::new(ErrorKind::Corrupt, "bad checksum").context("segment 7");
        assert_eq!(error.to_string(), "segment 7: bad checksum");
    }
}
