//! A breaker before a service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    ByType, CircuitBreaker, Class, Judge,
    breaker::{CallError, OwnedPermit, Rejected},
    time::{Clock, SystemClock},
};

/// Asks a [`CircuitBreaker`] before each call of a service, and tells it the result.
///
/// Its error is [`CallError`]. While the breaker refuses, the service is ready whatever the inner one is, so that its calls are
/// refused at once: one whose connection does not come back would otherwise keep its callers waiting. Who waits for the inner
/// one already is not woken. An error of the inner service's readiness counts as that of a call.
///
/// Errors that are [`Class::Permanent`] say nothing about the other side's health and are ignored; the others are failures. The
/// judge is [`ByType`], unless [`with_judge`](Self::with_judge) sets another.
///
/// # Cancel safety
///
/// Dropping the future of a call drops the inner one and gives the permit back.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use syncline_resilience::{CircuitBreaker, tower::CircuitBreakerLayer};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let breaker = Arc::new(CircuitBreaker::new().with_failure_threshold(1));
/// let mut service = ServiceBuilder::new()
///     .layer(CircuitBreakerLayer::new(breaker))
///     .service(tower::service_fn(|()| async { Err::<(), _>("down") }));
/// assert!(!service.ready().await.unwrap().call(()).await.unwrap_err().is_rejected());
/// assert!(service.ready().await.unwrap().call(()).await.unwrap_err().is_rejected());
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct CircuitBreakerLayer<C: Clock = SystemClock, K = ByType> {
    breaker: Arc<CircuitBreaker<C>>,
    judge: K,
}

impl<C: Clock> CircuitBreakerLayer<C> {
    /// Calls through `breaker`, which all services of the layer share.
    pub fn new(breaker: Arc<CircuitBreaker<C>>) -> Self {
        Self { breaker, judge: ByType }
    }
}

impl<C: Clock, K> CircuitBreakerLayer<C, K> {
    /// Which errors count, in place of what their types say. Functions from `&E` to [`Class`] are judges.
    pub fn with_judge<J>(self, judge: J) -> CircuitBreakerLayer<C, J> {
        CircuitBreakerLayer { breaker: self.breaker, judge }
    }
}

impl<S, C: Clock, K: Clone> Layer<S> for CircuitBreakerLayer<C, K> {
    type Service = BreakerService<S, C, K>;

    fn layer(&self, inner: S) -> Self::Service {
        let (breaker, judge) = (Arc::clone(&self.breaker), self.judge.clone());
        BreakerService { inner, breaker, judge, is_inner_ready: false }
    }
}

impl<C: Clock, K: Clone> Clone for CircuitBreakerLayer<C, K> {
    fn clone(&self) -> Self {
        Self { breaker: Arc::clone(&self.breaker), judge: self.judge.clone() }
    }
}

/// A service behind a breaker. Made by [`CircuitBreakerLayer`].
pub struct BreakerService<S, C: Clock = SystemClock, K = ByType> {
    inner: S,
    breaker: Arc<CircuitBreaker<C>>,
    judge: K,
    /// Whether the inner service was polled ready for the next call, rather than refused.
    is_inner_ready: bool,
}

impl<S, Request, C, K> Service<Request> for BreakerService<S, C, K>
where
    S: Service<Request>,
    C: Clock,
    K: Judge<S::Error> + Clone,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = BreakerFuture<S::Future, C, K>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.is_inner_ready = false;
        if self.breaker.retry_after().is_some() {
            return Poll::Ready(Ok(()));
        }
        let ready = ready!(self.inner.poll_ready(cx)).map_err(|error| {
            tell_unready(&self.breaker, &self.judge, &error);
            CallError::Inner(error)
        });
        self.is_inner_ready = ready.is_ok();
        Poll::Ready(ready)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let state = match self.breaker.try_acquire_owned() {
            Ok(permit) if self.is_inner_ready => {
                self.is_inner_ready = false;
                let future = self.inner.call(request);
                State::Asked { future, permit: Some(permit), judge: self.judge.clone() }
            }
            // It began to admit after it had refused to be polled ready: the next call will be.
            Ok(permit) => {
                let name = self.breaker.name().map(|name| name.to_owned().into());
                drop(permit);
                let rejected = Rejected { retry_after: Duration::ZERO, state: self.breaker.state(), name };
                State::Refused { rejected: Some(rejected) }
            }
            Err(rejected) => State::Refused { rejected: Some(rejected) },
        };
        BreakerFuture { state }
    }
}

impl<S: Clone, C: Clock, K: Clone> Clone for BreakerService<S, C, K> {
    fn clone(&self) -> Self {
        // That this one is ready does not make the other so.
        let (inner, breaker) = (self.inner.clone(), Arc::clone(&self.breaker));
        Self { inner, breaker, judge: self.judge.clone(), is_inner_ready: false }
    }
}

impl<S: fmt::Debug, C: Clock, K> fmt::Debug for BreakerService<S, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerService")
            .field("inner", &self.inner)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of a call of a [`BreakerService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BreakerFuture<F, C: Clock = SystemClock, K = ByType> {
        #[pin]
        state: State<F, C, K>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, C: Clock, K> {
        Asked {
            #[pin]
            future: F,
            // Told the result, then gone.
            permit: Option<OwnedPermit<C>>,
            judge: K,
        },
        Refused {
            rejected: Option<Rejected>,
        },
    }
}

impl<F, T, E, C, K> Future for BreakerFuture<F, C, K>
where
    F: Future<Output = Result<T, E>>,
    C: Clock,
    K: Judge<E>,
{
    type Output = Result<T, CallError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Asked { future, permit, judge } => {
                let result = ready!(future.poll(cx));
                if let Some(permit) = permit.take() {
                    tell(permit, judge, result.as_ref().map(|_| ()));
                }
                Poll::Ready(result.map_err(CallError::Inner))
            }
            // Polled again after it was ready, it never is.
            StateProjection::Refused { rejected } => match rejected.take() {
                Some(rejected) => Poll::Ready(Err(CallError::Rejected(rejected))),
                None => Poll::Pending,
            },
        }
    }
}

impl<F, C: Clock, K> fmt::Debug for BreakerFuture<F, C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerFuture").finish_non_exhaustive()
    }
}

/// An error of readiness counts as that of a call.
pub(super) fn tell_unready<E, C: Clock>(breaker: &Arc<CircuitBreaker<C>>, judge: &impl Judge<E>, error: &E) {
    if let Ok(permit) = breaker.try_acquire_owned() {
        tell(permit, judge, Err(error));
    }
}

fn tell<E, C: Clock>(permit: OwnedPermit<C>, judge: &impl Judge<E>, result: Result<(), &E>) {
    match result {
        Ok(()) => permit.success(),
        Err(error) if judge.judge(error) == Class::Permanent => permit.ignore(),
        Err(_) => permit.failure(),
    }
}
