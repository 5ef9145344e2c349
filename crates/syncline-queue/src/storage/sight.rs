//! An item as somebody sees it, before what it carries was fetched.

use bytes::Bytes;
use syncline_core::port::{Claimed, Stored};

use super::body::Spot;

/// What is told of an item.
#[derive(Debug)]
pub(crate) struct Sight<T> {
    /// Its body is empty where it is absent.
    pub(crate) seen: T,
    pub(crate) seq: u64,
    /// Where what it carries is, if that is not in memory.
    pub(crate) absent: Option<Spot>,
}

impl<T> Sight<T> {
    /// The same of something else that is told of the item.
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Sight<U> {
        let Self { seen, seq, absent } = self;
        Sight { seen: map(seen), seq, absent }
    }
}

/// What holds the content of an item.
pub(crate) trait Carries {
    /// Takes the content that was fetched.
    fn carry(&mut self, body: Bytes);
}

impl Carries for Claimed {
    fn carry(&mut self, body: Bytes) {
        self.body = body;
    }
}

impl Carries for Stored {
    fn carry(&mut self, body: Bytes) {
        self.item.body = body;
    }
}
