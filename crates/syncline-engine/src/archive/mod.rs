//! The archive task: carries pending records to the archive, one transaction at a time, for as long as the engine lives.
//!
//! | part | what it does |
//! |---|---|
//! | here | when to go: a batch is ready, somebody waits, or time is up; after a failure, when to try again |
//! | `pipeline` | one batch: apply, find what is refused, put it aside, settle |
//! | `batch`, `backoff` | the choices in it, pure |

mod backoff;
mod batch;
mod pipeline;

use std::sync::Arc;

use syncline_core::{Error, ErrorKind, Instant, port::Archive};

use self::{backoff::Backoff, pipeline::Pipeline};
use crate::{TRACING_TARGET, deadline::within, spine::Spine};

/// Batches after which the journal is told how far the archive has come, unless there is a pause before.
const TRUNCATE_EVERY: u32 = 64;

/// Runs until it is asked to stop. A failure is waited out; the batch stands at the head of the queue meanwhile.
pub(crate) async fn run(spine: Arc<Spine>, archive: Arc<dyn Archive>) {
    let end = EndOnPanic(&spine);
    let mut backoff = Backoff::new(spine.config.archive_retry_base, spine.config.archive_retry_max);
    let mut untold = 0;
    let mut pipeline = Pipeline::default();
    while pipeline.is_busy() || gather(&spine).await {
        match pipeline.deliver(&spine, &*archive).await {
            Ok(()) => {
                spine.health.up();
                backoff.reset();
                untold += 1;
                if untold >= TRUNCATE_EVERY || spine.store.ready().0.count == 0 {
                    spine.truncate();
                    untold = 0;
                }
            }
            Err(error) => {
                spine.health.down(&error);
                if spine.journal.is_none() {
                    // Nothing is held to be tried again: each caller was told, and decides for himself.
                    continue;
                }
                let at = spine.clock.now() + backoff.next(&*spine.random);
                if within(&*spine.clock, at, spine.stop.notified()).await.is_some() {
                    break;
                }
            }
        }
    }
    std::mem::forget(end);
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

/// Sleeps until `until`; for ever when it is `None`.
async fn sleep_until(spine: &Spine, until: Option<Instant>) {
    match until {
        Some(until) => spine.clock.sleep_until(until).await,
        None => std::future::pending().await,
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
