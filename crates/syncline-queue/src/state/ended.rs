//! What is remembered of an item that is gone.

use syncline_core::{
    Priority, WallTime,
    port::{EndedCursor, EndedItem, Ending},
};

use super::{Id, Millis};

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

impl Ended {
    /// Its place among all: by its end.
    pub(crate) fn place(&self) -> (Millis, u64) {
        (self.at, self.seq)
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> u64 {
        EndedItem::bytes_of(self.id.len(), self.error.as_ref().map_or(0, |error| error.len()))
    }

    /// It as a history tells it, and its place there.
    pub(crate) fn told(&self) -> (EndedCursor, EndedItem) {
        let item = EndedItem {
            id: String::from(&self.id),
            ending: self.how,
            ended_at: WallTime::from_millis(self.at),
            priority: self.priority,
            attempts: self.attempts.into(),
            last_error: self.error.as_deref().map(str::to_owned),
        };
        (EndedCursor { time: self.at, seq: self.seq }, item)
    }
}
