//! Working: handlers that are called with what is popped, and the care for their leases.

mod builder;
mod context;
mod crew;
mod error;
mod heart;
mod job;
mod run;
mod signal;

use std::{fmt, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use syncline_core::rt::Task;

pub(super) use self::crew::Crews;
pub use self::{builder::WorkerBuilder, context::JobContext, error::JobError};
use self::{job::Handle, signal::Signal};
use super::SyncQueue;
use crate::{QueueError, QueueResult};

/// Works on the items of a queue: calls a handler for each, several at once, and settles each as its handler says.
///
/// - The **payload** is read as the type that the handler takes. One that does not fit is a dead letter at once, and its error
///   says why.
/// - **Leases** are extended by a thread of the worker's own while a handler runs, so that one that blocks its runtime keeps
///   its item. Everything is settled under its lease: a worker that lost an item changes nothing about it.
/// - A handler that takes longer than its **deadline** is aborted, and the attempt has failed.
/// - A **panic** of a handler is a failed attempt.
/// - What was **cancelled**, or whose lease was lost, is said to the handler: see [`JobContext::is_cancelled`].
///
/// An outcome that the storage does not take is logged; the item comes back when its lease ends. While the storage fails, the
/// worker tries again after delays that grow up to half a minute.
///
/// [Shut it down](Self::shutdown) before its queue. Dropped, it stops: handlers are aborted, and their items given back.
///
/// # Examples
///
/// ```
/// use serde::Deserialize;
/// use serde_json::json;
/// use syncline_queue::{JobError, Priority, QueueResult, SyncItem, SyncQueue, Worker};
///
/// #[derive(Deserialize)]
/// struct Mail {
///     to: String,
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let queue = SyncQueue::new();
/// queue.push(SyncItem::new(json!({"to": "ada@example.org"}), Priority::High)).await?;
///
/// let worker = Worker::builder(&queue, async |mail: Mail, job| {
///     if !mail.to.contains('@') {
///         return Err(JobError::reject("that is no address"));
///     }
///     println!("attempt {}: mail to {}", job.attempt(), mail.to);
///     Ok(())
/// })
/// .with_concurrency(8)
/// .start()?;
/// # while !queue.is_idle() { tokio::task::yield_now().await; }
/// let released = worker.shutdown().await?;
/// assert_eq!(released, 0);
/// # QueueResult::Ok(())
/// # }).unwrap();
/// ```
#[must_use = "dropped, it stops at once"]
pub struct Worker {
    queue: SyncQueue,
    /// No more items are taken.
    stop: Arc<Signal>,
    /// Nobody waits for handlers any more.
    abort: Arc<Signal>,
    /// Returns how many items it gave back.
    task: Task<usize>,
}

impl Worker {
    /// A worker on `queue` that calls `handler` with the payload of each item, as the type that it takes.
    pub fn builder<T, H, F>(queue: &SyncQueue, handler: H) -> WorkerBuilder
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(T, JobContext) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        WorkerBuilder::new(queue.clone(), Handle::of(handler))
    }

    /// Takes no more items and waits until its handlers are done, for
    /// [`shutdown_deadline`](crate::QueueConfig::shutdown_deadline) at most. Those that still run are cancelled then, and
    /// aborted; their items are given back, and the attempt does not count. Returns how many these were.
    ///
    /// # Errors
    ///
    /// [`InvalidState`](QueueError::InvalidState) when the worker had ended by a panic of its own.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the worker stops as if it was dropped.
    pub async fn shutdown(self) -> QueueResult<usize> {
        let patience = self.queue.config().shutdown_deadline;
        self.shutdown_within(patience).await
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
    pub async fn shutdown_within(mut self, patience: Duration) -> QueueResult<usize> {
        let inner = &*self.queue.inner;
        let deadline = inner.clock.now() + patience;
        self.stop.set();
        let ended = match inner.before(deadline, &mut self.task).await {
            Some(ended) => ended,
            None => {
                self.abort.set();
                (&mut self.task).await
            }
        };
        ended.map_err(|error| QueueError::InvalidState(format!("the worker had ended: {error}")))
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("queue", &self.queue).finish_non_exhaustive()
    }
}
