//! Futures in a tokio runtime whose clock stands still, or jumps when everybody sleeps.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::{
    runtime::Builder,
    time::{Instant, Sleep},
};

use crate::Result;

/// What `future` becomes; its sleeps take no time.
pub(super) fn run<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(future)
}

/// How long `sleep` is, counted from now.
pub(super) fn length(sleep: &Sleep) -> Duration {
    sleep.deadline().saturating_duration_since(Instant::now())
}

/// Polls `future` once.
pub(super) fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    future.now_or_never()
}
