//! A runtime for loops of futures that are ready at once, or nearly so.

use tokio::{
    runtime::{Builder, Runtime},
    task::unconstrained,
};

use crate::Result;

/// Drives one loop on each thread that asks it to.
pub(super) struct Awaited(Runtime);

impl Awaited {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Builder::new_multi_thread().worker_threads(1).enable_time().build()?))
    }

    /// Drives `work` on this thread to its end; the runtime does not interrupt it.
    pub(super) fn run(&self, work: impl Future<Output = ()>) {
        self.0.handle().block_on(unconstrained(work));
    }
}
