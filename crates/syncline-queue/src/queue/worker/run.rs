//! The loop of a worker: it pops while it has hands, and works.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use syncline_core::{port::BoxFuture, port::Random as _, rt::SystemRandom};
use syncline_resilience::{Backoff, retry::Jitter};

use super::{
    crew::Crew,
    heart::Heart,
    job::{Handle, Limits, work},
    signal::Signal,
};
use crate::{QueueError, QueueResult, SyncItem, SyncQueue, queue::give_back::lease_of};

/// Delays between pops while the storage fails.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const PAUSE_JITTER: f64 = 0.3;

/// All that the loop needs.
pub(super) struct Run {
    pub(super) queue: SyncQueue,
    pub(super) handle: Handle,
    pub(super) limits: Limits,
    pub(super) crew: Arc<Crew>,
    pub(super) stop: Arc<Signal>,
    pub(super) abort: Arc<Signal>,
}

impl Run {
    /// Works until it is stopped and has nothing in hand, or is aborted. Returns how many items it gave back.
    pub(super) async fn until_stopped(self, heart: Heart) -> usize {
        let mut jobs = FuturesUnordered::new();
        // Kept from one turn to the next: dropped half-way it may have taken items that nobody has.
        let mut pop: Option<BoxFuture<'static, QueueResult<Vec<SyncItem>>>> = None;
        let mut released = 0;
        loop {
            let free = self.limits.concurrency.saturating_sub(jobs.len());
            if pop.is_none() && free > 0 && !self.stop.is_set() {
                let most = free.min(self.queue.config().batch_size);
                pop = Some(Box::pin(next_items(self.queue.clone(), most, Arc::clone(&self.stop))));
            }
            if pop.is_none() && jobs.is_empty() {
                break;
            }
            let popped = async {
                match &mut pop {
                    Some(pop) => pop.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.abort.wait() => {
                    self.crew.cancel_all();
                    released += jobs.len();
                    break;
                }
                Some(()) = jobs.next(), if !jobs.is_empty() => {}
                popped = popped => {
                    pop = None;
                    match popped {
                        Ok(items) if self.stop.is_set() => self.queue.give_back(items.into_iter().map(lease_of).collect()),
                        Ok(items) => jobs.extend(items.into_iter().map(|item| self.job(item))),
                        // Nothing more will come.
                        Err(_) => self.stop.set(),
                    }
                }
            }
        }
        // Those that still run are aborted, and their items given back.
        drop(jobs);
        heart.stop().await;
        released
    }

    fn job(&self, item: SyncItem) -> impl Future<Output = ()> + Send + use<> {
        work(self.queue.clone(), Arc::clone(&self.crew), self.handle.clone(), item, self.limits.deadline)
    }
}

/// Up to `most` items as soon as there is one; empty when it is to stop, an error when the queue is shut down.
async fn next_items(queue: SyncQueue, most: usize, stop: Arc<Signal>) -> QueueResult<Vec<SyncItem>> {
    let pauses = Backoff::exponential(PAUSE_MIN, PAUSE_MAX).with_jitter(Jitter::Factor(PAUSE_JITTER));
    let mut failures = 0;
    loop {
        let error = match queue.wait_for(most, stop.wait()).await {
            Ok(items) => return Ok(items),
            Err(QueueError::ShuttingDown) => return Err(QueueError::ShuttingDown),
            Err(error) => error,
        };
        failures += 1;
        if failures == 1 {
            tracing::warn!(target: crate::TRACING_TARGET, %error, "a worker cannot pop and tries again");
        }
        let pause = pauses.delay_after(failures, Duration::ZERO, || SystemRandom.next_u64());
        let inner = &*queue.inner;
        if inner.before(inner.clock.now() + pause, stop.wait()).await.is_some() {
            return Ok(Vec::new());
        }
    }
}
