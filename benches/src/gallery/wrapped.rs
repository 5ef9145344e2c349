//! tower-resilience's breaker around requests that are futures themselves.

use std::pin::Pin;

use tower::{ServiceExt as _, util::ServiceFn};
use tower_resilience_circuitbreaker::{CircuitBreaker, CircuitBreakerLayer, CircuitState, DefaultClassifier};

/// A request: it becomes its own answer.
pub(super) type Request = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>>;

/// What a request fails with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused;

/// The breaker of `layer`.
pub(super) struct Wrapped(CircuitBreaker<ServiceFn<fn(Request) -> Request>, DefaultClassifier>);

impl Wrapped {
    pub(super) fn new(layer: &CircuitBreakerLayer<DefaultClassifier>) -> Self {
        let identity: fn(Request) -> Request = |request| request;
        Self(layer.layer_fn(tower::service_fn(identity)))
    }

    /// Whether `request` was admitted; it is awaited.
    pub(super) async fn admits(&self, answer: Result<(), Refused>) -> bool {
        let answer = self.call(Box::pin(async move { answer })).await;
        !matches!(answer, Err(tower_resilience_circuitbreaker::CircuitBreakerError::OpenCircuit))
    }

    /// Carries out `request` when it is admitted.
    pub(super) fn call(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<(), tower_resilience_circuitbreaker::CircuitBreakerError<Refused>>> + use<> {
        self.0.clone().oneshot(request)
    }

    pub(super) fn state(&self) -> CircuitState {
        self.0.state_sync()
    }
}
