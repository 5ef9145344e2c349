//! A breaker before a service.

use std::{sync::Arc, task::Poll, time::Duration};

use syncline_resilience::{
    CircuitBreaker, Class, MockClock, RetryCondition, RetryError,
    breaker::{CallError, CircuitState},
    tower::{CircuitBreakerLayer, RetryLayer},
};
use tower::{Layer, ServiceBuilder};
use tower_test::mock;

use crate::support::{Down, Flaky, assert_send, call, drive, poll, three_attempts};

fn breaker(clock: &MockClock) -> Arc<CircuitBreaker<MockClock>> {
    Arc::new(
        CircuitBreaker::with_clock(clock.clone())
            .with_failure_threshold(2)
            .with_success_threshold(1),
    )
}

#[test]
fn failures_open_it_and_a_probe_closes_it() {
    let clock = MockClock::new();
    let breaker = breaker(&clock);
    let mut service = CircuitBreakerLayer::new(breaker.clone()).layer(Flaky::failing(2));
    for number in 1..=2 {
        assert_eq!(drive(&clock, call(&mut service, ())), Err(CallError::Inner(Down(number))));
    }
    assert!(drive(&clock, call(&mut service, ())).unwrap_err().is_rejected());
    clock.advance(Duration::from_secs(60));
    assert_eq!(drive(&clock, call(&mut service, ())), Ok(3));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn an_open_breaker_refuses_at_once_though_the_service_is_not_ready() {
    let clock = MockClock::new();
    let breaker = breaker(&clock);
    let (mut service, mut handle) = mock::spawn_layer::<(), (), _>(CircuitBreakerLayer::new(breaker.clone()));
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    breaker.force_open();
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    assert!(drive(&clock, service.call(())).unwrap_err().is_rejected());
}

/// Trap 65, of a breaker: it was refused readiness, and then admits.
#[test]
fn a_service_that_was_not_polled_ready_is_not_called() {
    let clock = MockClock::new();
    let breaker = breaker(&clock);
    let flaky = Flaky::failing(0);
    let counts = flaky.counts.clone();
    let mut service = CircuitBreakerLayer::new(breaker.clone()).layer(flaky);
    breaker.record_failure();
    breaker.record_failure();
    let refused = {
        let ready = tower::Service::<()>::poll_ready(
            &mut service,
            &mut std::task::Context::from_waker(std::task::Waker::noop()),
        );
        assert!(matches!(ready, Poll::Ready(Ok(()))));
        clock.advance(Duration::from_secs(60));
        tower::Service::call(&mut service, ())
    };
    assert!(drive(&clock, refused).unwrap_err().is_rejected());
    assert_eq!((counts.both(), breaker.stats().half_open_requests), ((0, 0), 0));
    assert_eq!(drive(&clock, call(&mut service, ())), Ok(1));
}

#[test]
fn an_error_of_readiness_is_a_failure() {
    let clock = MockClock::new();
    let breaker = breaker(&clock);
    let (mut service, mut handle) = mock::spawn_layer::<(), (), _>(CircuitBreakerLayer::new(breaker.clone()));
    handle.send_error("gone");
    assert!(matches!(service.poll_ready(), Poll::Ready(Err(CallError::Inner(_)))));
    assert_eq!(breaker.stats().failure_count, 1);
}

#[test]
fn an_error_that_says_nothing_of_its_health_is_ignored() {
    let clock = MockClock::new();
    let breaker = breaker(&clock);
    let judge = |error: &Down| if error.0 == 1 { Class::Permanent } else { Class::Transient };
    let mut service = CircuitBreakerLayer::new(breaker.clone()).with_judge(judge).layer(Flaky::failing(9));
    drive(&clock, call(&mut service, ())).unwrap_err();
    assert_eq!(breaker.stats().failure_count, 0);
    drive(&clock, call(&mut service, ())).unwrap_err();
    assert_eq!(breaker.stats().failure_count, 1);
}

#[test]
fn a_call_that_is_dropped_gives_its_probe_back() {
    let clock = MockClock::new();
    let breaker = breaker(&clock);
    breaker.record_failure();
    breaker.record_failure();
    clock.advance(Duration::from_secs(60));
    let (mut service, mut handle) = mock::spawn_layer::<(), (), _>(CircuitBreakerLayer::new(breaker.clone()));
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    let mut response = Box::pin(service.call(()));
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!(breaker.stats().half_open_requests, 1);
    drop(response);
    assert_eq!(breaker.stats().half_open_requests, 0);
}

/// Trap 27, in a stack of layers: the refusal of a breaker is retried.
#[test]
fn a_refusal_inside_of_retries_ends_them() {
    #[derive(Debug)]
    struct Inside;
    impl std::fmt::Display for Inside {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("inside")
        }
    }
    impl std::error::Error for Inside {}
    let clock = MockClock::new();
    let breaker = breaker(&clock);
    let is_asked = RetryCondition::Custom(Arc::new(|error| {
        error.downcast_ref::<CallError<Inside>>().is_some_and(|error| !error.is_rejected())
    }));
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(three_attempts(&clock).with_retry_condition(is_asked)))
        .layer(CircuitBreakerLayer::new(breaker.clone()))
        .service(tower::service_fn(|()| async { Err::<(), _>(Inside) }));
    let error = drive(&clock, call(&mut service, ())).unwrap_err();
    assert!(
        matches!(error, RetryError::OperationFailed { attempts: 3, source: CallError::Rejected(_) }),
        "{error:?}"
    );
    assert_eq!(breaker.stats().rejected_total, 1);
}

#[test]
fn services_are_cloned_and_their_futures_sent_where_the_inner_ones_are() {
    let clock = MockClock::new();
    let mut service = CircuitBreakerLayer::new(breaker(&clock)).layer(Flaky::failing(0));
    let response = call(&mut service, ());
    assert_send(&response);
    assert_eq!(drive(&clock, call(&mut service.clone(), ())), Ok(2));
    let mut local = CircuitBreakerLayer::new(breaker(&clock)).layer(tower::service_fn(|()| {
        let local = std::rc::Rc::new(5);
        async move { Ok::<_, Down>(*local) }
    }));
    assert_eq!(drive(&clock, call(&mut local, ())), Ok(5));
}
