//! What a push takes before it is durable, and leases that nobody else may end meanwhile.

use syncline_core::Instant;

use super::{Dedup, Extra, Millis, Phase, Push, Refusal, Slot, State, leases::Until};

impl<B> State<B> {
    /// Takes the id, the key and the room of a push that is on its way to disk. `unique_ids` refuses an id that lives.
    #[cfg(test)]
    pub(crate) fn reserve(&mut self, push: &Push<B>, body: B, unique_ids: bool, now: Millis) -> Result<(), Refusal> {
        self.reserve_after(&[], push, body, unique_ids, now).map(drop)
    }

    /// The same in one step with the end of `done`. Returns whose key it took over.
    pub(crate) fn reserve_after(
        &mut self,
        done: &[u64],
        push: &Push<B>,
        body: B,
        unique_ids: bool,
        now: Millis,
    ) -> Result<Option<u64>, Refusal> {
        if let Some(refusal) = self.refusal(push, unique_ids, done, now) {
            return Err(refusal);
        }
        let slot = self.slot_of(push, body);
        self.slab.insert(slot).ok_or(Refusal::Full)?;
        let from = push.dedup.as_ref().and_then(|dedup| self.dedups.holder(&dedup.key, now));
        if let Some(dedup) = &push.dedup {
            self.dedups.take(dedup, push.seq);
        }
        self.counts.enter(Phase::Reserved, push.priority);
        self.next_seq = self.next_seq.max(push.seq + 1);
        Ok(from)
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
        self.leases.hold(&mut self.slab, at)
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

    pub(super) fn slot_of<P>(&self, push: &Push<P>, body: B) -> Slot<B> {
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
            token: 0,
            attempts: 0,
            max_attempts: push.max_attempts.max(1),
            priority: push.priority,
            phase: Phase::Reserved,
            has_twins: false,
            lane: None,
            until: Until::NEVER,
            extra,
        }
    }
}
