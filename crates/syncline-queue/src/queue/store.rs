//! Where the items are.

use std::sync::Arc;

use syncline_core::{
    Result,
    port::{Admission, Claim, Handed, Moment, NewItem, Pushed, QueueStorage, Settled, Settlement},
};
use syncline_journal::Journal;

use crate::{JournalQueueStorage, MemoryQueueStorage};

/// Where the items of a queue are.
pub(super) enum Store {
    Memory(Box<MemoryQueueStorage>),
    Journal {
        storage: JournalQueueStorage,
        journal: Journal,
        /// Whether others stand on the journal too, so that it does not end with this queue.
        is_shared: bool,
    },
    Given(Arc<dyn QueueStorage>),
}

impl Store {
    pub(super) fn port(&self) -> &dyn QueueStorage {
        match self {
            Self::Memory(storage) => &**storage,
            Self::Journal { storage, .. } => storage,
            Self::Given(storage) => &**storage,
        }
    }

    /// Whether it answers at once what it is asked, and tells the bell of all that it carries out.
    pub(super) fn is_own(&self) -> bool {
        !matches!(self, Self::Given(_))
    }

    /// Items that live, of a store that is of this process alone.
    pub(super) fn live(&self) -> Option<u64> {
        match self {
            Self::Memory(storage) => Some(storage.live()),
            Self::Journal { storage, .. } => Some(storage.live()),
            Self::Given(_) => None,
        }
    }

    /// As [`QueueStorage::push`]. Memory answers at once: it needs no box to wait in.
    pub(super) async fn push(&self, items: &[NewItem], admission: Admission, now: Moment) -> Result<Vec<Pushed>> {
        match self {
            Self::Memory(storage) => storage.push_now(items, admission, now),
            _ => self.port().push(items, admission, now).await,
        }
    }

    /// As [`QueueStorage::claim`].
    pub(super) async fn claim(&self, claim: Claim, now: Moment) -> Result<Handed> {
        match self {
            Self::Memory(storage) => Ok(storage.claim_now(claim, now)),
            _ => self.port().claim(claim, now).await,
        }
    }

    /// As [`QueueStorage::settle`].
    pub(super) async fn settle(&self, settlements: &[Settlement], now: Moment) -> Result<Vec<Settled>> {
        match self {
            Self::Memory(storage) => storage.settle_now(settlements, now),
            _ => self.port().settle(settlements, now).await,
        }
    }
}
