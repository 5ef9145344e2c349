//! Writes that go into a transaction over several streams.

use std::{fmt, sync::Arc};

use syncline_core::{Error, ErrorKind, Result, Version};
use syncline_journal::{Committed, Reservation, Transaction};

use crate::{
    Engine, Receipt, SyncItem,
    handover::Local,
    ingest::{Draft, Stamped},
    spine::Spine,
};

/// A write that was staged. Once its transaction was committed it gives a receipt; dropped, it changes nothing.
pub struct Staged {
    spine: Arc<Spine>,
    stamped: Stamped,
    /// How many records of the transaction stand before it.
    place: u64,
}

impl Staged {
    /// The version that the write was given when it was staged.
    pub fn version(&self) -> Version {
        self.stamped.version
    }

    /// The receipt of the write, with what the commit of its own transaction returned.
    pub fn receipt(self, committed: &Committed) -> Receipt {
        let seq = committed.first.get() + self.place;
        Receipt::new(&self.spine, self.stamped, Local::done(seq))
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("stamped", &self.stamped).finish_non_exhaustive()
    }
}

/// The room of a staged write.
struct Room {
    spine: Arc<Spine>,
    units: u32,
}

impl Reservation for Room {
    fn keep(mut self: Box<Self>) {
        // The record has it now.
        self.units = 0;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.units > 0 {
            self.spine.store.admission.give_back(self.units as usize);
            self.spine.ingest.take_back();
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("units", &self.units).finish_non_exhaustive()
    }
}

impl Engine {
    /// Stages a write: it happens with everything else in `transaction`, or none of it does. Its room is taken from here on,
    /// and given back when the transaction is dropped or fails; readers see the write once the commit is durable.
    ///
    /// It is given its version here: a write of the same item that is submitted before the commit is newer and stands.
    ///
    /// # Errors
    ///
    /// As [`submit_nowait`](Self::submit_nowait); [`Invalid`](ErrorKind::Invalid) also for an engine without a journal and for
    /// a transaction of another journal. The transaction is as it was then.
    pub fn stage(&self, transaction: &mut Transaction, item: SyncItem) -> Result<Staged> {
        self.spine()?.stage(transaction, item)
    }
}

impl Spine {
    fn stage(self: &Arc<Self>, transaction: &mut Transaction, item: SyncItem) -> Result<Staged> {
        let mut draft = self.draft(item)?;
        let Some(journaled) = &self.journal else {
            return Err(Error::new(ErrorKind::Invalid, "an engine without a journal takes part in no transaction"));
        };
        let (admission, place) = (&self.store.admission, transaction.len() as u64);
        let permit = admission.try_take(draft.units).or_else(|_| {
            self.abandoned.sweep(admission);
            admission.try_take(draft.units)
        })?;
        self.ingest.stage(&mut draft, transaction, &journaled.engine, (&self.hlc, &*self.clock))?;
        transaction.reserve(Box::new(Room { spine: Arc::clone(self), units: permit.keep() }));
        Ok(Staged { spine: Arc::clone(self), stamped: Draft::stamped(draft), place })
    }
}
