//! Dead letters.

use syncline_core::port::{DeadReason, Stored};

use super::{
    QueueEvent, SyncQueue,
    bell::UnderWay,
    gate::Errand,
    telemetry::{About, Op},
};
use crate::{DeadLetter, QueueError, QueueResult, SyncItem};

impl SyncQueue {
    /// Dead letters, oldest first, after the one of id `after`, which is one itself. One whose content cannot be read has an
    /// empty payload; its errors say so.
    ///
    /// # Errors
    ///
    /// What the storage says.
    pub async fn dead_letters(&self, after: Option<&str>, limit: usize) -> QueueResult<Vec<DeadLetter>> {
        let inner = &*self.inner;
        let stored = inner.watched(inner.storage().dead(after, limit, inner.now())).await?;
        Ok(stored.iter().map(letter).collect())
    }

    /// Lets these dead letters be tried again, with all their attempts. Returns how many there were.
    ///
    /// # Errors
    ///
    /// [`Locked`](QueueError::Locked), [`ShuttingDown`](QueueError::ShuttingDown), or the storage's.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, it may happen all the same.
    pub async fn redrive(&self, ids: &[String]) -> QueueResult<usize> {
        let inner = &*self.inner;
        let redrive = async {
            let _pass = inner.gate.enter(Errand::Work)?;
            inner.check_unlocked()?;
            let under_way = UnderWay::new(&inner.bell);
            let told = inner.watched(inner.storage().redrive(ids, inner.now())).await;
            under_way.done();
            let told = told?;
            let count = count(&told);
            inner.events.tell(named(ids, &told).map(|id| QueueEvent::Redriven { id }));
            inner.book().tally.redriven(count as u64);
            inner.bell.ring(count);
            Ok(count)
        };
        inner.traced(Op::Redrive, About::batch(ids.len()), redrive).await
    }

    /// Throws these dead letters away. Returns how many there were.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](QueueError::ShuttingDown) once the queue is closed; or the storage's.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, it may happen all the same.
    pub async fn purge(&self, ids: &[String]) -> QueueResult<usize> {
        let inner = &*self.inner;
        let _pass = inner.gate.enter(Errand::Settle)?;
        let told = inner.watched(inner.storage().purge(ids, inner.now())).await?;
        inner.events.tell(named(ids, &told).map(|id| QueueEvent::Purged { id }));
        Ok(count(&told))
    }
}

/// The ids of those of which it was told that they were there.
fn named(ids: &[String], told: &[bool]) -> impl Iterator<Item = String> {
    ids.iter().zip(told).filter(|(_, told)| **told).map(|(id, _)| id.clone())
}

fn count(told: &[bool]) -> usize {
    told.iter().filter(|told| **told).count()
}

fn letter(stored: &Stored) -> DeadLetter {
    let item = SyncItem::from_stored(stored).unwrap_or_else(|_: QueueError| SyncItem::unreadable(stored));
    DeadLetter {
        item,
        reason: stored.dead.unwrap_or(DeadReason::Rejected),
        errors: stored.item.errors.clone(),
    }
}
