//! What a call on a queue ends with when it does not end well.

use std::time::Duration;

use syncline_core::{Error, ErrorKind};
use syncline_resilience::RetryError;

/// Result of a call on a queue.
pub type QueueResult<T> = Result<T, QueueError>;

/// How long to wait for room before trying again.
const ROOM_PAUSE: Duration = Duration::from_millis(100);

/// Why a call on a queue was not carried out.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_queue::QueueError;
///
/// let error = QueueError::CapacityExceeded(10_000);
/// assert!(error.is_retryable());
/// assert_eq!(error.retry_after(), Some(Duration::from_millis(100)));
/// assert_eq!(error.to_string(), "the queue holds 10000 items, its capacity");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// It is full: this many items live in it. Nothing was pushed.
    #[error("the queue holds {0} items, its capacity")]
    CapacityExceeded(usize),
    /// There is no item of this id that the call could be about.
    #[error("there is no item {0:?}")]
    ItemNotFound(String),
    /// It is shutting down, or was shut down.
    #[error("the queue is shutting down")]
    ShuttingDown,
    /// It is locked for maintenance.
    #[error("the queue is locked for maintenance")]
    Locked,
    /// The item of this id is there already, or holds the key. Nothing was pushed.
    #[error("the item {0:?} is there already")]
    DuplicateItem(String),
    /// The item, or the queue, does not stand where the call needs it.
    #[error("{0}")]
    InvalidState(String),
    /// An item that no queue accepts; says why.
    #[error("invalid item: {0}")]
    InvalidItem(String),
    /// A setting makes no sense; names it and what was given.
    #[error("invalid configuration: {0}")]
    InvalidConfig(String),
    /// There is no level of this number.
    #[error("there is no priority {0}, the last is 4")]
    InvalidPriority(u8),
    /// The lease had ended; another worker may have the item.
    #[error("the lease on {0:?} has ended")]
    LeaseLost(String),
    /// The item is too large.
    #[error("the item has {bytes} bytes, the most is {bytes_max}")]
    ItemTooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        bytes_max: usize,
    },
    /// The storage failed often of late, and is not asked for now. Nothing was pushed.
    #[error("the circuit breaker of the storage is open")]
    CircuitBreakerOpen {
        /// When to try again.
        retry_after: Duration,
    },
    /// The storage failed; its [kind](Error::kind) says whether the call may have had its effect.
    #[error("the storage failed")]
    PersistenceError(#[source] Error),
    /// The key is not the one that the stored items need, or is no key.
    #[error("encryption failed")]
    EncryptionError(#[source] Error),
    /// Items cannot be compressed as was asked for.
    #[error("compression failed: {0}")]
    CompressionError(String),
    /// Upkeep cannot begin or end now.
    #[error("maintenance: {0}")]
    MaintenanceError(String),
    /// There is no space for items. What frees space is carried out all the same.
    #[error("there is no space for items")]
    StorageFull(#[source] Error),
    /// Stored bytes are not what was written. Nothing was changed.
    #[error("stored items are damaged")]
    Corrupted(#[source] Error),
    /// Another queue, here or in another process, has this storage open.
    #[error("the storage is in use")]
    AlreadyOpen(#[source] Error),
    /// An earlier write failed; nothing more is promised until the queue is opened again.
    #[error("an earlier write failed, open the queue again")]
    Poisoned(#[source] Error),
    /// A retry around a call on a queue gave up.
    #[error("{0}")]
    RetryError(#[source] Box<RetryError<QueueError>>),
}

impl QueueError {
    /// What the caller can do, in the words of every room.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::CapacityExceeded(_) | Self::StorageFull(_) => ErrorKind::Full,
            Self::ItemNotFound(_)
            | Self::InvalidState(_)
            | Self::InvalidItem(_)
            | Self::InvalidConfig(_)
            | Self::InvalidPriority(_)
            | Self::ItemTooLarge { .. }
            | Self::CompressionError(_) => ErrorKind::Invalid,
            Self::ShuttingDown => ErrorKind::Closed,
            Self::Locked | Self::MaintenanceError(_) => ErrorKind::Unavailable,
            Self::DuplicateItem(_) | Self::LeaseLost(_) | Self::AlreadyOpen(_) => ErrorKind::Conflict,
            Self::CircuitBreakerOpen { retry_after } => ErrorKind::Throttled { retry_after: *retry_after },
            Self::PersistenceError(error) => error.kind(),
            Self::EncryptionError(_) => ErrorKind::Denied,
            Self::Corrupted(_) => ErrorKind::Corrupt,
            Self::Poisoned(_) => ErrorKind::Poisoned,
            Self::RetryError(error) => error.kind(),
        }
    }

    /// The name of the variant, for labels.
    #[cfg(feature = "tracing")]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::CapacityExceeded(_) => "CapacityExceeded",
            Self::ItemNotFound(_) => "ItemNotFound",
            Self::ShuttingDown => "ShuttingDown",
            Self::Locked => "Locked",
            Self::DuplicateItem(_) => "DuplicateItem",
            Self::InvalidState(_) => "InvalidState",
            Self::InvalidItem(_) => "InvalidItem",
            Self::InvalidConfig(_) => "InvalidConfig",
            Self::InvalidPriority(_) => "InvalidPriority",
            Self::LeaseLost(_) => "LeaseLost",
            Self::ItemTooLarge { .. } => "ItemTooLarge",
            Self::CircuitBreakerOpen { .. } => "CircuitBreakerOpen",
            Self::PersistenceError(_) => "PersistenceError",
            Self::EncryptionError(_) => "EncryptionError",
            Self::CompressionError(_) => "CompressionError",
            Self::MaintenanceError(_) => "MaintenanceError",
            Self::StorageFull(_) => "StorageFull",
            Self::Corrupted(_) => "Corrupted",
            Self::AlreadyOpen(_) => "AlreadyOpen",
            Self::Poisoned(_) => "Poisoned",
            Self::RetryError(_) => "RetryError",
        }
    }

    /// Whether the same call may succeed later without any change by the caller.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Full | ErrorKind::Throttled { .. } | ErrorKind::Unavailable)
    }

    /// When to try again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CapacityExceeded(_) => Some(ROOM_PAUSE),
            _ => match self.kind() {
                ErrorKind::Throttled { retry_after } => Some(retry_after),
                _ => None,
            },
        }
    }

    /// What a storage says, in the words of a queue.
    pub(crate) fn of_storage(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Full => Self::StorageFull(error),
            ErrorKind::Corrupt => Self::Corrupted(error),
            ErrorKind::Poisoned => Self::Poisoned(error),
            ErrorKind::Closed => Self::ShuttingDown,
            _ => Self::PersistenceError(error),
        }
    }
}

impl From<RetryError<QueueError>> for QueueError {
    fn from(error: RetryError<QueueError>) -> Self {
        Self::RetryError(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn what_waits_for_room_is_told_when_to_come_back() {
        assert_eq!(QueueError::CapacityExceeded(7).retry_after(), Some(Duration::from_millis(100)));
        let open = QueueError::CircuitBreakerOpen { retry_after: Duration::from_secs(9) };
        assert_eq!((open.retry_after(), open.is_retryable()), (Some(Duration::from_secs(9)), true));
        assert!(QueueError::Locked.is_retryable() && QueueError::Locked.retry_after().is_none());
        assert!(!QueueError::LeaseLost("a".into()).is_retryable());
    }

    #[test]
    fn a_storage_that_fails_is_told_apart_by_what_can_be_done() {
        let of = |kind| QueueError::of_storage(Error::new(kind, "x"));
        assert!(matches!(of(ErrorKind::Full), QueueError::StorageFull(_)));
        assert!(matches!(of(ErrorKind::Corrupt), QueueError::Corrupted(_)));
        assert!(matches!(of(ErrorKind::Poisoned), QueueError::Poisoned(_)));
        assert!(matches!(of(ErrorKind::Closed), QueueError::ShuttingDown));
        assert_eq!(of(ErrorKind::Unknown).kind(), ErrorKind::Unknown);
        assert_eq!(of(ErrorKind::Unavailable).source().unwrap().to_string(), "x");
    }

    #[test]
    fn a_retry_that_gave_up_keeps_what_it_gave_up_on() {
        let error: QueueError = RetryError::OperationFailed { attempts: 1, source: QueueError::Locked }.into();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Unknown, "failed for good at attempt 1"));
        assert!(error.source().is_some());
    }
}
