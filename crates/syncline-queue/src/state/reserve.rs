//! What a push takes before it is durable, and leases that nobody else may end meanwhile.

use syncline_core::Instant;

use super::{Extra, Millis, Phase, Push, Refusal, Slot, State, TOKENS_APART};

impl<B> State<B> {
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

    /// Nobody's lease on `seq` ends by time any more; returns when it would have.
    pub(crate) fn hold_lease(&mut self, seq: u64) -> Option<Instant> {
        self.leases.hold(seq)
    }

    /// Gives back what a push that failed had reserved.
    pub(crate) fn release(&mut self, seq: u64) {
        let Some(at) = self.slab.by_seq(seq) else { return };
        if self.slab.get(at).is_some_and(|slot| slot.phase == Phase::Reserved) {
            self.discard(at);
        }
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
            // Leases of two items of one id are told apart by their tokens.
            token: self.get(&push.id).map_or(0, |older| older.token.wrapping_add(TOKENS_APART)),
            attempts: 0,
            max_attempts: push.max_attempts.max(1),
            priority: push.priority,
            phase: Phase::Reserved,
            has_twins: false,
            lane: None,
            extra,
        }
    }
}
