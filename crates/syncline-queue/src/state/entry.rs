//! The steps of a queue: what is journaled, and all that ever changes what stands where.

use syncline_core::{Priority, port::DeadReason};

use super::{Id, ended::Ended, moved::Moved, slot::Millis};

/// One step. An item is named by its seq, which is the queue's own, so that records can be moved within a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry<B> {
    /// It was accepted.
    Push(Box<Push<B>>),
    /// It was handed out. Counted before anybody has it, so that work that kills its process is counted too.
    Claim { seq: u64 },
    /// It is done, and gone.
    Complete { seq: u64 },
    /// An attempt failed, and there is to be another one at `at`.
    Retry { seq: u64, at: Millis, error: Box<str> },
    /// A lease ended without an outcome: back to where it stood. `counts` says whether the attempt does.
    Return { seq: u64, counts: bool },
    /// It was given back untouched, for later: it may be handed out from `at` on. The attempt does not count.
    Defer { seq: u64, at: Millis },
    /// It will not be tried again, and waits where a person can see it.
    Bury {
        seq: u64,
        at: Millis,
        reason: DeadReason,
        error: Box<str>,
    },
    /// A dead item is to be tried again from `at` on, with all its attempts.
    Redrive { seq: u64, at: Millis },
    /// It was withdrawn before it was done, or is dead and was thrown away.
    Drop { seq: u64 },
    /// It stands whole in this record, and needs none of before.
    Move(Box<Moved<B>>),
    /// The item is gone, and its key stays taken for its time.
    Key { seq: u64, dedup: Dedup },
    /// It was dead for as long as the dead are kept, and was thrown away.
    Outlive { seq: u64 },
    /// The item is gone, and this is remembered of it.
    Ended(Box<Ended>),
}

/// What is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push<B> {
    pub(crate) seq: u64,
    pub(crate) id: Id,
    pub(crate) priority: Priority,
    pub(crate) eligible_at: Millis,
    pub(crate) max_attempts: u16,
    pub(crate) lane: Option<Box<str>>,
    pub(crate) dedup: Option<Dedup>,
    pub(crate) expires_at: Option<Millis>,
    pub(crate) body: B,
}

impl<B> Push<B> {
    /// Whether it has no lane, no key and no end.
    pub(crate) fn is_plain(&self) -> bool {
        self.lane.is_none() && self.dedup.is_none() && self.expires_at.is_none()
    }
}

/// A key under which nothing else is accepted while the item lives, and until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dedup {
    pub(crate) key: Box<str>,
    pub(crate) until: Millis,
}
