//! Bringing an item into what it stands in, and out of it.

use super::{Millis, Phase, State};

impl<B> State<B> {
    /// Where the item of `seq` is, if it stands in `phase`.
    pub(super) fn at(&self, seq: u64, phase: Phase) -> Option<u32> {
        let at = self.slab.by_seq(seq)?;
        self.slab.get(at).filter(|slot| slot.phase == phase).map(|_| at)
    }

    /// Brings an item into the order of its level, or behind the head of its lane.
    pub(super) fn stand(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        let lane = slot.lane;
        if let Some(expires_at) = slot.expires_at() {
            self.expiries.insert((expires_at, slot.seq), at);
        }
        match lane {
            Some(lane) => {
                self.fall_behind(at);
                self.step_forward(lane);
            }
            None => self.line_up(at),
        }
    }

    pub(super) fn line_up(&mut self, at: u32) {
        if let Some(slot) = self.slab.get(at) {
            self.order.insert(slot.priority, slot.place(), at);
            self.enter(at, Phase::Waiting);
        }
    }

    /// Takes an item out of whatever it stands in but its lane.
    pub(super) fn unstand(&mut self, at: u32) {
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
            Phase::Behind => {
                self.behind.remove(&slot.seq);
            }
            Phase::Dead => {
                if let Some((_, died_at)) = slot.died() {
                    self.dead.remove(&(died_at, slot.seq));
                }
            }
            Phase::Reserved => {}
        }
    }

    pub(super) fn join_lane(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        let (Some(lane), place) = (slot.lane, slot.lane_place()) else { return };
        let Some(before) = self.lanes.insert(lane, place, at) else { return };
        // Another one was the head. Where it stood in its order it stands behind this one now; one that is in hand goes on.
        let Some(slot) = self.slab.get(before).filter(|slot| slot.phase == Phase::Waiting) else { return };
        self.order.remove(slot.priority, slot.place());
        self.fall_behind(before);
    }

    fn fall_behind(&mut self, at: u32) {
        if let Some(slot) = self.slab.get(at) {
            self.behind.insert(slot.seq, at);
            self.enter(at, Phase::Behind);
        }
    }

    /// Takes an item out of its lane, whose next one steps forward.
    pub(super) fn leave_lane(&mut self, lane: Option<u32>, place: (Millis, u64)) {
        if let Some(lane) = lane {
            self.lanes.remove(lane, place);
            self.step_forward(lane);
        }
    }

    /// The head of a lane, if it may leave, stands in the order of its level.
    pub(super) fn step_forward(&mut self, lane: u32) {
        let Some(head) = self.lanes.head(lane) else { return };
        let Some(slot) = self.slab.get(head).filter(|slot| slot.phase == Phase::Behind) else { return };
        self.behind.remove(&slot.seq);
        self.line_up(head);
    }

    pub(super) fn free_key(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        if let Some(key) = slot.extra.as_ref().and_then(|extra| extra.dedup.as_deref()) {
            self.dedups.release(key, slot.seq);
        }
    }

    pub(super) fn discard(&mut self, at: u32) -> Option<B> {
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

    pub(super) fn enter(&mut self, at: u32, phase: Phase) {
        if let Some(slot) = self.slab.get(at) {
            self.counts.leave(slot.phase, slot.priority);
            self.counts.enter(phase, slot.priority);
            self.slab.enter(at, phase);
        }
    }
}
