//! What a handler says when it does not succeed.

use std::{error::Error, time::Duration};

/// Why an attempt failed, and what is to become of the item.
///
/// Any error becomes one that is [retried](Self::retry), so that `?` works in a handler.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_queue::JobError;
///
/// fn parse(text: &str) -> Result<u64, JobError> {
///     if text.is_empty() {
///         return Err(JobError::retry_after("nothing has come yet", Duration::from_secs(60)));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(parse("x").unwrap_err().message(), "invalid digit found in string");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    pub(super) message: String,
    pub(super) verdict: Verdict,
}

/// What is to become of the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is tried again; after the queue's own delay without one.
    Retry(Option<Duration>),
    Reject,
}

impl JobError {
    /// The attempt failed; there is another one after the queue's delay, unless it was the last.
    pub fn retry(message: impl Into<String>) -> Self {
        Self { message: message.into(), verdict: Verdict::Retry(None) }
    }

    /// The attempt failed; there is another one after `delay`, unless it was the last.
    pub fn retry_after(message: impl Into<String>, delay: Duration) -> Self {
        Self { message: message.into(), verdict: Verdict::Retry(Some(delay)) }
    }

    /// No attempt can succeed: the item is a dead letter at once.
    pub fn reject(message: impl Into<String>) -> Self {
        Self { message: message.into(), verdict: Verdict::Reject }
    }

    /// What it failed with.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl<E: Error> From<E> for JobError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::retry(message)
    }
}
