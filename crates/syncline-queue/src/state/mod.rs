//! The scheduler: what stands where, and who is next. Pure: no clock, no disk, no lock.
//!
//! [`State::apply`] is the only thing that moves an item, live and in recovery, so that a queue that was opened again is the
//! queue that was closed. Everything else asks, or reserves what a step that is on its way to disk will take.
//!
//! ```text
//! push ─▶ Reserved ─▶ Waiting ⇄ Leased ─▶ done        Waiting: ready from its time on; Behind: behind its lane's head
//!                        ▲  │      └────▶ Dead ─▶ dropped
//!                        └──┴── redrive ◀──┘
//! ```
//!
//! No operation looks at more than a few items, however many there are: each structure is ordered by what is asked of it.

mod counts;
mod dedup;
mod entry;
mod lanes;
mod leases;
mod order;
mod slab;
mod slot;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use syncline_core::{Instant, port::DeadReason};

pub(crate) use self::{
    counts::Counts,
    entry::{Dedup, Entry, Push},
    slot::{Extra, Millis, Phase, Slot},
};
use self::{dedup::Dedups, lanes::Lanes, leases::Leases, order::Order, slab::Slab};

/// Most items that one call of upkeep touches.
const UPKEEP_MAX: usize = 64;
/// Between the tokens of two items of one id: more leases than an item is likely to have.
const TOKENS_APART: u32 = 1 << 16;

/// All items of a queue.
#[derive(Debug)]
pub(crate) struct State<B> {
    slab: Slab<B>,
    order: Order,
    lanes: Lanes,
    leases: Leases,
    dedups: Dedups,
    /// Waiting items that are of no use from a time on.
    expiries: BTreeMap<(Millis, u64), u32>,
    dead: BTreeMap<u64, u32>,
    counts: Counts,
    next_seq: u64,
}

/// Why a push is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its id or its key is taken by this item.
    Duplicate { id: Box<str> },
    /// There is no number left for it.
    Full,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied<B> {
    Done,
    /// The item is gone; this is what it carried.
    Gone(B),
    /// There is no such item, or it does not stand where the step expects it. Nothing changed.
    Moot,
}

/// Who may settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is in hand under this lease.
    Held { seq: u64 },
    /// It is not in hand, or under another lease.
    Lost,
    /// There is no such item.
    Unknown,
}

impl<B> Default for State<B> {
    fn default() -> Self {
        Self {
            slab: Slab::default(),
            order: Order::default(),
            lanes: Lanes::default(),
            leases: Leases::default(),
            dedups: Dedups::default(),
            expiries: BTreeMap::new(),
            dead: BTreeMap::new(),
            counts: Counts::default(),
            next_seq: 0,
        }
    }
}

impl<B> State<B> {
    /// The seq of the next push.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// How many items stand where.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// All items, the dead ones too.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// The item of `id`; the newest where ids may repeat.
    pub(crate) fn get(&self, id: &str) -> Option<&Slot<B>> {
        self.find(id, |_| true)
    }

    /// The newest item of `id` that stands in a phase that is fit.
    pub(crate) fn find(&self, id: &str, is_fit: impl Fn(Phase) -> bool) -> Option<&Slot<B>> {
        self.slab.get(self.slab.by_id(id, |slot| is_fit(slot.phase))?)
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
        self.slab.get(self.order.next(now, aging)?)
    }

    /// When somebody has to look again: an item is due, one is of no use any more, or a key is free. `None` when nothing
    /// will happen by the calendar alone.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let expiry = self.expiries.first_key_value().map(|((at, _), _)| *at);
        [self.order.next_due(), expiry, self.dedups.next_end()].into_iter().flatten().min()
    }

    /// How long until the next lease is over.
    pub(crate) fn next_lease_end(&self, now: Instant) -> Option<Duration> {
        self.leases.next_end(now)
    }

    /// Whose lease is over.
    pub(crate) fn expired_lease(&self, now: Instant) -> Option<u64> {
        self.leases.expired(now)
    }

    /// Sets or moves the end of the lease on `seq`, which is in hand.
    pub(crate) fn lease_until(&mut self, seq: u64, until: Instant) {
        if self.of_seq(seq).is_some_and(|slot| slot.phase == Phase::Leased) {
            self.leases.set(seq, until);
        }
    }

    /// Who holds the item of `id`; any lease will do without a `token`.
    pub(crate) fn hold(&self, id: &str, token: Option<u32>) -> Hold {
        let is_held = |slot: &Slot<B>| slot.phase == Phase::Leased && token.is_none_or(|token| token == slot.token);
        match self.slab.by_id(id, is_held).and_then(|at| self.slab.get(at)) {
            Some(slot) => Hold::Held { seq: slot.seq },
            None if self.get(id).is_some() => Hold::Lost,
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

    /// Dead items after `after`, oldest first.
    pub(crate) fn dead(&self, after: Option<u64>) -> impl Iterator<Item = &Slot<B>> {
        let from = after.map_or(0, |after| after.saturating_add(1));
        self.dead.range(from..).filter_map(|(_, at)| self.slab.get(*at))
    }

    /// Why a push would not be accepted, but for want of room.
    pub(crate) fn refusal(&self, push: &Push<B>, unique_ids: bool, now: Millis) -> Option<Refusal> {
        let of_id = unique_ids.then(|| self.find(&push.id, |phase| phase != Phase::Dead)).flatten();
        if let Some(slot) = of_id {
            return Some(Refusal::Duplicate { id: slot.id.clone() });
        }
        let holder = self.dedups.holder(&push.dedup.as_ref()?.key, now)?;
        let id = self.of_seq(holder).map_or_else(|| push.id.clone(), |slot| slot.id.clone());
        Some(Refusal::Duplicate { id })
    }

    /// Takes the id, the key and the room of a push that is on its way to disk. `unique_ids` refuses an id that lives.
    pub(crate) fn reserve(&mut self, push: &Push<B>, body: B, unique_ids: bool, now: Millis) -> Result<(), Refusal> {
        if let Some(refusal) = self.refusal(push, unique_ids, now) {
            return Err(refusal);
        }
        let slot = self.slot_of(push, body);
        self.slab.insert(slot).ok_or(Refusal::Full)?;
        if let Some(dedup) = &push.dedup {
            self.dedups.take(dedup, push.seq);
        }
        self.counts.enter(Phase::Reserved, push.priority);
        self.next_seq = self.next_seq.max(push.seq + 1);
        Ok(())
    }

    /// All that are in somebody's hands: orphans, when their process is gone.
    pub(crate) fn leased(&self) -> Vec<u64> {
        self.slab.iter().filter(|slot| slot.phase == Phase::Leased).map(|slot| slot.seq).collect()
    }

    /// Nobody's lease on `seq` ends by time any more; returns when it would have.
    pub(crate) fn hold_lease(&mut self, seq: u64) -> Option<Instant> {
        self.leases.end(seq)
    }

    /// Until when the key of `seq` is taken at least.
    pub(crate) fn key_until(&self, seq: u64) -> Option<Millis> {
        let slot = self.of_seq(seq)?;
        self.dedups.until(slot.extra.as_ref()?.dedup.as_deref()?, seq)
    }

    /// Gives back what a push that failed had reserved.
    pub(crate) fn release(&mut self, seq: u64) {
        let Some(at) = self.slab.by_seq(seq) else { return };
        if self.slab.get(at).is_some_and(|slot| slot.phase == Phase::Reserved) {
            self.discard(at);
        }
    }

    /// Takes one step.
    pub(crate) fn apply(&mut self, entry: Entry<B>) -> Applied<B> {
        match entry {
            Entry::Push(push) => self.push(*push),
            Entry::Claim { seq } => self.claim(seq),
            Entry::Complete { seq } | Entry::Drop { seq } => {
                let gone = self.slab.by_seq(seq).and_then(|at| self.discard(at));
                gone.map_or(Applied::Moot, Applied::Gone)
            }
            Entry::Retry { seq, at, error } => self.retry(seq, at, error),
            Entry::Return { seq, counts } => self.put_back(seq, counts),
            Entry::Bury { seq, reason, error } => self.bury(seq, reason, error),
            Entry::Redrive { seq, at } => self.redrive(seq, at),
        }
    }

    fn push(&mut self, push: Push<B>) -> Applied<B> {
        let reserved = self.slab.by_seq(push.seq);
        if reserved.is_some_and(|at| self.slab.get(at).is_some_and(|slot| slot.phase != Phase::Reserved)) {
            return Applied::Moot;
        }
        let lane = push.lane.as_deref().and_then(|key| self.lanes.open(key));
        let at = match reserved {
            Some(at) => {
                if let Some(slot) = self.slab.get_mut(at) {
                    slot.body = push.body;
                }
                at
            }
            // In recovery nobody reserved.
            None => {
                self.next_seq = self.next_seq.max(push.seq + 1);
                if let Some(dedup) = &push.dedup {
                    self.dedups.take(dedup, push.seq);
                }
                self.counts.enter(Phase::Reserved, push.priority);
                let Push { seq, id, priority, eligible_at, max_attempts, dedup, expires_at, body, lane: _ } = push;
                let bare = Push {
                    seq,
                    id,
                    priority,
                    eligible_at,
                    max_attempts,
                    dedup,
                    expires_at,
                    body: (),
                    lane: None,
                };
                let Some(at) = self.slab.insert(self.slot_of(&bare, body)) else { return Applied::Moot };
                at
            }
        };
        if let (Some(slot), Some(lane)) = (self.slab.get_mut(at), lane) {
            slot.lane = Some(lane);
            slot.extra_mut();
        }
        self.join_lane(at);
        self.stand(at);
        Applied::Done
    }

    fn claim(&mut self, seq: u64) -> Applied<B> {
        let Some(at) = self.at(seq, Phase::Waiting) else { return Applied::Moot };
        self.unstand(at);
        let Some(slot) = self.slab.get_mut(at) else { return Applied::Moot };
        slot.token = slot.token.wrapping_add(1);
        slot.attempts = slot.attempts.saturating_add(1);
        if let Some(lane) = slot.lane {
            self.lanes.hand_out(lane, at);
        }
        self.enter(at, Phase::Leased);
        Applied::Done
    }

    fn retry(&mut self, seq: u64, at_time: Millis, error: Box<str>) -> Applied<B> {
        let Some(at) = self.at(seq, Phase::Leased) else { return Applied::Moot };
        self.unstand(at);
        if let Some(slot) = self.slab.get_mut(at) {
            slot.note_error(error);
            slot.eligible_at = at_time;
        }
        self.stand(at);
        Applied::Done
    }

    fn put_back(&mut self, seq: u64, counts: bool) -> Applied<B> {
        let Some(at) = self.at(seq, Phase::Leased) else { return Applied::Moot };
        self.unstand(at);
        if let Some(slot) = self.slab.get_mut(at).filter(|_| !counts) {
            slot.attempts = slot.attempts.saturating_sub(1);
        }
        self.stand(at);
        Applied::Done
    }

    fn bury(&mut self, seq: u64, reason: DeadReason, error: Box<str>) -> Applied<B> {
        let Some(at) = self.slab.by_seq(seq) else { return Applied::Moot };
        if self.slab.get(at).is_none_or(|slot| matches!(slot.phase, Phase::Dead | Phase::Reserved)) {
            return Applied::Moot;
        }
        self.unstand(at);
        self.free_key(at);
        self.enter(at, Phase::Dead);
        self.dead.insert(seq, at);
        let Some(slot) = self.slab.get_mut(at) else { return Applied::Moot };
        slot.note_error(error);
        slot.extra_mut().dead = Some(reason);
        // Its lane may be gone by the time it comes back: it keeps the key.
        let (lane, place) = (slot.lane.take(), slot.lane_place());
        slot.extra_mut().left_lane = lane.and_then(|lane| self.lanes.key(lane)).map(Into::into);
        self.leave_lane(lane, place);
        Applied::Done
    }

    fn redrive(&mut self, seq: u64, at_time: Millis) -> Applied<B> {
        let Some(at) = self.at(seq, Phase::Dead) else { return Applied::Moot };
        self.dead.remove(&seq);
        let Some(slot) = self.slab.get_mut(at) else { return Applied::Moot };
        slot.attempts = 0;
        slot.eligible_at = at_time;
        let extra = slot.extra_mut();
        extra.dead = None;
        extra.lane_place = at_time;
        // It was of no use at that time, and somebody wants it all the same.
        extra.expires_at = None;
        slot.lane = extra.left_lane.take().and_then(|key| self.lanes.open(&key));
        self.join_lane(at);
        self.stand(at);
        Applied::Done
    }

    /// Where the item of `seq` is, if it stands in `phase`.
    fn at(&self, seq: u64, phase: Phase) -> Option<u32> {
        let at = self.slab.by_seq(seq)?;
        self.slab.get(at).filter(|slot| slot.phase == phase).map(|_| at)
    }

    /// Brings an item into the order of its level, or behind the head of its lane.
    fn stand(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        let lane = slot.lane;
        if let Some(expires_at) = slot.expires_at() {
            self.expiries.insert((expires_at, slot.seq), at);
        }
        match lane {
            Some(lane) => {
                self.enter(at, Phase::Behind);
                self.step_forward(lane);
            }
            None => self.line_up(at),
        }
    }

    fn line_up(&mut self, at: u32) {
        if let Some(slot) = self.slab.get(at) {
            self.order.insert(slot.priority, slot.place(), at);
            self.enter(at, Phase::Waiting);
        }
    }

    /// Takes an item out of whatever it stands in but its lane.
    fn unstand(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        if let Some(expires_at) = slot.expires_at() {
            self.expiries.remove(&(expires_at, slot.seq));
        }
        match slot.phase {
            Phase::Waiting => self.order.remove(slot.priority, slot.place()),
            Phase::Leased => {
                self.leases.end(slot.seq);
                if let Some(lane) = slot.lane {
                    self.lanes.take_back(lane, at);
                }
            }
            Phase::Dead => {
                self.dead.remove(&slot.seq);
            }
            Phase::Reserved | Phase::Behind => {}
        }
    }

    fn join_lane(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        let (Some(lane), place) = (slot.lane, slot.lane_place()) else { return };
        let Some(before) = self.lanes.insert(lane, place, at) else { return };
        // Another one was the head. Where it stood in its order it stands behind this one now; one that is in hand goes on.
        let Some(slot) = self.slab.get(before).filter(|slot| slot.phase == Phase::Waiting) else { return };
        self.order.remove(slot.priority, slot.place());
        self.enter(before, Phase::Behind);
    }

    /// Takes an item out of its lane, whose next one steps forward.
    fn leave_lane(&mut self, lane: Option<u32>, place: (Millis, u64)) {
        if let Some(lane) = lane {
            self.lanes.remove(lane, place);
            self.step_forward(lane);
        }
    }

    /// The head of a lane, if it may leave, stands in the order of its level.
    fn step_forward(&mut self, lane: u32) {
        let Some(head) = self.lanes.head(lane) else { return };
        if self.slab.get(head).is_some_and(|slot| slot.phase == Phase::Behind) {
            self.line_up(head);
        }
    }

    fn free_key(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        if let Some(key) = slot.extra.as_ref().and_then(|extra| extra.dedup.as_deref()) {
            self.dedups.release(key, slot.seq);
        }
    }

    fn discard(&mut self, at: u32) -> Option<B> {
        self.unstand(at);
        let slot = self.slab.get(at)?;
        let (phase, priority, lane, place) = (slot.phase, slot.priority, slot.lane, slot.lane_place());
        self.counts.leave(phase, priority);
        // A dead item has left its lane and freed its key.
        if phase != Phase::Dead {
            self.free_key(at);
        }
        let gone = self.slab.remove(at);
        if phase != Phase::Dead {
            self.leave_lane(lane, place);
        }
        gone.map(|slot| slot.body)
    }

    fn enter(&mut self, at: u32, phase: Phase) {
        if let Some(slot) = self.slab.get_mut(at) {
            self.counts.leave(slot.phase, slot.priority);
            slot.phase = phase;
            self.counts.enter(phase, slot.priority);
        }
    }

    fn slot_of<P>(&self, push: &Push<P>, body: B) -> Slot<B> {
        let needs_extra = push.dedup.is_some() || push.expires_at.is_some();
        let extra = needs_extra.then(|| {
            Box::new(Extra {
                lane_place: push.eligible_at,
                dedup: push.dedup.as_ref().map(|dedup| dedup.key.clone()),
                expires_at: push.expires_at,
                ..Extra::default()
            })
        });
        Slot {
            seq: push.seq,
            eligible_at: push.eligible_at,
            id: push.id.clone(),
            body,
            // Leases of two items of one id are told apart by their tokens.
            token: self.get(&push.id).map_or(0, |older| older.token.wrapping_add(TOKENS_APART)),
            attempts: 0,
            max_attempts: push.max_attempts.max(1),
            priority: push.priority,
            phase: Phase::Reserved,
            lane: None,
            extra,
        }
    }
}
