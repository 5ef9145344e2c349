//! Completing many items in one step.

use std::pin::pin;

use syncline_core::port::{DeadReason, Lease, QueueOutcome, Settled, Settlement};

use super::{
    Inner, SyncQueue,
    bell::UnderWay,
    gate::Errand,
    telemetry::{About, Op},
};
use crate::{QueueResult, SyncItem};

impl SyncQueue {
    /// These items, as they were popped, are done: all whose leases are live, in one step. Returns the ids of the others,
    /// which another worker has or which are gone: nothing was changed about those.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](crate::QueueError::ShuttingDown) once the queue is closed, or the storage's. Nothing was completed
    /// then, unless the [kind](crate::QueueError::kind) is `Unknown` or `Poisoned`.
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use syncline_queue::{Priority, QueueResult, SyncItem, SyncQueue};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = SyncQueue::new();
    /// queue.push_batch(vec![SyncItem::new(json!(1), Priority::Normal), SyncItem::new(json!(2), Priority::Normal)]).await?;
    ///
    /// let items = queue.pop_batch(100).await?;
    /// assert!(queue.complete_batch(&items).await?.is_empty());
    /// assert_eq!(queue.metrics().total_completed, 2);
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn complete_batch(&self, items: &[SyncItem]) -> QueueResult<Vec<String>> {
        let complete = pin!(self.inner.complete_all(items));
        self.inner.traced(Op::Complete, About::batch(items.len()), complete).await
    }
}

impl Inner {
    async fn complete_all(&self, items: &[SyncItem]) -> QueueResult<Vec<String>> {
        let _pass = self.gate.enter(Errand::Settle)?;
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let settlements: Vec<_> = items.iter().map(completion).collect();
        let under_way = UnderWay::new(&self.bell);
        let told = self.watched(self.store.settle(&settlements, self.now())).await;
        under_way.done();
        let told = told?;
        let outcomes = settlements.iter().zip(&told);
        let outcomes = outcomes.map(|(Settlement { lease, .. }, verdict)| (lease.id.as_str(), lease.token, *verdict));
        self.note_all(outcomes, DeadReason::Exhausted);
        let ended = settlements.into_iter().zip(told);
        let others = ended.filter(|(_, verdict)| verdict.settled != Settled::Completed);
        Ok(others.map(|(Settlement { lease, .. }, _)| lease.id).collect())
    }
}

/// An item that was never popped has no lease, and is completed under none: tokens begin at 1.
fn completion(item: &SyncItem) -> Settlement {
    let lease = Lease { id: item.id.clone(), token: Some(item.lease_token.unwrap_or(0)) };
    Settlement { lease, outcome: QueueOutcome::Complete { push: Vec::new() } }
}
