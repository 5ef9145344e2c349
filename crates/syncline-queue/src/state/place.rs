//! Bringing an item into what it stands in, and out of it.

use super::{LaneNumber, Millis, Phase, State};

impl<B> State<B> {
    /// Where the item of `seq` is, if it stands in `phase`.
    pub(super) fn at(&self, seq: u64, phase: Phase) -> Option<u32> {
        let at = self.slab.by_seq(seq)?;
        self.slab.get(at).filter(|slot| slot.phase == phase).map(|_| at)
    }

    /// Where the item of `seq` is, if it waits: in the order of its level or behind others of its lane.
    pub(super) fn waiting_at(&self, seq: u64) -> Option<u32> {
        let at = self.slab.by_seq(seq)?;
        let waits = |phase: Phase| matches!(phase, Phase::Waiting | Phase::Behind);
        self.slab.get(at).filter(|slot| waits(slot.phase)).map(|_| at)
    }

    /// Brings an item into the order of its level, or behind the front of its lane.
    pub(super) fn stand(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        let lane = slot.lane;
        if let Some(expires_at) = slot.expires_at() {
            self.expiries.insert((expires_at, slot.seq), at);
        }
        match lane {
            Some(lane) => {
                self.fall_behind(at);
                self.join_lane(lane, at);
                self.arrange(lane);
            }
            None => self.line_up(at),
        }
    }

    fn line_up(&mut self, at: u32) {
        self.order.insert(&self.slab, at);
        self.enter(at, Phase::Waiting);
    }

    /// Takes an item out of the order of its level, behind the front of its lane.
    fn park(&mut self, at: u32) {
        if self.slab.get(at).is_some_and(|slot| slot.phase == Phase::Waiting) {
            self.order.remove(&self.slab, at);
            self.fall_behind(at);
        }
    }

    /// Takes an item out of whatever it stands in, so that it may be changed. Its lane is to be [arranged](Self::arrange) then.
    pub(super) fn unstand(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        if let Some(expires_at) = slot.expires_at() {
            self.expiries.remove(&(expires_at, slot.seq));
        }
        let place = self.lanes.place_of(slot);
        match (slot.phase, slot.lane) {
            (Phase::Waiting, lane) => {
                self.order.remove(&self.slab, at);
                if let Some(lane) = lane {
                    self.lanes.remove(lane, place);
                }
            }
            (Phase::Leased, lane) => {
                self.leases.end(&mut self.slab, at);
                if let Some(lane) = lane {
                    self.lanes.take_back(lane);
                }
            }
            (Phase::Behind, lane) => {
                self.behind.remove(&slot.seq);
                if let Some(lane) = lane {
                    self.lanes.remove(lane, place);
                }
            }
            (Phase::Dead, _) => {
                if let Some((_, died_at)) = slot.died() {
                    self.dead.remove(&(died_at, slot.seq));
                }
            }
            (Phase::Reserved, _) => {}
        }
    }

    fn join_lane(&mut self, lane: LaneNumber, at: u32) {
        let Some(slot) = self.slab.get(at) else { return };
        if let Some(before) = self.lanes.insert(lane, slot, at) {
            // Another one was the front. Where it stood in its order it stands behind this one now.
            self.park(before);
        }
    }

    fn fall_behind(&mut self, at: u32) {
        if let Some(slot) = self.slab.get(at) {
            self.behind.insert(slot.seq, at);
            self.enter(at, Phase::Behind);
        }
    }

    /// Takes an item that stands nowhere any more out of its lane, whose next one steps forward.
    pub(super) fn leave_lane(&mut self, lane: Option<LaneNumber>, place: (Millis, u64)) {
        if let Some(lane) = lane {
            self.lanes.leave(lane, place);
            self.arrange(lane);
        }
    }

    /// The fronts of a lane stand in the order of their levels if they may leave, and nowhere else otherwise.
    pub(super) fn arrange(&mut self, lane: LaneNumber) {
        let (fronts, may_leave) = self.lanes.fronts(lane);
        for at in fronts {
            if !may_leave {
                self.park(at);
            } else if let Some(slot) = self.slab.get(at).filter(|slot| slot.phase == Phase::Behind) {
                self.behind.remove(&slot.seq);
                self.line_up(at);
            }
        }
    }

    /// From now on so many of each lane may be in hand. Where that is another number than before, all lanes are arranged anew.
    pub(crate) fn allow_of_lane(&mut self, at_once: u16) {
        let scattered = self.lanes.allow(at_once);
        for at in &scattered {
            self.park(*at);
        }
        for at in scattered {
            if let Some(lane) = self.slab.get(at).and_then(|slot| slot.lane) {
                self.join_lane(lane, at);
                self.arrange(lane);
            }
        }
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
        if phase != Phase::Reserved {
            self.bytes = self.bytes.saturating_sub(slot.weight());
        }
        // A dead item has left its lane and freed its key.
        if phase != Phase::Dead {
            self.free_key(at);
        }
        let gone = self.slab.remove(at);
        self.leave_lane(lane, place);
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
