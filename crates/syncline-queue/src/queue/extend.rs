//! Leases that go on.

use std::time::Duration;

use syncline_core::port::Lease;

use super::{
    Inner, SyncQueue,
    gate::Errand,
    telemetry::{About, Op},
};
use crate::{QueueError, QueueResult, metrics::Settle};

impl SyncQueue {
    /// The worker needs longer: the lease ends `lease` from now.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](QueueError::LeaseLost) when nobody has the item; [`ShuttingDown`](QueueError::ShuttingDown) once the
    /// queue is closed; or the storage's.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, it may happen all the same.
    pub async fn extend(&self, id: &str, lease: Duration) -> QueueResult<()> {
        self.inner.extend(id, None, lease).await
    }

    /// [`extend`](Self::extend) under this lease.
    ///
    /// # Errors
    ///
    /// As [`extend`](Self::extend).
    ///
    /// # Cancel safety
    ///
    /// As [`extend`](Self::extend).
    pub async fn extend_lease(&self, id: &str, token: u64, lease: Duration) -> QueueResult<()> {
        self.inner.extend(id, Some(token), lease).await
    }

    /// Several leases, by item and number, end `lease` from now: one call of the storage for all of them. Returns for each
    /// whether it goes on; `false` where it had ended, and its worker should stop.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](QueueError::ShuttingDown) once the queue is closed; or the storage's.
    ///
    /// # Cancel safety
    ///
    /// As [`extend`](Self::extend).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use serde_json::json;
    /// use syncline_queue::{Priority, QueueResult, SyncItem, SyncQueue};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = SyncQueue::new();
    /// queue.push_batch((0..3).map(|n| SyncItem::new(json!(n), Priority::Normal)).collect()).await?;
    ///
    /// let batch = queue.pop_batch(3).await?;
    /// let leases: Vec<_> = batch.iter().filter_map(|item| Some((item.id.clone(), item.lease_token?))).collect();
    /// queue.mark_completed(&batch[0].id).await?;
    /// assert_eq!(queue.extend_leases(&leases, Duration::from_secs(60)).await?, [false, true, true]);
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn extend_leases(&self, leases: &[(String, u64)], lease: Duration) -> QueueResult<Vec<bool>> {
        let leases = leases.iter().map(|(id, token)| Lease { id: id.clone(), token: Some(*token) });
        let leases: Vec<_> = leases.collect();
        let extend = self.inner.extend_counted(&leases, lease);
        self.inner.traced(Op::Extend, About::batch(leases.len()), extend).await
    }
}

impl Inner {
    async fn extend(&self, id: &str, token: Option<u64>, lease: Duration) -> QueueResult<()> {
        let leases = [Lease { id: id.to_owned(), token }];
        let extend = async {
            match self.extend_counted(&leases, lease).await?.first() {
                Some(true) => Ok(()),
                _ => Err(QueueError::LeaseLost(id.to_owned())),
            }
        };
        self.traced(Op::Extend, About::id(id), extend).await
    }

    /// [`extend_all`](Self::extend_all), counting those that were lost.
    async fn extend_counted(&self, leases: &[Lease], lease: Duration) -> QueueResult<Vec<bool>> {
        let told = self.extend_all(leases, lease).await?;
        let now = self.clock.now();
        let mut book = self.book();
        for _ in told.iter().filter(|is_live| !**is_live) {
            book.tally.settled(Settle::Lost, None, now);
        }
        drop(book);
        Ok(told)
    }

    /// Lets leases end `lease` from now; `false` for one that was lost.
    pub(super) async fn extend_all(&self, leases: &[Lease], lease: Duration) -> QueueResult<Vec<bool>> {
        let _pass = self.gate.enter(Errand::Settle)?;
        let now = self.now();
        let told = self.watched(self.storage().extend(leases, lease, now)).await?;
        let until = now.steady + lease;
        let mut book = self.book();
        for (lease, is_live) in leases.iter().zip(&told) {
            if *is_live {
                book.extended(&lease.id, lease.token, until);
                book.tally.extended();
            }
        }
        drop(book);
        self.bell.due(until);
        Ok(told)
    }
}
