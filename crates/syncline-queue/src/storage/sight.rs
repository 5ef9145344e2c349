//! An item as somebody sees it, before what it carries was fetched.

use bytes::Bytes;
use syncline_core::{
    Priority, WallTime,
    port::{Claimed, Stored},
};

use super::body::{Body, Spot};
use crate::state::Id;

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

/// An item as it was while its queue was locked: what is cheap to copy. What is not is done once the lock is given back.
#[derive(Debug)]
pub(crate) struct Glimpse {
    pub(crate) seq: u64,
    pub(crate) id: Id,
    pub(crate) token: u64,
    pub(crate) attempt: u16,
    pub(crate) max_attempts: u16,
    pub(crate) priority: Priority,
    pub(crate) eligible_at: WallTime,
    pub(crate) body: Body,
    pub(crate) texts: Option<Box<Texts>>,
}

/// What few items have.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) partition: Option<String>,
    pub(crate) errors: Vec<String>,
}

impl Glimpse {
    /// As it is told.
    pub(crate) fn told(self) -> Sight<Claimed> {
        let absent = self.body.spot();
        let Texts { partition, errors } = self.texts.map(|texts| *texts).unwrap_or_default();
        let seen = Claimed {
            id: (&self.id).into(),
            token: self.token,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            priority: self.priority,
            eligible_at: self.eligible_at,
            partition,
            errors,
            body: self.body.into_bytes().unwrap_or_default(),
        };
        Sight { seen, seq: self.seq, absent }
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
