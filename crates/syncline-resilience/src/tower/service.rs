//! A service whose calls are operations of a strategy.

use std::{
    borrow::Cow,
    fmt, mem,
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tower_service::Service;

use super::{
    breaker::tell_unready,
    drive::drive,
    repeat::{ByClone, Repeat},
};
use crate::{
    ByType, Judge, RetryError, RetryStrategy,
    time::{Clock, SystemClock},
};

/// What layers are told.
#[derive(Debug, Clone)]
pub(super) struct Setup<C: Clock, K, R> {
    pub(super) strategy: RetryStrategy<C, K>,
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) repeat: R,
}

impl<C: Clock, K, R> Setup<C, K, R> {
    pub(super) fn with_repeat<F>(self, repeat: F) -> Setup<C, K, F> {
        Setup { strategy: self.strategy, name: self.name, repeat }
    }
}

/// What all calls of a service share.
#[derive(Debug)]
pub(super) struct Shared<C: Clock, K, R> {
    pub(super) setup: Setup<C, K, R>,
    /// The same strategy with one attempt.
    pub(super) once: RetryStrategy<C, K>,
}

/// A service whose calls are operations of a [`RetryStrategy`]. Made by [`GuardLayer`](super::GuardLayer) and
/// [`RetryLayer`](super::RetryLayer).
pub struct RetryService<S, C: Clock = SystemClock, K = ByType, R = ByClone> {
    inner: S,
    shared: Arc<Shared<C, K, R>>,
    /// Whether the inner service was polled ready for the next call.
    is_inner_ready: bool,
}

impl<S, C: Clock + Clone, K: Clone, R> RetryService<S, C, K, R> {
    pub(super) fn new(inner: S, setup: Setup<C, K, R>) -> Self {
        let mut once = setup.strategy.clone();
        once.plan.max_attempts = Some(NonZeroU32::MIN);
        Self { inner, shared: Arc::new(Shared { setup, once }), is_inner_ready: false }
    }
}

impl<S, Request, C, K, R> Service<Request> for RetryService<S, C, K, R>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    Request: Send + 'static,
    C: Clock + 'static,
    K: Judge<S::Error> + Send + Sync + 'static,
    R: Repeat<Request> + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = RetryError<S::Error>;
    type Future = RetryFuture<S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.is_inner_ready = false;
        let strategy = &self.shared.setup.strategy;
        let breaker = strategy.breaker.as_ref();
        if breaker.is_some_and(|breaker| breaker.retry_after().is_some()) {
            return Poll::Ready(Ok(()));
        }
        let ready = ready!(self.inner.poll_ready(cx)).map_err(|source| {
            if let Some(breaker) = breaker {
                tell_unready(breaker, &strategy.judge, &source);
            }
            RetryError::OperationFailed { attempts: 0, source }
        });
        self.is_inner_ready = ready.is_ok();
        Poll::Ready(ready)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that was polled ready goes; a clone of it is not ready.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let is_ready = mem::take(&mut self.is_inner_ready);
        RetryFuture(Box::pin(drive(Arc::clone(&self.shared), ready, is_ready, request)))
    }
}

impl<S: Clone, C: Clock, K, R> Clone for RetryService<S, C, K, R> {
    fn clone(&self) -> Self {
        // That this one is ready does not make the other so.
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
            is_inner_ready: false,
        }
    }
}

impl<S: fmt::Debug, C: Clock, K, R> fmt::Debug for RetryService<S, C, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryService")
            .field("inner", &self.inner)
            .field("name", &self.shared.setup.name)
            .finish_non_exhaustive()
    }
}

/// The future of a call of a [`RetryService`].
#[must_use = "futures do nothing unless polled"]
pub struct RetryFuture<T, E>(Pin<Box<dyn Future<Output = Result<T, RetryError<E>>> + Send>>);

impl<T, E> Future for RetryFuture<T, E> {
    type Output = Result<T, RetryError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T, E> fmt::Debug for RetryFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").finish_non_exhaustive()
    }
}
