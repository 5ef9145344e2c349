//! Deadlines of what is in somebody's hands.
//!
//! They are moments of the steady clock and never journaled: a lease ends with its process, and a calendar that is set
//! forward must not end one.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};

use syncline_core::Instant;

/// Deadlines by item and in order.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// None while nothing ends it by time: after a restart, and while it is being settled.
    until: BTreeMap<u64, Option<Instant>>,
    order: BTreeSet<(Instant, u64)>,
}

impl Leases {
    /// `seq` is in hand.
    pub(crate) fn begin(&mut self, seq: u64) {
        self.until.insert(seq, None);
    }

    /// Sets or moves the deadline of the lease on `seq`, which is in hand.
    pub(crate) fn set(&mut self, seq: u64, until: Instant) {
        let Some(held) = self.until.get_mut(&seq) else { return };
        if let Some(before) = held.replace(until) {
            self.order.remove(&(before, seq));
        }
        self.order.insert((until, seq));
    }

    /// Nothing ends the lease on `seq` by time any more; returns what would have.
    pub(crate) fn hold(&mut self, seq: u64) -> Option<Instant> {
        let until = self.until.get_mut(&seq)?.take()?;
        self.order.remove(&(until, seq));
        Some(until)
    }

    /// The lease on `seq` ended.
    pub(crate) fn end(&mut self, seq: u64) {
        if let Some(Some(until)) = self.until.remove(&seq) {
            self.order.remove(&(until, seq));
        }
    }

    /// When the lease on `seq` is over; `None` where nothing ends it by time.
    pub(crate) fn until(&self, seq: u64) -> Option<Instant> {
        *self.until.get(&seq)?
    }

    /// Forgets which lease is over first, by mistake.
    #[cfg(test)]
    pub(super) fn forget_order(&mut self) {
        self.order.clear();
    }

    /// What is in hand after `seq`, by acceptance.
    pub(crate) fn after(&self, seq: Option<u64>) -> impl Iterator<Item = u64> {
        let from = seq.map_or(Bound::Unbounded, Bound::Excluded);
        self.until.range((from, Bound::Unbounded)).map(|(seq, _)| *seq)
    }

    /// One that is over at `now`.
    pub(crate) fn expired(&self, now: Instant) -> Option<u64> {
        self.order.first().filter(|(until, _)| *until <= now).map(|(_, seq)| *seq)
    }

    /// How long until the next one is over; zero when one is.
    pub(crate) fn next_end(&self, now: Instant) -> Option<Duration> {
        self.order.first().map(|(until, _)| until.saturating_since(now))
    }
}
