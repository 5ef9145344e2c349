//! Calls through a breaker.

use super::{CallError, CircuitBreaker};
use crate::time::Clock;

impl<C: Clock> CircuitBreaker<C> {
    /// Awaits `request` if it is admitted, and takes its result: each error is a failure.
    ///
    /// # Errors
    ///
    /// [`CallError::Rejected`] when it was not admitted, and never polled; [`CallError::Inner`] with its own error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the request; the breaker takes it as one that says nothing, and so it does when the request
    /// panics.
    ///
    /// # Examples
    ///
    /// ```
    /// use syncline_resilience::CircuitBreaker;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let breaker = CircuitBreaker::new();
    /// let answer = breaker.call(async { Ok::<_, std::io::Error>(42) }).await;
    /// assert_eq!(answer.unwrap(), 42);
    /// # });
    /// ```
    pub async fn call<T, E, Fut>(&self, request: Fut) -> Result<T, CallError<E>>
    where
        Fut: Future<Output = Result<T, E>>,
    {
        self.call_where(|_| true, request).await
    }

    /// [`call`](Self::call) for requests with errors that say nothing of the other side's health: only those for which
    /// `is_failure` is true count, the others are ignored.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Examples
    ///
    /// ```
    /// use syncline_resilience::CircuitBreaker;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let breaker = CircuitBreaker::new();
    /// let _ = breaker.call_where(|status| *status >= 500, async { Err::<(), u16>(404) }).await;
    /// assert_eq!(breaker.stats().failure_count, 0);
    /// # });
    /// ```
    pub async fn call_where<T, E, Fut>(
        &self,
        is_failure: impl FnOnce(&E) -> bool,
        request: Fut,
    ) -> Result<T, CallError<E>>
    where
        Fut: Future<Output = Result<T, E>>,
    {
        let permit = self.try_acquire()?;
        permit.tell(request.await, is_failure)
    }

    /// [`call`](Self::call) for a request that blocks its thread.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    #[inline]
    pub fn call_sync<T, E>(&self, request: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_sync_where(|_| true, request)
    }

    /// [`call_where`](Self::call_where) for a request that blocks its thread.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    #[inline]
    pub fn call_sync_where<T, E>(
        &self,
        is_failure: impl FnOnce(&E) -> bool,
        request: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>> {
        let permit = self.try_acquire()?;
        permit.tell(request(), is_failure)
    }
}

impl<C: Clock> super::Permit<'_, C> {
    #[inline]
    fn tell<T, E>(self, result: Result<T, E>, is_failure: impl FnOnce(&E) -> bool) -> Result<T, CallError<E>> {
        match result {
            Ok(value) => {
                self.success();
                Ok(value)
            }
            Err(error) => {
                if is_failure(&error) {
                    self.failure();
                }
                Err(CallError::Inner(error))
            }
        }
    }
}
