//! How a worker is made.

use std::{fmt, sync::Arc, time::Duration};

use syncline_core::rt;

use super::{
    Worker,
    crew::Crew,
    heart::Heart,
    job::{Handle, Limits},
    run::Run,
    signal::Signal,
};
use crate::{QueueError, QueueResult, SyncQueue};

/// Handlers that run at once, unless told otherwise.
const CONCURRENCY: usize = 4;
/// Longest attempt, unless told otherwise.
const DEADLINE: Duration = Duration::from_hours(1);

/// A [`Worker`] that is being set up.
#[must_use = "it does not work before it is started"]
pub struct WorkerBuilder {
    queue: SyncQueue,
    handle: Handle,
    limits: Limits,
}

impl WorkerBuilder {
    pub(super) fn new(queue: SyncQueue, handle: Handle) -> Self {
        Self {
            queue,
            handle,
            limits: Limits { concurrency: CONCURRENCY, deadline: Some(DEADLINE) },
        }
    }

    /// Most handlers that run at once. Default 4. It claims what it has hands for, up to
    /// [`batch_size`](crate::QueueConfig::batch_size) at once.
    pub fn with_concurrency(mut self, handlers: usize) -> Self {
        self.limits.concurrency = handlers;
        self
    }

    /// Longest that one attempt may take. Default one hour.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = Some(deadline);
        self
    }

    /// An attempt may take as long as it wants. One that hangs keeps its item for ever.
    pub fn without_deadline(mut self) -> Self {
        self.limits.deadline = None;
        self
    }

    /// Starts it on the current tokio runtime, whose tasks the handlers are.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig) for a concurrency of 0; [`InvalidState`](QueueError::InvalidState) outside a
    /// runtime, or when the system has no thread for the leases.
    pub fn start(self) -> QueueResult<Worker> {
        let Self { queue, handle, limits } = self;
        if limits.concurrency == 0 {
            return Err(QueueError::InvalidConfig("concurrency is 0: nothing would be worked on".to_owned()));
        }
        if !rt::is_async() {
            return Err(QueueError::InvalidState("a worker is started inside a tokio runtime".to_owned()));
        }
        let crew = Arc::new(Crew::default());
        queue.inner.crews.add(&crew);
        let heart = Heart::start(&queue, &crew)?;
        let (stop, abort) = (Arc::<Signal>::default(), Arc::<Signal>::default());
        let run = Run {
            queue: queue.clone(),
            handle,
            limits,
            crew,
            stop: Arc::clone(&stop),
            abort: Arc::clone(&abort),
        };
        let task = rt::spawn("syncline-worker", run.until_stopped(heart));
        Ok(Worker { queue, stop, abort, task })
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("queue", &self.queue)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
