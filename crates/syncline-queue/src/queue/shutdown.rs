//! Ending in order.

use std::time::Duration;

use super::{Store, SyncQueue, open::on_thread};
use crate::{QueueError, QueueResult};

impl SyncQueue {
    /// Ends the queue: refuses new work, wakes all who wait, waits for calls that have begun, and closes the journal with all
    /// that was answered on disk, unless others stand on it too. Items stay where they are; those in hand are back in their
    /// places when it is opened again.
    ///
    /// It waits for [`shutdown_deadline`](crate::QueueConfig::shutdown_deadline) at most. A second call does the same.
    ///
    /// # Errors
    ///
    /// The storage's; [`MaintenanceError`](QueueError::MaintenanceError) when calls were still under way at the deadline. The
    /// queue is closed in either case.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, no new work is taken; call it again.
    pub async fn shutdown(&self) -> QueueResult<()> {
        self.shutdown_within(self.inner.config.shutdown_deadline).await
    }

    /// [`shutdown`](Self::shutdown), waiting for `patience` at most.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    ///
    /// # Cancel safety
    ///
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_within(&self, patience: Duration) -> QueueResult<()> {
        let inner = &*self.inner;
        let deadline = inner.clock.now() + patience;
        inner.gate.drain();
        inner.bell.ring_all();
        inner.room.notify_waiters();
        let mut is_empty = inner.before(deadline, inner.gate.emptied()).await.is_some();
        inner.gate.close();
        // An outcome may have come in between.
        is_empty &= inner.before(deadline, inner.gate.emptied()).await.is_some();
        inner.events.close();
        if let Store::Journal { journal, is_shared: false, .. } = &inner.store {
            let journal = journal.clone();
            on_thread("syncline-queue-close", move || journal.close())
                .await?
                .map_err(QueueError::of_storage)?;
        }
        if is_empty {
            return Ok(());
        }
        Err(QueueError::MaintenanceError(format!("calls were still under way after {patience:?}")))
    }
}
