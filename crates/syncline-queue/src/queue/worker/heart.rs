//! The heartbeat: a thread that extends the leases of a crew, whatever its handlers do to their runtime.

use std::{pin::pin, sync::Arc, time::Duration};

use syncline_core::{
    Instant,
    port::Lease,
    rt::{self, Thread},
};
use tokio::sync::oneshot;

use super::crew::Crew;
use crate::{
    QueueError, QueueResult, SyncQueue,
    queue::{Inner, give_back::block_on},
};

/// A lease is extended so many times in its length: where the storage fails once or twice, it is not lost.
const BEATS: u32 = 4;

/// Beats until it is stopped or dropped.
pub(super) struct Heart {
    crew: Arc<Crew>,
    thread: Option<Thread>,
    ended: oneshot::Receiver<()>,
}

impl Heart {
    pub(super) fn start(queue: &SyncQueue, crew: &Arc<Crew>) -> QueueResult<Self> {
        let (inner, beaten) = (Arc::clone(&queue.inner), Arc::clone(crew));
        let (end, ended) = oneshot::channel();
        let body = move || {
            // Dropped when the thread ends, however it does: that wakes who waits for it.
            let _end: oneshot::Sender<()> = end;
            block_on(inner.beat(&beaten));
        };
        let thread = rt::thread("syncline-worker-heart", body)
            .map_err(|error| QueueError::InvalidState(format!("there is no thread for the leases: {error}")))?;
        Ok(Self { crew: Arc::clone(crew), thread: Some(thread), ended })
    }

    /// Ends it and waits until it has ended.
    pub(super) async fn stop(mut self) {
        self.end();
        (&mut self.ended).await.unwrap_or_default();
        if let Some(Err(error)) = self.thread.take().map(Thread::join) {
            tracing::error!(target: crate::TRACING_TARGET, %error, "the thread that extends leases has failed");
        }
    }

    fn end(&self) {
        self.crew.is_over.set();
        self.crew.changed.notify_one();
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.end();
    }
}

/// How long before a lease that runs from now on is extended.
pub(super) fn interval(lease: Duration) -> Duration {
    lease / BEATS
}

impl Inner {
    async fn beat(&self, crew: &Crew) {
        loop {
            let mut changed = pin!(crew.changed.notified());
            changed.as_mut().enable();
            if crew.is_over.is_set() {
                return;
            }
            let now = self.clock.now();
            let (due, next) = crew.due(now);
            if due.is_empty() {
                tokio::select! {
                    () = changed => {}
                    () = self.alarm(next) => {}
                }
                continue;
            }
            self.extend_due(crew, due, now).await;
        }
    }

    async fn extend_due(&self, crew: &Crew, due: Vec<(u64, Lease)>, now: Instant) {
        let next = now + interval(self.config.lease_duration);
        let leases: Vec<_> = due.iter().map(|(_, lease)| lease.clone()).collect();
        let told = match self.extend_all(&leases, self.config.lease_duration).await {
            Ok(told) => told,
            Err(error) => {
                tracing::warn!(target: crate::TRACING_TARGET, %error, leases = leases.len(), "leases were not extended");
                vec![true; leases.len()]
            }
        };
        for ((number, _), is_live) in due.into_iter().zip(told) {
            crew.beat(number, is_live.then_some(next));
        }
    }
}
