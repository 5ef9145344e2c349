//! What is remembered of an item that is gone.

use std::fmt;

use syncline_core::Priority;

use super::{Id, Millis};

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// It is done.
    Completed,
    /// It was withdrawn.
    Cancelled,
    /// It was a dead letter, and somebody threw it away.
    Purged,
    /// It was a dead letter, and its [time](crate::QueueConfig::dead_letter_ttl) was over.
    Expired,
}

/// An item that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) seq: u64,
    /// When.
    pub(crate) at: Millis,
    pub(crate) how: Ending,
    pub(crate) id: Id,
    pub(crate) priority: Priority,
    /// Attempts that counted.
    pub(crate) attempts: u16,
    /// What its last attempt failed with, if one did.
    pub(crate) error: Option<Box<str>>,
}

/// What the numbers of one take in a record and in memory, about.
const BYTES: usize = 64;

impl Ended {
    /// Its place among all: by its end.
    pub(crate) fn place(&self) -> (Millis, u64) {
        (self.at, self.seq)
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> u64 {
        (BYTES + self.id.len() + self.error.as_ref().map_or(0, |error| error.len())) as u64
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Purged => "purged",
            Self::Expired => "expired",
        })
    }
}
