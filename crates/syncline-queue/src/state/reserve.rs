//! What a push takes before it is durable, and leases that nobody else may end meanwhile.

use syncline_core::Instant;

use super::{Dedup, Extra, Millis, Phase, Push, Refusal, Slot, State};

impl<B> State<B> {
    /// Takes the id, the key and the room of a push that is on its way to disk. `unique_ids` refuses an id that lives.
    #[cfg(test)]
    pub(crate) fn reserve(&mut self, push: &Push<B>, body: B, unique_ids: bool, now: Millis) -> Result<(), Refusal> {
        let push = Push {
            seq: push.seq,
            id: push.id.clone(),
            priority: push.priority,
            eligible_at: push.eligible_at,
            max_attempts: push.max_attempts,
            lane: None,
            dedup: push.dedup.clone(),
            expires_at: push.expires_at,
            body,
        };
        self.reserve_after(&[], push, unique_ids, now).map(drop)
    }

    /// The same in one step with the end of `done`. The lane is the business of who [accepts](Self::accept) it. Returns where
    /// the item is, and whose key it took over.
    pub(crate) fn reserve_after(
        &mut self,
        done: &[u64],
        push: Push<B>,
        unique_ids: bool,
        now: Millis,
    ) -> Result<(u32, Option<u64>), Refusal> {
        let name = self.slab.name(&push.id);
        if let Some(refusal) = self.refusal_of(name, &push, unique_ids, done, now) {
            return Err(refusal);
        }
        let (seq, priority) = (push.seq, push.priority);
        let key_of = push.dedup.as_ref().and_then(|dedup| self.dedups.holder(&dedup.key, now));
        let dedup = push.dedup.clone();
        let at = self.slab.insert_as(name, slot_of(push)).ok_or(Refusal::Full)?;
        if let Some(dedup) = &dedup {
            self.dedups.take(dedup, seq);
        }
        self.counts.enter(Phase::Reserved, priority);
        self.next_seq = self.next_seq.max(seq + 1);
        Ok((at, key_of))
    }

    /// Where the item of `seq` is, if its push is on the way.
    pub(crate) fn reserved(&self, seq: u64) -> Option<u32> {
        self.at(seq, Phase::Reserved)
    }

    /// What the item at `at` carries.
    pub(crate) fn body_mut(&mut self, at: u32) -> Option<&mut B> {
        self.slab.get_mut(at).map(|slot| &mut slot.body)
    }

    /// How many pushes find a number for their places, at least.
    pub(crate) fn places_left(&self) -> u64 {
        u64::from(u32::MAX).saturating_sub(self.slab.places())
    }

    /// The item of `seq` did not end: it has its key again, whose time was over when it was taken over.
    pub(crate) fn retake_key(&mut self, seq: u64) {
        let key = self.of_seq(seq).and_then(|slot| slot.extra.as_ref()?.dedup.clone());
        if let Some(key) = key {
            self.dedups.take(&Dedup { key, until: 0 }, seq);
        }
    }

    /// Nobody's lease on `seq` ends by time any more; returns when it would have.
    pub(crate) fn hold_lease(&mut self, seq: u64) -> Option<Instant> {
        let at = self.slab.by_seq(seq)?;
        self.leases.hold(&self.slab, at)
    }

    /// Gives back what a push that failed had reserved.
    pub(crate) fn release(&mut self, seq: u64) {
        let Some(at) = self.slab.by_seq(seq) else { return };
        let Some(slot) = self.slab.get(at).filter(|slot| slot.phase == Phase::Reserved) else { return };
        if let Some(key) = slot.extra.as_ref().and_then(|extra| extra.dedup.as_deref()) {
            // It was never taken: not for its window either.
            self.dedups.forget(key, slot.seq);
        }
        self.discard(at);
    }
}

/// An item that is in no lane and stands nowhere yet.
pub(super) fn slot_of<B>(push: Push<B>) -> Slot<B> {
    let needs_extra = push.dedup.is_some() || push.expires_at.is_some();
    let extra = needs_extra.then(|| {
        Box::new(Extra {
            lane_place: push.eligible_at,
            dedup: push.dedup.map(|dedup| dedup.key),
            expires_at: push.expires_at,
            ..Extra::default()
        })
    });
    Slot {
        seq: push.seq,
        eligible_at: push.eligible_at,
        id: push.id,
        body: push.body,
        token: 0,
        attempts: 0,
        max_attempts: push.max_attempts.max(1),
        priority: push.priority,
        phase: Phase::Reserved,
        has_twins: false,
        lane: None,
        lease: None,
        extra,
    }
}
