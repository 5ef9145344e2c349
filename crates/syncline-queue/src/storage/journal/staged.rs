//! Steps that go into a transaction over several streams: reserved when they are staged, taken when it is durable.

use std::{fmt, sync::Arc};

use syncline_core::{
    Result,
    port::{Admission, Moment, NewItem, Pushed, Settled, Settlement},
};
use syncline_journal::{Reservation, Transaction};

use super::{JournalQueueStorage, codec, owner::Shared, plan};
use crate::storage::{codec::Record, plan::Reserved};

/// Called once the steps were taken.
pub(crate) type Told = Box<dyn FnOnce() + Send>;

/// What steps that were staged hold: ids, keys and room of pushes, leases of settlements.
struct Staged {
    shared: Arc<Shared>,
    reserved: Reserved,
    held: Vec<u64>,
    told: Option<Told>,
}

impl Reservation for Staged {
    fn keep(mut self: Box<Self>) {
        self.reserved.keep();
        self.held.clear();
        if let Some(told) = self.told.take() {
            told();
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.reserved.is_empty() && self.held.is_empty() {
            return;
        }
        let mut inner = self.shared.inner();
        inner.resume(&self.held);
        plan::give_back(&mut inner.state, &self.reserved);
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("held", &self.held).finish_non_exhaustive()
    }
}

impl JournalQueueStorage {
    /// Stages the push of `item`; `told` is called once it is kept. A duplicate is staged by nobody.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full) without room; what the transaction says. Nothing is reserved then.
    pub(crate) fn stage_push(
        &self,
        transaction: &mut Transaction,
        item: &NewItem,
        (admission, now): (Admission, Moment),
        told: Told,
    ) -> Result<Pushed> {
        let (mut reserved, time) = {
            let mut inner = self.heard();
            let time = inner.clock.at(now);
            (plan::reserve(&mut inner.state, std::slice::from_ref(item), admission, time)?, time)
        };
        let pushed = reserved.told.pop().unwrap_or(Pushed::Inserted);
        let record = Record { is_ahead: false, time, entries: std::mem::take(&mut reserved.entries) };
        self.stage(transaction, record, (reserved, Vec::new()), told)?;
        Ok(pushed)
    }

    /// Stages a settlement; `told` is called once it is kept. Until then nobody else settles that lease, nor does it end.
    ///
    /// # Errors
    ///
    /// As [`stage_push`](Self::stage_push).
    pub(crate) fn stage_settle(
        &self,
        transaction: &mut Transaction,
        settlement: &Settlement,
        now: Moment,
        told: Told,
    ) -> Result<Settled> {
        let (settled, record, reserved, held) = {
            let mut inner = self.heard();
            let time = inner.clock.at(now);
            inner.settle(std::slice::from_ref(settlement), time)?
        };
        self.stage(transaction, record, (reserved, held), told)?;
        Ok(settled.first().map_or(Settled::Unknown, |verdict| verdict.settled))
    }

    fn stage(
        &self,
        transaction: &mut Transaction,
        record: Record,
        (reserved, held): (Reserved, Vec<u64>),
        told: Told,
    ) -> Result<()> {
        let staged = Staged { shared: Arc::clone(&self.shared), reserved, held, told: Some(told) };
        if record.entries.is_empty() {
            return Ok(());
        }
        transaction.stage(&self.stream, codec::encode(&record)?)?;
        transaction.reserve(Box::new(staged));
        Ok(())
    }
}
