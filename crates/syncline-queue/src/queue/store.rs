//! Where the items are.

use std::sync::Arc;

use syncline_core::{
    Result,
    port::{Admission, Claim, Handed, Moment, NewItem, Pushed, QueueStorage, Settlement},
};
use syncline_journal::Journal;

use crate::{
    JournalQueueStorage, MemoryQueueStorage,
    storage::{Attempt, New, PushUnderWay, Verdict},
};

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

/// A push that was begun.
#[must_use = "it is not done before it is waited for"]
pub(super) enum Begun {
    Done(Result<Vec<Pushed>>),
    UnderWay(PushUnderWay),
}

impl Begun {
    /// What became of each item.
    pub(super) async fn told(self) -> Result<Vec<Pushed>> {
        match self {
            Self::Done(told) => told,
            Self::UnderWay(push) => push.carried_out().await,
        }
    }
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
        match self.begin_push(items.iter().map(New::from), admission, now) {
            Some(begun) => begun.told().await,
            None => self.port().push(items, admission, now).await,
        }
    }

    /// Begins to push items, which are not needed any more once this returned; `None` where the storage is one that was given:
    /// those take them as they are.
    pub(super) fn begin_push<'a>(
        &self,
        items: impl ExactSizeIterator<Item = New<'a>> + Clone,
        admission: Admission,
        now: Moment,
    ) -> Option<Begun> {
        match self {
            Self::Memory(storage) => Some(Begun::Done(storage.push_now(items, admission, now))),
            Self::Journal { storage, .. } => Some(match storage.begin_push(items, admission, now) {
                Ok(push) => Begun::UnderWay(push),
                Err(error) => Begun::Done(Err(error)),
            }),
            Self::Given(_) => None,
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
    pub(super) async fn settle(&self, settlements: &[Settlement], now: Moment) -> Result<Vec<Verdict>> {
        match self {
            Self::Memory(storage) => storage.settle_now(settlements, now),
            Self::Journal { storage, .. } => storage.settle_all(settlements, now).await,
            Self::Given(storage) => {
                let told = storage.settle(settlements, now).await?;
                Ok(told.into_iter().map(Verdict::from).collect())
            }
        }
    }

    /// The attempt that is under way on an item, under this lease or any, as far as the storage knows.
    pub(super) fn attempt(&self, id: &str, token: Option<u64>) -> Option<Attempt> {
        match self {
            Self::Memory(storage) => storage.attempt(id, token),
            Self::Journal { storage, .. } => storage.attempt(id, token),
            Self::Given(_) => None,
        }
    }
}
