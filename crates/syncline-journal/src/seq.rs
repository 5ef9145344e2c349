//! The order of records in one journal.

use std::fmt;

/// Above every number of a record, segment or generation that a journal can reach; what says more is not ours.
pub(crate) const NUMBER_MAX: u64 = 1 << 62;

/// A record's place in its journal; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(u64);

impl Seq {
    /// The place with this number.
    pub const fn new(seq: u64) -> Self {
        Self(seq)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
