//! Taking one step: the only thing that moves an item.

use syncline_core::port::DeadReason;

use super::{Applied, Entry, Millis, Phase, Push, Slot, State, TOKEN_BITS, reserve::slot_of};

/// Why somebody died, where that could not be written.
const UNWRITTEN: &str = "it died while the disk was full";

impl<B> State<B> {
    /// Leases of now on have tokens above those of earlier times.
    pub(crate) fn reach(&mut self, now: Millis) {
        self.token = self.token.max(now.saturating_mul(1 << TOKEN_BITS));
    }

    /// A replay begins: nobody asks for an id before it [ends](Self::end_replay).
    pub(crate) fn begin_replay(&mut self) {
        self.slab.defer_ids();
    }

    pub(crate) fn end_replay(&mut self) {
        self.slab.index_ids();
    }

    /// Takes one step.
    pub(crate) fn apply(&mut self, entry: Entry<B>) -> Applied<B> {
        match entry {
            Entry::Push(push) => self.push(*push),
            Entry::Claim { seq } => self.claim(seq),
            Entry::Complete { seq } | Entry::Drop { seq } | Entry::Outlive { seq } => {
                let gone = self.slab.by_seq(seq).and_then(|at| self.discard(at));
                gone.map_or(Applied::Moot, Applied::Gone)
            }
            Entry::Retry { seq, at, error } => self.retry(seq, at, error),
            Entry::Return { seq, counts } => self.put_back(seq, counts, None),
            Entry::Defer { seq, at } => self.put_back(seq, false, Some(at)),
            Entry::Bury { seq, at, reason, error } => self.bury(seq, at, reason, error),
            Entry::Redrive { seq, at } => self.redrive(seq, at),
            Entry::Move(moved) => self.move_in(*moved),
            Entry::Key { seq, dedup } => self.keep_key(&dedup, seq),
            // It is no item any more: whoever keeps a history keeps it.
            Entry::Ended(_) => Applied::Moot,
        }
    }

    /// Takes one step of the past. A full disk may have refused the record of one that was taken all the same: that a lease
    /// ended, or that somebody died. Then the step that follows it tells so, for else nobody could have taken it. An attempt that
    /// was not to count does then, rather than that one too many is given.
    pub(crate) fn retake(&mut self, entry: Entry<B>) -> Applied<B> {
        match entry {
            Entry::Claim { seq } => {
                self.put_back(seq, true, None);
            }
            Entry::Redrive { seq, at } if self.has_died_unwritten(seq) => {
                self.bury(seq, at, DeadReason::Exhausted, UNWRITTEN.into());
            }
            _ => {}
        }
        self.apply(entry)
    }

    /// Whether an item lives here that somebody redrives, which is what is dead.
    fn has_died_unwritten(&self, seq: u64) -> bool {
        let slot = self.slab.by_seq(seq).and_then(|at| self.slab.get(at));
        slot.is_some_and(|slot| match slot.phase {
            Phase::Leased => true,
            // Two redrove it at once: it is as the first of them left it.
            Phase::Waiting | Phase::Behind => slot.attempts > 0 || slot.expires_at().is_some(),
            Phase::Dead | Phase::Reserved => false,
        })
    }

    /// It was accepted: [`Entry::Push`].
    pub(crate) fn push(&mut self, mut push: Push<B>) -> Applied<B> {
        // In recovery most are new, and each look-up of what is not there costs as much as putting it in.
        let known = if push.seq < self.next_seq { self.slab.by_seq(push.seq) } else { None };
        if known.is_none() && push.is_plain() {
            return self.line_up_at_once(push);
        }
        let lane = push.lane.take();
        let at = match known {
            Some(at) => {
                let Some(slot) = self.slab.get_mut(at).filter(|slot| slot.phase == Phase::Reserved) else {
                    return Applied::Moot;
                };
                slot.body = push.body;
                at
            }
            // In recovery nobody reserved.
            None => {
                self.next_seq = self.next_seq.max(push.seq + 1);
                if let Some(dedup) = &push.dedup {
                    self.dedups.take(dedup, push.seq);
                }
                self.counts.enter(Phase::Reserved, push.priority);
                let Some(at) = self.slab.insert(slot_of(push)) else { return Applied::Moot };
                at
            }
        };
        self.accept(at, lane.as_deref());
        Applied::Done
    }

    /// The step of a push, for who knows where what it reserved is: the item there stands from now on, in the lane of this key
    /// where it has one.
    pub(crate) fn accept(&mut self, at: u32, lane: Option<&str>) {
        let lane = lane.and_then(|key| self.lanes.open(key));
        let Some(slot) = self.slab.get_mut(at) else { return };
        if lane.is_some() {
            slot.lane = lane;
            slot.extra_mut();
        }
        self.bytes += slot.weight();
        self.stand(at);
    }

    /// Most of what a replay tells of: nobody reserved it, and it stands in the order of its level alone.
    fn line_up_at_once(&mut self, push: Push<B>) -> Applied<B> {
        let (seq, priority) = (push.seq, push.priority);
        let slot = Slot { phase: Phase::Waiting, ..slot_of(push) };
        let weight = slot.weight();
        self.next_seq = self.next_seq.max(seq + 1);
        let Some(at) = self.slab.insert(slot) else { return Applied::Moot };
        self.counts.enter(Phase::Waiting, priority);
        self.bytes += weight;
        self.order.insert(&self.slab, at);
        Applied::Done
    }

    fn claim(&mut self, seq: u64) -> Applied<B> {
        // Also one behind others of its lane: how many of a lane may be in hand is no part of the step.
        let Some(at) = self.waiting_at(seq) else { return Applied::Moot };
        self.unstand(at);
        self.token += 1;
        let Some(slot) = self.slab.get_mut(at) else { return Applied::Moot };
        slot.token = self.token;
        slot.attempts = slot.attempts.saturating_add(1);
        self.hand_out(at);
        Applied::Done
    }

    /// What stands nowhere is in hand.
    pub(super) fn hand_out(&mut self, at: u32) {
        let Some(lane) = self.slab.get(at).map(|slot| slot.lane) else { return };
        self.leases.begin(&self.slab, at);
        self.enter(at, Phase::Leased);
        if let Some(lane) = lane {
            self.lanes.hand_out(lane);
            self.arrange(lane);
        }
    }

    fn retry(&mut self, seq: u64, at_time: Millis, error: Box<str>) -> Applied<B> {
        let Some(at) = self.at(seq, Phase::Leased) else { return Applied::Moot };
        self.unstand(at);
        self.change(at, |slot| {
            slot.note_error(error);
            slot.be_due(at_time);
        });
        self.stand(at);
        Applied::Done
    }

    fn put_back(&mut self, seq: u64, counts: bool, later: Option<Millis>) -> Applied<B> {
        let Some(at) = self.at(seq, Phase::Leased) else { return Applied::Moot };
        self.unstand(at);
        if let Some(slot) = self.slab.get_mut(at) {
            slot.attempts = slot.attempts.saturating_sub(u16::from(!counts));
            if let Some(later) = later {
                slot.be_due(later);
            }
        }
        self.stand(at);
        Applied::Done
    }

    fn bury(&mut self, seq: u64, died_at: Millis, reason: DeadReason, error: Box<str>) -> Applied<B> {
        let Some(at) = self.slab.by_seq(seq) else { return Applied::Moot };
        if self.slab.get(at).is_none_or(|slot| matches!(slot.phase, Phase::Dead | Phase::Reserved)) {
            return Applied::Moot;
        }
        self.unstand(at);
        self.free_key(at);
        self.enter(at, Phase::Dead);
        self.dead.insert((died_at, seq), at);
        let Some((lane, place)) = self.slab.get(at).map(|slot| (slot.lane, slot.lane_place())) else {
            return Applied::Moot;
        };
        // Its lane may be gone by the time it comes back: it keeps the key.
        let left_lane = lane.and_then(|lane| self.lanes.key(lane)).map(Into::into);
        self.change(at, |slot| {
            slot.note_error(error);
            slot.lane = None;
            let extra = slot.extra_mut();
            (extra.dead, extra.left_lane) = (Some((reason, died_at)), left_lane);
        });
        self.leave_lane(lane, place);
        Applied::Done
    }

    fn redrive(&mut self, seq: u64, at_time: Millis) -> Applied<B> {
        let Some(at) = self.at(seq, Phase::Dead) else { return Applied::Moot };
        self.unstand(at);
        let mut left_lane = None;
        self.change(at, |slot| {
            slot.attempts = 0;
            slot.eligible_at = at_time;
            let extra = slot.extra_mut();
            extra.dead = None;
            extra.lane_place = at_time;
            // It was of no use at that time, and somebody wants it all the same.
            extra.expires_at = None;
            left_lane = extra.left_lane.take();
        });
        if let Some(slot) = self.slab.get_mut(at) {
            slot.lane = left_lane.and_then(|key| self.lanes.open(&key));
        }
        self.stand(at);
        Applied::Done
    }

    /// Changes what an item weighs.
    fn change(&mut self, at: u32, change: impl FnOnce(&mut Slot<B>)) {
        if let Some(slot) = self.slab.get_mut(at) {
            let before = slot.weight();
            change(slot);
            self.bytes = (self.bytes + slot.weight()).saturating_sub(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::plain, *};

    /// One item that was accepted, with what it was pushed with changed.
    fn with_one(change: impl FnOnce(&mut Push<u64>)) -> State<u64> {
        let mut state = State::default();
        let mut push = plain(&state, 0);
        change(&mut push);
        state.apply(Entry::Push(Box::new(push)));
        state
    }

    fn of(state: &State<u64>) -> (Phase, u16, Millis) {
        let slot = state.of_seq(0).unwrap();
        (slot.phase, slot.attempts, slot.eligible_at)
    }

    #[test]
    fn a_claim_of_the_past_tells_that_the_lease_before_it_was_over() {
        let mut state = with_one(|_| ());
        assert_eq!(state.retake(Entry::Claim { seq: 0 }), Applied::Done);
        assert_eq!(state.retake(Entry::Claim { seq: 0 }), Applied::Done);
        assert_eq!((of(&state), state.counts().leased.iter().sum()), ((Phase::Leased, 2, 0), 1_u64));
        assert_eq!(state.apply(Entry::Claim { seq: 0 }), Applied::Moot, "live it is in hand");
    }

    #[test]
    fn a_redrive_of_the_past_tells_that_somebody_had_died() {
        let redrive = || Entry::Redrive { seq: 0, at: 50 };
        let mut leased = with_one(|_| ());
        leased.apply(Entry::Claim { seq: 0 });
        assert_eq!(leased.apply(redrive()), Applied::Moot, "live it is in hand");
        assert_eq!(leased.retake(redrive()), Applied::Done);
        assert_eq!(of(&leased), (Phase::Waiting, 0, 50));

        let mut old = with_one(|push| push.expires_at = Some(20));
        assert_eq!(old.retake(redrive()), Applied::Done);
        assert_eq!((of(&old), old.of_seq(0).unwrap().expires_at()), ((Phase::Waiting, 0, 50), None));
    }

    #[test]
    fn one_that_two_redrove_at_once_is_as_the_first_left_it() {
        let mut state = with_one(|_| ());
        state.apply(Entry::Claim { seq: 0 });
        state.apply(Entry::Bury { seq: 0, at: 40, reason: DeadReason::Rejected, error: "no".into() });
        assert_eq!(state.retake(Entry::Redrive { seq: 0, at: 50 }), Applied::Done);
        assert_eq!(state.retake(Entry::Redrive { seq: 0, at: 60 }), Applied::Moot);
        assert_eq!(of(&state), (Phase::Waiting, 0, 50));
    }
}
