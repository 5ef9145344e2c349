//! The layer of attempts.

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

/// Repeats the calls of a service as a [`RetryStrategy`] says and pays for each retry from its budget, **without the breaker**
/// that the strategy may have: for stacks whose breaker is a layer of its own. Everything else is as with
/// [`GuardLayer`](super::GuardLayer), which asks it.
///
/// Around a [`CircuitBreakerLayer`](super::CircuitBreakerLayer) it needs to be told that a refusal is final, as below: to retry
/// one is to ask the same breaker again.
///
/// # Examples
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use syncline_resilience::{
///     CircuitBreaker, RetryCondition, RetryStrategy,
///     breaker::CallError,
///     tower::{CircuitBreakerLayer, RetryLayer},
/// };
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let is_asked = RetryCondition::Custom(Arc::new(|error| {
///     let error = error.downcast_ref::<CallError<std::io::Error>>();
///     error.is_some_and(|error| !error.is_rejected())
/// }));
/// let mut service = ServiceBuilder::new()
///     .layer(RetryLayer::new(RetryStrategy::new().with_retry_condition(is_asked)))
///     .layer(CircuitBreakerLayer::new(Arc::new(CircuitBreaker::new())))
///     .service(tower::service_fn(|name: &'static str| async move { Ok::<_, std::io::Error>(name.len()) }));
/// assert_eq!(service.ready().await.unwrap().call("hello").await.unwrap(), 5);
/// # });
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RetryLayer<C: Clock = SystemClock, K = ByType, R = ByClone> {
    setup: Setup<C, K, R>,
}

impl<C: Clock, K> RetryLayer<C, K> {
    /// Calls repeated as `strategy` says, whose requests are cloned.
    pub fn new(strategy: RetryStrategy<C, K>) -> Self {
        let strategy = RetryStrategy { breaker: None, ..strategy };
        Self { setup: Setup { strategy, name: None, repeat: ByClone } }
    }
}

impl<C: Clock, K, R> RetryLayer<C, K, R> {
    /// What spans and metrics call the operations.
    pub fn with_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.setup.name = Some(name.into());
        self
    }

    /// Makes requests again by `clone_request`, a [`Repeat`](super::Repeat): `None` is for those that cannot be sent twice,
    /// which have one attempt.
    pub fn clone_request<F>(self, clone_request: F) -> RetryLayer<C, K, F> {
        RetryLayer { setup: self.setup.with_repeat(clone_request) }
    }
}

impl<S, C, K, R> Layer<S> for RetryLayer<C, K, R>
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
