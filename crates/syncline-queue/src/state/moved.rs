//! Items as a whole, so that one record of them stands for all that came before it.

use syncline_core::port::DeadReason;

use super::{Applied, Dedup, Millis, Phase, Push, Slot, State, reserve::slot_of};

/// All that is known of an item. Where an item is not there, this makes it what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved<B> {
    /// What was accepted, as it stands by now; its key, where the item has it still.
    pub(crate) push: Push<B>,
    pub(crate) attempts: u16,
    pub(crate) token: u64,
    /// Its place in its lane.
    pub(crate) lane_place: Millis,
    /// Whether its key is taken because the item lives, not for its time alone.
    pub(crate) holds_key: bool,
    /// What the last attempts failed with, oldest first.
    pub(crate) errors: Vec<Box<str>>,
    pub(crate) stand: Stand,
}

/// Where a moved item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// In the order of its level or its lane.
    Waiting,
    /// In somebody's hands.
    Leased,
    /// It died at this time.
    Dead(DeadReason, Millis),
}

impl<B> State<B> {
    /// All that is known of the item of `seq`, with `body` as what it carries; `None` while its push is on its way.
    pub(crate) fn whole<P>(&self, seq: u64, body: P) -> Option<Moved<P>> {
        let slot = self.of_seq(seq)?;
        let extra = slot.extra.as_deref();
        let stand = match slot.phase {
            Phase::Reserved => return None,
            Phase::Waiting | Phase::Behind => Stand::Waiting,
            Phase::Leased => Stand::Leased,
            Phase::Dead => slot.died().map(|(reason, at)| Stand::Dead(reason, at))?,
        };
        let key = extra.and_then(|extra| extra.dedup.as_deref());
        let until = self.key_until(seq);
        let push = Push {
            seq,
            id: slot.id.clone(),
            priority: slot.priority,
            eligible_at: slot.eligible_at,
            max_attempts: slot.max_attempts,
            lane: self.lane_of(slot).map(Into::into),
            dedup: key.zip(until).map(|(key, until)| Dedup { key: key.into(), until }),
            expires_at: slot.expires_at(),
            body,
        };
        Some(Moved {
            holds_key: push.dedup.as_ref().is_some_and(|dedup| self.dedups.lives(&dedup.key)),
            push,
            attempts: slot.attempts,
            token: slot.token,
            lane_place: slot.lane_place().0,
            errors: extra.map_or_else(Vec::new, |extra| extra.errors.clone()),
            stand,
        })
    }

    /// The items from this number of the slab on, with their numbers.
    pub(crate) fn slots_from(&self, at: u32) -> impl Iterator<Item = (u32, Option<&Slot<B>>)> {
        self.slab.slots_from(at)
    }

    /// The key that is taken until `until` though the item of `seq` is gone.
    pub(crate) fn key_left(&self, until: Millis, seq: u64) -> Option<&str> {
        self.dedups.left(until, seq)
    }

    /// An item that is there has another body from now on; one that is not is made.
    pub(super) fn move_in(&mut self, moved: Moved<B>) -> Applied<B> {
        let seq = moved.push.seq;
        match self.slab.by_seq(seq).and_then(|at| self.slab.get_mut(at)) {
            Some(slot) if slot.phase == Phase::Reserved => Applied::Moot,
            Some(slot) => Applied::Replaced(std::mem::replace(&mut slot.body, moved.push.body)),
            None => self.make(moved),
        }
    }

    fn make(&mut self, moved: Moved<B>) -> Applied<B> {
        let Moved { mut push, attempts, token, lane_place, holds_key, errors, stand } = moved;
        let (seq, priority, eligible_at, lane) = (push.seq, push.priority, push.eligible_at, push.lane.take());
        self.next_seq = self.next_seq.max(seq + 1);
        self.token = self.token.max(token);
        if let Some(dedup) = &push.dedup {
            self.take_key(dedup, seq, holds_key);
        }
        let mut slot = Slot { token, attempts, ..slot_of(push) };
        let is_dead = matches!(stand, Stand::Dead(..));
        let has_extra = slot.extra.is_some() || lane.is_some() || lane_place != eligible_at;
        if has_extra || !errors.is_empty() || is_dead {
            let extra = slot.extra_mut();
            (extra.lane_place, extra.errors) = (lane_place, errors);
            extra.left_lane = lane.clone().filter(|_| is_dead);
        }
        if let Stand::Dead(reason, died_at) = stand {
            slot.extra_mut().dead = Some((reason, died_at));
        } else {
            slot.lane = lane.and_then(|key| self.lanes.open(&key));
        }
        self.counts.enter(Phase::Reserved, priority);
        let weight = slot.weight();
        let Some(at) = self.slab.insert(slot) else { return Applied::Moot };
        self.bytes += weight;
        match stand {
            Stand::Dead(_, died_at) => {
                self.dead.insert((died_at, seq), at);
                self.enter(at, Phase::Dead);
            }
            Stand::Waiting => self.stand(at),
            Stand::Leased => {
                self.stand(at);
                self.unstand(at);
                self.hand_out(at);
            }
        }
        Applied::Done
    }

    /// A key whose item is gone stays taken for its time.
    pub(super) fn keep_key(&mut self, dedup: &Dedup, seq: u64) -> Applied<B> {
        self.next_seq = self.next_seq.max(seq + 1);
        if self.dedups.left(dedup.until, seq).is_some() {
            return Applied::Moot;
        }
        self.take_key(dedup, seq, false);
        Applied::Done
    }

    fn take_key(&mut self, dedup: &Dedup, seq: u64, holds: bool) {
        self.dedups.take(dedup, seq);
        if !holds {
            self.dedups.release(&dedup.key, seq);
        }
    }
}
