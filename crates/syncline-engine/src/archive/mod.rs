//! The archive task: carries pending records to the archive, one transaction at a time, for as long as the engine lives.
//!
//! | part | what it does |
//! |---|---|
//! | here | when to go: a batch is ready, somebody waits, or time is up; after a failure, when to try again |
//! | `pipeline` | one batch: apply, find what is refused, put it aside, settle |
//! | `batch` | the choices in it, pure |

mod batch;
mod pipeline;

use std::sync::Arc;

use syncline_core::{
    Error, ErrorKind, Instant, Result,
    port::{Archive, Clock, Sleep},
};
use syncline_resilience::{
    Attempt, Backoff, Operation, RetryCondition, RetryError, RetryStrategy, StoppedBy, backoff::Jitter,
};

use self::pipeline::Pipeline;
use crate::{TRACING_TARGET, spine::Spine};

/// Batches after which the journal is told how far the archive has come, unless there is a pause before.
const TRUNCATE_EVERY: u32 = 64;

/// Runs until it is asked to stop. A failure is waited out; the batch stands at the head of the queue meanwhile.
pub(crate) async fn run(spine: Arc<Spine>, archive: Arc<dyn Archive>) {
    let end = EndOnPanic(&spine);
    let retry = strategy(&spine);
    let mut untold = 0;
    let mut delivery = Delivery { spine: &spine, archive: &*archive, pipeline: Pipeline::default() };
    while delivery.pipeline.is_busy() || gather(&spine).await {
        match retry.execute_until(spine.stop.notified(), &mut delivery).await {
            Ok(()) => {
                untold += 1;
                if untold >= TRUNCATE_EVERY || spine.store.ready().0.count == 0 {
                    spine.truncate();
                    untold = 0;
                }
            }
            Err(RetryError::AttemptsExhausted { stopped_by: StoppedBy::Caller, .. }) => break,
            // Without a journal nothing is held to be tried again: each caller was told, and decides for himself.
            Err(_) => {}
        }
    }
    std::mem::forget(end);
}

/// One step of the pipeline, and what it says of the archive's health.
struct Delivery<'a> {
    spine: &'a Spine,
    archive: &'a dyn Archive,
    pipeline: Pipeline,
}

impl Operation for Delivery<'_> {
    type Output = ();
    type Error = Error;

    async fn attempt(&mut self, _attempt: Attempt<'_, Error>) -> Result<()> {
        let delivered = self.pipeline.deliver(self.spine, self.archive).await;
        match &delivered {
            Ok(()) => self.spine.health.up(),
            Err(error) => self.spine.health.down(error),
        }
        delivered
    }
}

/// Attempts without end, whatever the error, because the journal holds what is not archived. A delay is shortened by a random
/// part of up to one half, so that many nodes do not come back to one server in step.
fn strategy(spine: &Spine) -> RetryStrategy<Arc<dyn Clock>, RetryCondition> {
    let backoff = Backoff::exponential(spine.config.archive_retry_base, spine.config.archive_retry_max);
    let is_retried = if spine.journal.is_some() {
        RetryCondition::Always
    } else {
        RetryCondition::Never
    };
    RetryStrategy::with_clock(Arc::clone(&spine.clock))
        .with_unlimited_attempts()
        .with_backoff(backoff.with_jitter(Jitter::Equal))
        .with_seed(spine.random.next_u64())
        .with_retry_condition(is_retried)
}

/// Waits until a batch should go; `false` when the task should end.
///
/// A record waits for others to share its transaction, but not for long, and not at all while somebody waits for it: a
/// receipt, a flush, or a submit that needs room.
async fn gather(spine: &Spine) -> bool {
    let store = &spine.store;
    let mut since = None;
    loop {
        let (ready, fills_batch) = store.ready();
        let until = if ready.count == 0 {
            None
        } else if fills_batch || store.frontier.has_waiters() || store.admission.has_waiters() {
            return true;
        } else {
            let now = spine.clock.now();
            let until = *since.get_or_insert(now) + spine.config.archive_batch_age;
            if now >= until {
                return true;
            }
            Some(until)
        };
        tokio::select! {
            biased;
            () = spine.stop.notified() => return false,
            () = store.work.notified() => {}
            () = sleep_until(spine, until) => {}
        }
    }
}

/// A sleep until `until`; for ever when it is `None`.
fn sleep_until(spine: &Spine, until: Option<Instant>) -> Sleep {
    match until {
        Some(until) => spine.clock.sleep_until(until),
        None => Box::pin(std::future::pending()),
    }
}

/// Should the task panic, nothing is archived any more: whoever waits or comes later hears of it.
struct EndOnPanic<'a>(&'a Spine);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = Error::new(ErrorKind::Poisoned, "the archive task panicked; start the engine again");
            tracing::error!(target: TRACING_TARGET, %error, "nothing more is archived");
            self.0.close(error.share());
            self.0.store.frontier.end(error);
        }
    }
}
