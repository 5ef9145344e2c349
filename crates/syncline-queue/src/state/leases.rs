//! Deadlines of what is in somebody's hands.
//!
//! They are moments of the steady clock and never journaled: a lease ends with its process, and a calendar that is set
//! forward must not end one.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use syncline_core::Instant;

/// Deadlines by item and in order.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    until: HashMap<u64, Instant>,
    order: BTreeMap<(Instant, u64), ()>,
}

impl Leases {
    /// Sets or moves the deadline of the lease on `seq`.
    pub(crate) fn set(&mut self, seq: u64, until: Instant) {
        self.end(seq);
        self.until.insert(seq, until);
        self.order.insert((until, seq), ());
    }

    /// The lease on `seq` ended; returns when it would have.
    pub(crate) fn end(&mut self, seq: u64) -> Option<Instant> {
        let until = self.until.remove(&seq)?;
        self.order.remove(&(until, seq));
        Some(until)
    }

    /// One that is over at `now`.
    pub(crate) fn expired(&self, now: Instant) -> Option<u64> {
        self.order
            .first_key_value()
            .filter(|((until, _), ())| *until <= now)
            .map(|((_, seq), ())| *seq)
    }

    /// How long until the next one is over; zero when one is.
    pub(crate) fn next_end(&self, now: Instant) -> Option<Duration> {
        self.order.first_key_value().map(|((until, _), ())| until.saturating_since(now))
    }
}
