//! One attempt: the handler is called, watched, and its answer settled.

use std::{fmt, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use syncline_core::{
    Error, Instant,
    port::{BoxFuture, Lease},
    rt,
};

use super::{
    context::JobContext,
    crew::Crew,
    error::{JobError, Verdict},
    heart::interval,
    signal::Signal,
};
use crate::{
    QueueError, QueueResult, SyncItem, SyncQueue,
    queue::{Inner, give_back::lease_of},
};

/// A handler, whatever it takes.
#[derive(Clone)]
pub(super) struct Handle(Arc<dyn Fn(JobContext) -> BoxFuture<'static, Answer> + Send + Sync>);

type Answer = Result<(), JobError>;

/// What a worker may take on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) concurrency: usize,
    pub(super) deadline: Option<Duration>,
}

impl Handle {
    pub(super) fn of<T, H, F>(handler: H) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(T, JobContext) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self(Arc::new(move |job| {
            let handler = Arc::clone(&handler);
            // All of it inside the future: a panic of the handler's first lines is one of its task.
            Box::pin(async move {
                let payload = T::deserialize(&job.item().payload)
                    .map_err(|error| JobError::reject(format!("the payload does not fit: {error}")))?;
                handler(payload, job).await
            })
        }))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// An item in hand. Dropped before it was settled, it is given back.
struct InHand {
    queue: SyncQueue,
    lease: Option<Lease>,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.queue.give_back(self.lease.take().into_iter().collect());
    }
}

/// Works on one item until it is settled.
pub(super) async fn work(
    queue: SyncQueue,
    crew: Arc<Crew>,
    handle: Handle,
    item: SyncItem,
    deadline: Option<Duration>,
) {
    let lease = lease_of(item.clone());
    let mut in_hand = InHand { queue: queue.clone(), lease: Some(lease.clone()) };
    let inner = &*queue.inner;
    let now = inner.clock.now();
    let end = deadline.map(|deadline| now + deadline);
    let cancelled = Arc::<Signal>::default();
    let beat = now + interval(inner.config.lease_duration);
    let at_work = crew.enter(lease.clone(), Arc::clone(&cancelled), beat, end);
    let job = JobContext::new(item, cancelled);
    let answer = inner.call(&handle, &job, end).await;
    let settled = inner.settle_job(&lease, &job, answer).await;
    in_hand.lease = None;
    drop(at_work);
    if let Err(error) = settled {
        tracing::warn!(target: crate::TRACING_TARGET, id = lease.id, %error, "the outcome of a job was not taken");
    }
}

impl Inner {
    /// What the handler says, or what is to be said of it where it says nothing.
    async fn call(&self, handle: &Handle, job: &JobContext, end: Option<Instant>) -> Answer {
        let mut task = rt::spawn("syncline-job", self.processing(job.item(), (handle.0)(job.clone())));
        tokio::select! {
            biased;
            ended = &mut task => ended.unwrap_or_else(|error| {
                self.book().tally.panicked();
                Err(JobError::retry(panic_of(&error)))
            }),
            () = self.alarm(end) => {
                self.book().tally.overran();
                Err(JobError::retry("the handler did not end by its deadline"))
            }
        }
    }

    async fn settle_job(&self, lease: &Lease, job: &JobContext, answer: Answer) -> QueueResult<()> {
        let (id, token) = (lease.id.as_str(), lease.token);
        let error = match answer {
            Ok(()) => match self.encode(&job.take_following()) {
                Ok(push) => return of_lost(self.complete(id, token, push).await, job),
                Err(error) => JobError::retry(format!("what follows cannot be pushed: {error}")),
            },
            Err(error) => error,
        };
        let JobError { message, verdict } = error;
        let settled = match verdict {
            Verdict::Retry(delay) => self.fail(id, token, Some(message), delay).await.map(drop),
            Verdict::Reject => self.reject(id, token, message).await,
        };
        of_lost(settled, job)
    }
}

/// An outcome that came too late is no failure where the handler was told that it would be.
fn of_lost(settled: QueueResult<()>, job: &JobContext) -> QueueResult<()> {
    match settled {
        Err(QueueError::LeaseLost(_) | QueueError::ItemNotFound(_)) if job.is_cancelled() => Ok(()),
        settled => settled,
    }
}

/// What a handler's task ended with.
fn panic_of(error: &Error) -> String {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    format!("the handler panicked: {cause}")
}
