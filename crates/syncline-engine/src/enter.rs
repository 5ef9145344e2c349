//! Taking a permit and passing the gate: now, or as soon as there is room.

use std::sync::Arc;

use syncline_core::{Error, ErrorKind, Result};

use crate::{
    admit::{Permit, Waiting},
    deadline::within,
    handover::Handover,
    ingest::Draft,
    spine::Spine,
};

impl Spine {
    /// Reserves room for `drafts` and hands them over as one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] without room in memory or in the journal's queue. Nothing was handed over then.
    pub(crate) fn enter_now(self: &Arc<Self>, drafts: &mut [Draft], is_essential: bool) -> Result<Handover> {
        let units = units_of(drafts);
        let admission = &self.store.admission;
        let permit = if is_essential {
            admission.take_anyway(units)
        } else {
            admission.try_take(units).or_else(|_| {
                self.abandoned.sweep(admission);
                admission.try_take(units)
            })?
        };
        self.pass_gate(drafts, permit, is_essential)
    }

    /// The same after it was refused, waiting as long as things move: memory while the archive takes something, the journal's
    /// queue while the journal does.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        drafts: &mut [Draft],
        is_essential: bool,
        mut refusal: Error,
    ) -> Result<Handover> {
        loop {
            let seen = self.store.counters.accepted.get();
            let permit = self.permit(units_of(drafts), is_essential, refusal).await?;
            match self.pass_gate(drafts, permit, is_essential) {
                Err(error) if error.kind() == ErrorKind::Full => {
                    self.journal_moves(seen, &error).await?;
                    refusal = error;
                }
                entered => return entered,
            }
        }
    }

    async fn permit(&self, units: u32, is_essential: bool, refusal: Error) -> Result<Permit<'_>> {
        let (store, patience) = (&self.store, self.config.admission_timeout);
        if is_essential {
            return Ok(store.admission.take_anyway(units));
        }
        if let Ok(permit) = store.admission.try_take(units) {
            return Ok(permit);
        }
        if self.archive.is_none() {
            // Nothing will ever make room.
            return Err(refusal);
        }
        store.admission.take(units, &*self.clock, (&store.frontier, &store.work), patience).await
    }

    fn pass_gate(self: &Arc<Self>, drafts: &mut [Draft], permit: Permit<'_>, is_essential: bool) -> Result<Handover> {
        let handed = self.ingest.hand_over(drafts, is_essential, (&self.hlc, &*self.clock, &self.store))?;
        Ok(Handover::new(self, handed, permit.keep()))
    }

    /// Waits until the journal took something in, for as long as a submit waits for room at all.
    async fn journal_moves(&self, seen: u64, full: &Error) -> Result<()> {
        let _waiting = Waiting::new(&self.store.landed_waiters);
        let moved = self.store.landed.notified();
        tokio::pin!(moved);
        moved.as_mut().enable();
        if self.store.counters.accepted.get() != seen {
            return Ok(());
        }
        match within(&*self.clock, self.clock.now() + self.config.admission_timeout, moved).await {
            Some(()) => Ok(()),
            None => Err(full.share()),
        }
    }
}

fn units_of(drafts: &[Draft]) -> u32 {
    drafts.iter().map(|draft| draft.units).sum()
}
