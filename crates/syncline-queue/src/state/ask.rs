//! What is asked of the scheduler, each answered by the structure that is ordered by it.

use std::time::Duration;

use syncline_core::Instant;

use super::{Counts, Hold, Id, Millis, Phase, Push, Refusal, Slot, State, UPKEEP_MAX, slab::Name};

/// Most ids that are approached at once: what is fetched of them stays near until it is looked at.
const APPROACHED_MAX: usize = 1_024;

impl<B> State<B> {
    /// The seq of the next push.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// How many items stand where.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes that the items take in records, without what they carry.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All items, the dead ones too.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Fetches side by side what look-ups of these ids begin with, for who is about to look up one after the other.
    pub(crate) fn approach<'a>(&self, ids: impl ExactSizeIterator<Item = &'a str>) {
        if ids.len() > 1 {
            self.slab.approach(ids.take(APPROACHED_MAX).map(Id::from));
        }
    }

    /// The item of `id`; the newest where ids may repeat.
    pub(crate) fn get(&self, id: &str) -> Option<&Slot<B>> {
        self.find(id, |_| true)
    }

    /// The newest item of `id` that stands in a phase that is fit.
    pub(crate) fn find(&self, id: &str, is_fit: impl Fn(Phase) -> bool) -> Option<&Slot<B>> {
        self.slab.get(self.slab.by_id(&id.into(), is_fit, &[])?)
    }

    /// The item of `seq`.
    pub(crate) fn of_seq(&self, seq: u64) -> Option<&Slot<B>> {
        self.slab.get(self.slab.by_seq(seq)?)
    }

    /// The lane key of an item.
    pub(crate) fn lane_of<'a>(&'a self, slot: &'a Slot<B>) -> Option<&'a str> {
        let left = || slot.extra.as_ref().and_then(|extra| extra.left_lane.as_deref());
        slot.lane.and_then(|lane| self.lanes.key(lane)).or_else(left)
    }

    /// Who is next at `now`.
    pub(crate) fn next(&self, now: Millis, aging: Option<Millis>) -> Option<&Slot<B>> {
        let at = self.order.next(&self.slab, now, aging)?;
        self.slab.look_at(at);
        self.slab.get(at)
    }

    /// How many more may be in hands where `most` may.
    pub(crate) fn room_in_hand(&self, most: Option<u64>) -> u64 {
        most.map_or(u64::MAX, |most| most.saturating_sub(self.counts.leased.iter().sum()))
    }

    /// When somebody has to look again: an item is due, of which `most` may be in hands, one is of no use any more, or a key is
    /// free. `None` when nothing will happen by the calendar alone.
    pub(crate) fn next_due(&self, most: Option<u64>) -> Option<Millis> {
        let expiry = self.expiries.first_key_value().map(|((at, _), _)| *at);
        let due = self.order.next_due(&self.slab).filter(|_| self.room_in_hand(most) > 0);
        [due, expiry, self.dedups.next_end()].into_iter().flatten().min()
    }

    /// How long until the next lease is over.
    pub(crate) fn next_lease_end(&self, now: Instant) -> Option<Duration> {
        self.leases.next_end(&self.slab, now)
    }

    /// Whose lease is over.
    pub(crate) fn expired_lease(&self, now: Instant) -> Option<u64> {
        self.leases.expired(&self.slab, now)
    }

    /// The lease on `seq`, which is in hand, was taken at `since` and ends at `until`.
    pub(crate) fn lease(&mut self, seq: u64, since: Instant, until: Instant) {
        if let Some(at) = self.at(seq, Phase::Leased) {
            self.leases.take(&mut self.slab, at, since);
            self.leases.set(&mut self.slab, at, until);
        }
    }

    /// When the lease on the item of this slot was taken.
    pub(crate) fn since(&self, slot: &Slot<B>) -> Instant {
        self.leases.since(slot)
    }

    /// Sets or moves the end of the lease on `seq`, which is in hand.
    pub(crate) fn lease_until(&mut self, seq: u64, until: Instant) {
        if let Some(at) = self.at(seq, Phase::Leased) {
            self.leases.set(&mut self.slab, at, until);
        }
    }

    /// Who holds the item of `id`; any lease will do without a `token`.
    pub(crate) fn hold(&self, id: &str, token: Option<u64>) -> Hold {
        let id = Id::from(id);
        let held = match token {
            Some(token) => self.slab.under(&id, token),
            None => self.slab.by_id(&id, |phase| phase == Phase::Leased, &[]),
        };
        match held.and_then(|at| self.slab.get(at)) {
            Some(slot) => Hold::Held { seq: slot.seq },
            None if self.slab.by_id(&id, |_| true, &[]).is_some() => Hold::Lost,
            None => Hold::Unknown,
        }
    }

    /// Those that are of no use any more at `now`, a few at a time: to be buried.
    pub(crate) fn expired(&self, now: Millis) -> Vec<u64> {
        let over = self.expiries.range(..=(now, u64::MAX)).take(UPKEEP_MAX);
        over.map(|((_, seq), _)| *seq).collect()
    }

    /// Forgets keys whose time is over, a few at a time.
    pub(crate) fn sweep(&mut self, now: Millis) -> usize {
        self.dedups.sweep(now, UPKEEP_MAX)
    }

    /// Why a push would not be accepted, but for want of room. `done` are gone by then, and with them their claims to ids
    /// and keys.
    pub(crate) fn refusal(&self, push: &Push<B>, unique_ids: bool, done: &[u64], now: Millis) -> Option<Refusal> {
        self.refusal_of(self.slab.name(&push.id), push, unique_ids, done, now)
    }

    /// The same where its id was looked up before.
    pub(super) fn refusal_of(
        &self,
        name: Name,
        push: &Push<B>,
        unique_ids: bool,
        done: &[u64],
        now: Millis,
    ) -> Option<Refusal> {
        let of_id = unique_ids
            .then(|| self.slab.by_name(&push.id, name, |phase| phase != Phase::Dead, done))
            .flatten();
        if let Some(slot) = of_id.and_then(|at| self.slab.get(at)) {
            return Some(Refusal::Duplicate { id: slot.id.clone() });
        }
        let key = &push.dedup.as_ref()?.key;
        let holder = self.dedups.holder(key, now)?;
        if done.contains(&holder) && self.dedups.until(key, holder).is_none_or(|until| until <= now) {
            return None;
        }
        let id = self.of_seq(holder).map_or_else(|| push.id.clone(), |slot| slot.id.clone());
        Some(Refusal::Duplicate { id })
    }

    /// All that are in somebody's hands: orphans, when their process is gone.
    pub(crate) fn leased(&self) -> Vec<u64> {
        self.leases.after(&self.slab, None).map(|(seq, _)| seq).collect()
    }

    /// Until when the key of `seq` is taken at least.
    pub(crate) fn key_until(&self, seq: u64) -> Option<Millis> {
        let slot = self.of_seq(seq)?;
        self.dedups.until(slot.extra.as_ref()?.dedup.as_deref()?, seq)
    }
}
