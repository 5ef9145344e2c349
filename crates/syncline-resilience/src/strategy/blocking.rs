//! Operations that block their thread.

use std::time::Duration;

use syncline_core::rt;

use super::RetryStrategy;
use crate::{
    Judge, RetryError, RetryMetrics, TRACING_TARGET,
    guard::{Answer, Guard, Next},
    time::Clock,
};

impl<C: Clock, K> RetryStrategy<C, K> {
    /// Carries out `operation`, which blocks, repeating it as the strategy says; sleeps block the thread.
    ///
    /// On a thread of an asynchronous runtime it would stop every task of that thread: it says so as a warning, before each
    /// sleep. Use [`execute`](Self::execute) there. Threads for blocking work belong to the runtime too and cannot be told
    /// from the others: the warning is wrong on those. Timeouts are looked at between attempts only, because nobody can
    /// stop a call that blocks.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    pub fn execute_sync<T, E, F>(&self, operation: F) -> Result<T, RetryError<E>>
    where
        F: FnMut() -> Result<T, E>,
        E: 'static,
        K: Judge<E>,
    {
        self.run_blocking(&mut self.guard(), operation)
    }

    /// [`execute_sync`](Self::execute_sync), and what it took. `name` labels spans and metrics; it is borrowed for the call.
    pub fn execute_sync_with_metrics<T, E, F>(
        &self,
        name: impl AsRef<str>,
        operation: F,
    ) -> (Result<T, RetryError<E>>, RetryMetrics)
    where
        F: FnMut() -> Result<T, E>,
        E: 'static,
        K: Judge<E>,
    {
        let mut guard = Guard::new(self, Some(name.as_ref()));
        let result = self.run_blocking(&mut guard, operation);
        (result, guard.metrics())
    }

    fn run_blocking<T, E>(
        &self,
        guard: &mut Guard<'_, C, K, E>,
        mut operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, RetryError<E>>
    where
        K: Judge<E>,
    {
        loop {
            let admitted = guard.admit()?;
            let answer: Answer<T, E> = {
                let _inside = admitted.enter();
                operation().into()
            };
            match guard.settle(admitted, answer, &self.judge) {
                Next::Done(value) => return Ok(value),
                Next::Stop(error) => return Err(error),
                Next::Wait(delay) => self.block_for(delay),
            }
        }
    }

    fn block_for(&self, delay: Duration) {
        if rt::is_async() {
            tracing::warn!(
                target: TRACING_TARGET,
                ?delay,
                "execute_sync sleeps on a thread of an async runtime and stops its tasks; use execute there"
            );
        }
        self.clock.block_until(self.clock.now() + delay);
    }
}
