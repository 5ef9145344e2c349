//! The layer of everything.

use std::borrow::Cow;

use tower_layer::Layer;

use super::{
    repeat::ByClone,
    service::{RetryService, Setup},
};
use crate::{
    ByType, RetryStrategy,
    time::{Clock, SystemClock},
};

/// Makes each call of a service an operation of a [`RetryStrategy`], with the breaker and the budget that it couples.
///
/// Its error is [`RetryError`](crate::RetryError). While the breaker refuses, the service is ready whatever the inner one is, so
/// that calls are refused at once. Before a retry, the inner service's readiness is a part of the attempt, bound by its timeout,
/// and an error of it a failure of the attempt; before the first one nobody repeats it, and such an error is
/// [`OperationFailed`](crate::RetryError::OperationFailed) after 0 attempts.
///
/// # Cancel safety
///
/// Dropping the future drops the attempt under way or ends the sleep, and gives the breaker's permit back. A token that was
/// charged for a retry stays charged.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use syncline_resilience::{CircuitBreaker, RetryPolicies, tower::GuardLayer};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let breaker = Arc::new(CircuitBreaker::new().with_name("mail"));
/// let strategy = RetryPolicies::api_policy().with_circuit_breaker(breaker);
/// let mut service = ServiceBuilder::new()
///     .layer(GuardLayer::new(strategy).with_name("send"))
///     .service(tower::service_fn(|request: u32| async move { Ok::<_, String>(request * 2) }));
/// assert_eq!(service.ready().await.unwrap().call(21).await, Ok(42));
/// # });
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct GuardLayer<C: Clock = SystemClock, K = ByType, R = ByClone> {
    setup: Setup<C, K, R>,
}

impl<C: Clock, K> GuardLayer<C, K> {
    /// Calls as operations of `strategy`, whose requests are cloned.
    pub fn new(strategy: RetryStrategy<C, K>) -> Self {
        Self { setup: Setup { strategy, name: None, repeat: ByClone } }
    }
}

impl<C: Clock, K, R> GuardLayer<C, K, R> {
    /// What spans and metrics call the operations.
    pub fn with_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.setup.name = Some(name.into());
        self
    }

    /// Makes requests again by `clone_request`, a [`Repeat`](super::Repeat): `None` is for those that cannot be sent twice,
    /// which have one attempt.
    pub fn clone_request<F>(self, clone_request: F) -> GuardLayer<C, K, F> {
        GuardLayer { setup: self.setup.with_repeat(clone_request) }
    }
}

impl<S, C, K, R> Layer<S> for GuardLayer<C, K, R>
where
    C: Clock + Clone,
    K: Clone,
    R: Clone,
{
    type Service = RetryService<S, C, K, R>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryService::new(inner, self.setup.clone())
    }
}
