//! A budget before a service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    RetryBudget, RetryError,
    time::{Clock, SystemClock},
};

/// Takes one token of a [`RetryBudget`] for **each** call of a service, or refuses it.
///
/// It is for services that carry extra load alone: the second leg of a hedge, the retries of a client that retries by itself
/// and sends them another way, prefetches. Around ordinary calls it would make first attempts pay, and refuse a busy and
/// healthy client; retries of this crate are paid for by [`GuardLayer`](super::GuardLayer).
///
/// Its error is [`RetryError`]: [`BudgetExhausted`](RetryError::BudgetExhausted) for a call that was refused, otherwise
/// [`OperationFailed`](RetryError::OperationFailed) with the service's own. A success credits the budget.
///
/// # Cancel safety
///
/// Dropping the future of a call drops the inner one. Its token stays spent: the load was there.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use syncline_resilience::{RetryBudget, RetryError, tower::RetryBudgetLayer};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut hedge = ServiceBuilder::new()
///     .layer(RetryBudgetLayer::new(Arc::new(RetryBudget::new(1, 0.0))))
///     .service(tower::service_fn(|()| async { Ok::<_, String>("answer") }));
/// assert_eq!(hedge.ready().await.unwrap().call(()).await, Ok("answer"));
/// assert_eq!(hedge.ready().await.unwrap().call(()).await, Err(RetryError::BudgetExhausted));
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RetryBudgetLayer<C: Clock = SystemClock> {
    budget: Arc<RetryBudget<C>>,
}

impl<C: Clock> RetryBudgetLayer<C> {
    /// Calls that are paid for from `budget`, which all services of the layer share.
    pub fn new(budget: Arc<RetryBudget<C>>) -> Self {
        Self { budget }
    }
}

impl<S, C: Clock> Layer<S> for RetryBudgetLayer<C> {
    type Service = BudgetService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        BudgetService { inner, budget: Arc::clone(&self.budget) }
    }
}

impl<C: Clock> Clone for RetryBudgetLayer<C> {
    fn clone(&self) -> Self {
        Self { budget: Arc::clone(&self.budget) }
    }
}

/// A service whose calls are paid for. Made by [`RetryBudgetLayer`].
#[derive(Debug)]
pub struct BudgetService<S, C: Clock = SystemClock> {
    inner: S,
    budget: Arc<RetryBudget<C>>,
}

impl<S, Request, C> Service<Request> for BudgetService<S, C>
where
    S: Service<Request>,
    C: Clock,
{
    type Response = S::Response;
    type Error = RetryError<S::Error>;
    type Future = BudgetFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let ready = self.inner.poll_ready(cx);
        ready.map_err(|source| RetryError::OperationFailed { attempts: 0, source })
    }

    /// A call that is refused leaves the inner service ready for the next one.
    fn call(&mut self, request: Request) -> Self::Future {
        let state = if self.budget.try_acquire() {
            State::Paid { future: self.inner.call(request), budget: Arc::clone(&self.budget) }
        } else {
            State::Refused { is_told: false }
        };
        BudgetFuture { state }
    }
}

impl<S: Clone, C: Clock> Clone for BudgetService<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), budget: Arc::clone(&self.budget) }
    }
}

pin_project! {
    /// The future of a call of a [`BudgetService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BudgetFuture<F, C: Clock = SystemClock> {
        #[pin]
        state: State<F, C>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, C: Clock> {
        Paid {
            #[pin]
            future: F,
            budget: Arc<RetryBudget<C>>,
        },
        Refused {
            is_told: bool,
        },
    }
}

impl<F, T, E, C> Future for BudgetFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Clock,
{
    type Output = Result<T, RetryError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Paid { future, budget } => {
                let result = ready!(future.poll(cx));
                if result.is_ok() {
                    budget.succeeded();
                }
                Poll::Ready(result.map_err(|source| RetryError::OperationFailed { attempts: 1, source }))
            }
            // Polled again after it was ready, it never is.
            StateProjection::Refused { is_told: true } => Poll::Pending,
            StateProjection::Refused { is_told } => {
                *is_told = true;
                Poll::Ready(Err(RetryError::BudgetExhausted))
            }
        }
    }
}

impl<F, C: Clock> fmt::Debug for BudgetFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BudgetFuture").finish_non_exhaustive()
    }
}
