//! Taking part in a transaction over several streams of one journal.

use std::sync::Arc;

use syncline_core::port::{Admission, DeadReason, Lease, Pushed, QueueOutcome, Settled, Settlement};
use syncline_journal::Transaction;

use super::{Store, SyncQueue, gate::Errand};
use crate::{
    JournalQueueStorage, QueueError, QueueResult, SyncItem,
    storage::{New, Verdict, is_at_capacity},
};

impl SyncQueue {
    /// Stages the push of an item: it happens with everything else in `transaction`, or none of it does. Its id, key and room
    /// are taken from here on, and given back when the transaction is dropped or fails; workers see the item once the commit
    /// is durable.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push); [`InvalidState`](QueueError::InvalidState) for a queue that is not on a journal. The
    /// transaction is as it was then. One of another journal is refused.
    pub fn stage(&self, transaction: &mut Transaction, item: SyncItem) -> QueueResult<()> {
        let inner = &self.inner;
        let _pass = inner.gate.enter(Errand::Work)?;
        inner.check_unlocked()?;
        let new = item.to_new(inner.config.enable_partitioning)?;
        let capacity = inner.config.max_capacity;
        let admission = Admission { capacity: capacity as u64, unique_ids: inner.config.enable_deduplication };
        let (teller, kept) = (Arc::clone(inner), new.clone());
        let told =
            Box::new(move || teller.note_pushed([New::from(&kept)].into_iter(), &[Pushed::Inserted], teller.now()));
        match self.journaled()?.stage_push(transaction, &new, (admission, inner.now()), told) {
            Ok(Pushed::Inserted) => Ok(()),
            Ok(Pushed::Duplicate { id }) => Err(QueueError::DuplicateItem(id)),
            Err(error) if is_at_capacity(&error) => Err(QueueError::CapacityExceeded(capacity)),
            Err(error) => Err(QueueError::of_storage(error)),
        }
    }

    /// Stages the completion of an item under this lease, as [`stage`](Self::stage) does a push: with what is staged in other
    /// queues of the journal it is one step of a pipeline. Until the transaction ends nobody else settles the lease.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](QueueError::LeaseLost) once the lease has ended; [`ItemNotFound`](QueueError::ItemNotFound);
    /// [`InvalidState`](QueueError::InvalidState) for a queue that is not on a journal.
    pub fn stage_completed(&self, transaction: &mut Transaction, id: &str, token: u64) -> QueueResult<()> {
        let inner = &self.inner;
        let _pass = inner.gate.enter(Errand::Settle)?;
        let lease = Lease { id: id.to_owned(), token: Some(token) };
        let settlement = Settlement { lease, outcome: QueueOutcome::Complete { push: Vec::new() } };
        let (teller, done) = (Arc::clone(inner), id.to_owned());
        let verdict = Verdict { settled: Settled::Completed, attempt: inner.store.attempt(id, Some(token)) };
        let told = Box::new(move || teller.note_settled(&done, Some(token), verdict, DeadReason::Exhausted));
        let staged = self.journaled()?.stage_settle(transaction, &settlement, inner.now(), told);
        match staged.map_err(QueueError::of_storage)? {
            Settled::Unknown => Err(QueueError::ItemNotFound(id.to_owned())),
            Settled::Lost => Err(QueueError::LeaseLost(id.to_owned())),
            _ => Ok(()),
        }
    }

    fn journaled(&self) -> QueueResult<&JournalQueueStorage> {
        match &self.inner.store {
            Store::Journal { storage, .. } => Ok(storage),
            Store::Memory(_) | Store::Given(_) => {
                Err(QueueError::InvalidState("only a queue on a journal takes part in a transaction".into()))
            }
        }
    }
}
