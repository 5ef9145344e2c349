//! Deadlines of what is in somebody's hands.
//!
//! They are moments of the steady clock and never journaled: a lease ends with its process, and a calendar that is set
//! forward must not end one. Slots have numbers of leases; here is what those are, who is in hand, by acceptance, and whose
//! lease is over first.

use std::{num::NonZeroU32, ops::Bound, time::Duration};

use syncline_core::Instant;

use super::{chunks::Chunks, runs::Runs, slab::Slab, slot::Slot};

/// The lease that a slot is under, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseNumber(NonZeroU32);

impl LeaseNumber {
    fn of(index: u32) -> Option<Self> {
        NonZeroU32::new(index.checked_add(1)?).map(Self)
    }

    fn index(self) -> u32 {
        self.0.get() - 1
    }
}

/// A lease: nanoseconds since the clock's origin, which last for 584 years.
#[derive(Debug, Clone, Copy)]
struct Term {
    since: u64,
    /// [`NEVER`] while nothing ends it by time.
    until: u64,
}

const NEVER: u64 = u64::MAX;

/// What is in hand.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// By acceptance.
    held: Runs<u64>,
    /// Those that end by time.
    order: Runs<(u64, u64)>,
    terms: Chunks<Term>,
    /// Numbers of leases that ended.
    free: Vec<LeaseNumber>,
}

impl Leases {
    /// The item of the slot is in hand. Nothing ends that by time: it is so after a restart.
    pub(crate) fn begin<B>(&mut self, slab: &Slab<B>, at: u32) {
        if let Some(slot) = slab.get(at) {
            self.held.insert(slot.seq, at, |at| seq_of(slab, at));
        }
    }

    /// The lease on the item of the slot, which is in hand, was taken at `since`. Nothing ends it by time yet.
    pub(crate) fn take<B>(&mut self, slab: &mut Slab<B>, at: u32, since: Instant) {
        self.hold(slab, at);
        let Some(slot) = slab.get_mut(at) else { return };
        let term = Term { since: nanos(since), until: NEVER };
        match slot.lease.or_else(|| self.free.pop()) {
            Some(number) => {
                if let Some(place) = self.terms.get_mut(number.index()) {
                    *place = term;
                }
                slot.lease = Some(number);
            }
            None => slot.lease = self.terms.push(term).and_then(LeaseNumber::of),
        }
    }

    /// Sets or moves the deadline of the lease on the item of the slot, which is in hand.
    pub(crate) fn set<B>(&mut self, slab: &mut Slab<B>, at: u32, until: Instant) {
        self.hold(slab, at);
        if slab.get(at).is_some_and(|slot| slot.lease.is_none()) {
            self.take(slab, at, Instant::default());
        }
        let Some(slot) = slab.get(at) else { return };
        let until = nanos(until).min(NEVER - 1);
        if let Some(term) = slot.lease.and_then(|number| self.terms.get_mut(number.index())) {
            term.until = until;
            let Self { order, terms, .. } = self;
            order.insert((until, slot.seq), at, |at| place_of(slab, terms, at));
        }
    }

    /// Nothing ends the lease by time any more, while it is being settled; returns what would have.
    pub(crate) fn hold<B>(&mut self, slab: &Slab<B>, at: u32) -> Option<Instant> {
        let slot = slab.get(at)?;
        let (number, until) = (slot.lease?, self.until(slot)?);
        let Self { order, terms, .. } = self;
        order.remove(place_of(slab, terms, at), at, |at| place_of(slab, terms, at));
        terms.get_mut(number.index())?.until = NEVER;
        Some(until)
    }

    /// When the lease of the slot is over; `None` where nothing ends it by time.
    pub(crate) fn until<B>(&self, slot: &Slot<B>) -> Option<Instant> {
        let term = self.terms.get(slot.lease?.index())?;
        (term.until != NEVER).then(|| Instant::from_origin(Duration::from_nanos(term.until)))
    }

    /// When the lease of the slot was taken; the clock's origin where nobody said.
    pub(crate) fn since<B>(&self, slot: &Slot<B>) -> Instant {
        let term = slot.lease.and_then(|number| self.terms.get(number.index()));
        Instant::from_origin(Duration::from_nanos(term.map_or(0, |term| term.since)))
    }

    /// The lease on the item of the slot ended.
    pub(crate) fn end<B>(&mut self, slab: &mut Slab<B>, at: u32) {
        self.hold(slab, at);
        if let Some(slot) = slab.get_mut(at) {
            self.free.extend(slot.lease.take());
            let seq = slot.seq;
            self.held.remove(seq, at, |at| seq_of(slab, at));
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
        self.first(slab).filter(|(until, _)| *until <= nanos(now)).map(|(_, seq)| seq)
    }

    /// How long until the next one is over; zero when one is.
    pub(crate) fn next_end<B>(&self, slab: &Slab<B>, now: Instant) -> Option<Duration> {
        self.first(slab).map(|(until, _)| Duration::from_nanos(until.saturating_sub(nanos(now))))
    }

    /// When the lease that is over first is, and whose it is.
    fn first<B>(&self, slab: &Slab<B>) -> Option<(u64, u64)> {
        Some(place_of(slab, &self.terms, self.order.first()?))
    }
}

fn nanos(at: Instant) -> u64 {
    u64::try_from(at.since_origin().as_nanos()).unwrap_or(u64::MAX)
}

fn seq_of<B>(slab: &Slab<B>, at: u32) -> u64 {
    slab.get(at).map_or(u64::MAX, |slot| slot.seq)
}

fn place_of<B>(slab: &Slab<B>, terms: &Chunks<Term>, at: u32) -> (u64, u64) {
    let place = slab.get(at).and_then(|slot| Some((terms.get(slot.lease?.index())?.until, slot.seq)));
    place.unwrap_or((NEVER, u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Entry, State, tests::plain},
        *,
    };

    fn at(nanos: u64) -> Instant {
        Instant::from_origin(Duration::from_nanos(nanos))
    }

    #[test]
    fn a_lease_knows_when_it_was_taken_and_when_it_is_over_and_its_number_is_used_again() {
        let mut state = State::default();
        for seq in 0..3 {
            state.apply(Entry::Push(Box::new(plain(&state, seq))));
            state.apply(Entry::Claim { seq });
            state.lease(seq, at(seq + 1), at(10 * seq + 17));
        }
        let of = |state: &State<u64>, seq: u64| {
            let slot = state.of_seq(seq).unwrap();
            (state.leases.since(slot), state.leases.until(slot))
        };
        assert_eq!((of(&state, 1), state.expired_lease(at(16))), ((at(2), Some(at(27))), None));
        assert_eq!(
            (state.expired_lease(at(17)), state.next_lease_end(at(7))),
            (Some(0), Some(Duration::from_nanos(10)))
        );

        state.lease_until(0, at(100));
        assert_eq!((of(&state, 0), state.expired_lease(at(27))), ((at(1), Some(at(100))), Some(1)));
        assert_eq!(state.hold_lease(1), Some(at(27)));
        assert_eq!((of(&state, 1), state.expired_lease(at(99))), ((at(2), None), Some(2)));

        state.apply(Entry::Complete { seq: 1 });
        state.apply(Entry::Push(Box::new(plain(&state, 3))));
        state.apply(Entry::Claim { seq: 3 });
        assert_eq!(of(&state, 3), (at(0), None), "as after a restart");
        state.lease(3, at(50), at(60));
        assert_eq!((of(&state, 3), state.leases.terms.len()), ((at(50), Some(at(60))), 3));
    }
}
