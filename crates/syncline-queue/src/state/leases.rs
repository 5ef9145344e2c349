//! Deadlines of what is in somebody's hands.
//!
//! They are moments of the steady clock and never journaled: a lease ends with its process, and a calendar that is set
//! forward must not end one. They stand in the slots; here is who is in hand, by acceptance, and whose lease is over first.

use std::{ops::Bound, time::Duration};

use syncline_core::Instant;

use super::{runs::Runs, slab::Slab};

/// When a lease is over: milliseconds since the clock's origin, in the five bytes that a slot has left. That is 34 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Until([u8; 5]);

impl Until {
    /// Nothing ends it by time.
    pub(super) const NEVER: Self = Self([0; 5]);
    const LAST: u64 = (1 << 40) - 1;

    /// The first millisecond that is not before `at`.
    fn at(at: Instant) -> Self {
        let millis = at.since_origin().as_nanos().div_ceil(1_000_000);
        let millis = u64::try_from(millis).unwrap_or(u64::MAX).clamp(1, Self::LAST);
        let [a, b, c, d, e, ..] = millis.to_le_bytes();
        Self([a, b, c, d, e])
    }

    fn millis(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }

    /// `None` where nothing ends it by time.
    pub(super) fn instant(self) -> Option<Instant> {
        (self != Self::NEVER).then(|| Instant::from_origin(Duration::from_millis(self.millis())))
    }
}

/// What is in hand.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// By acceptance.
    held: Runs<u64>,
    /// Those that end by time.
    order: Runs<(u64, u64)>,
}

impl Leases {
    /// The item of the slot is in hand. Nothing ends that by time: it is so after a restart.
    pub(crate) fn begin<B>(&mut self, slab: &Slab<B>, at: u32) {
        if let Some(slot) = slab.get(at) {
            self.held.insert(slot.seq, at, |at| seq_of(slab, at));
        }
    }

    /// Sets or moves the deadline of the lease on the item of the slot, which is in hand.
    pub(crate) fn set<B>(&mut self, slab: &mut Slab<B>, at: u32, until: Instant) {
        self.hold(slab, at);
        let Some(slot) = slab.get_mut(at) else { return };
        slot.until = Until::at(until);
        let place = (slot.until.millis(), slot.seq);
        self.order.insert(place, at, |at| place_of(slab, at));
    }

    /// Nothing ends the lease by time any more, while it is being settled; returns what would have.
    pub(crate) fn hold<B>(&mut self, slab: &mut Slab<B>, at: u32) -> Option<Instant> {
        let until = slab.get(at)?.until.instant()?;
        self.order.remove(place_of(slab, at), at, |at| place_of(slab, at));
        slab.get_mut(at)?.until = Until::NEVER;
        Some(until)
    }

    /// The lease on the item of the slot ended.
    pub(crate) fn end<B>(&mut self, slab: &mut Slab<B>, at: u32) {
        self.hold(slab, at);
        if let Some(slot) = slab.get(at) {
            self.held.remove(slot.seq, at, |at| seq_of(slab, at));
        }
    }

    /// Forgets which lease is over first, by mistake.
    #[cfg(test)]
    pub(super) fn forget_order(&mut self) {
        self.order = Runs::default();
    }

    /// What is in hand after `seq`, by acceptance.
    pub(crate) fn after<'a, B>(&'a self, slab: &'a Slab<B>, seq: Option<u64>) -> impl Iterator<Item = (u64, u32)> + 'a {
        let from = seq.map_or(Bound::Unbounded, Bound::Excluded);
        self.held.range((from, Bound::Unbounded), |at| seq_of(slab, at))
    }

    /// One that is over at `now`.
    pub(crate) fn expired<B>(&self, slab: &Slab<B>, now: Instant) -> Option<u64> {
        let slot = slab.get(self.order.first()?)?;
        slot.until.instant().filter(|until| *until <= now).map(|_| slot.seq)
    }

    /// How long until the next one is over; zero when one is.
    pub(crate) fn next_end<B>(&self, slab: &Slab<B>, now: Instant) -> Option<Duration> {
        let slot = slab.get(self.order.first()?)?;
        slot.until.instant().map(|until| until.saturating_since(now))
    }
}

fn seq_of<B>(slab: &Slab<B>, at: u32) -> u64 {
    slab.get(at).map_or(u64::MAX, |slot| slot.seq)
}

fn place_of<B>(slab: &Slab<B>, at: u32) -> (u64, u64) {
    slab.get(at).map_or((u64::MAX, u64::MAX), |slot| (slot.until.millis(), slot.seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_early_and_late_by_less_than_a_millisecond() {
        for nanos in [0, 1, 999_999, 1_000_000, 1_000_001, 86_400_000_000_123, Until::LAST * 1_000_000] {
            let at = Duration::from_nanos(nanos);
            let late = Until::at(Instant::from_origin(at)).instant().unwrap().since_origin() - at;
            assert!(
                late < Duration::from_millis(1) || nanos == 0 && late == Duration::from_millis(1),
                "{nanos}: {late:?}"
            );
        }
        assert!(Until::at(Instant::from_origin(Duration::MAX)).instant().is_some());
        assert_eq!(Until::NEVER.instant(), None);
    }
}
