//! Retries and everything around them.

use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use syncline_resilience::{
    CircuitBreaker, MockClock, RetryBudget, RetryError, StoppedBy,
    tower::{GuardLayer, RetryLayer},
};
use tower::{Layer, ServiceBuilder};
use tower_test::mock;

use crate::support::{Down, Flaky, assert_send, call, drive, poll, three_attempts};

#[test]
fn a_call_is_repeated_until_it_succeeds() {
    let clock = MockClock::new();
    let mut service = RetryLayer::new(three_attempts(&clock)).layer(Flaky::failing(2));
    assert_eq!(drive(&clock, call(&mut service, "request")), Ok(3));
}

#[test]
fn the_last_error_comes_back_without_being_cloned() {
    let clock = MockClock::new();
    let mut service = RetryLayer::new(three_attempts(&clock)).layer(Flaky::failing(9));
    let expected = RetryError::AttemptsExhausted { attempts: 3, source: Down(3), stopped_by: StoppedBy::MaxAttempts };
    assert_eq!(drive(&clock, call(&mut service, "request")), Err(expected));
}

/// Trap 65: the first call consumes the readiness, and retries are sent to a service that is not ready.
#[test]
fn each_attempt_is_polled_ready_on_the_service_that_it_calls() {
    let clock = MockClock::new();
    let flaky = Flaky::failing(2);
    let counts = flaky.counts.clone();
    let mut service = GuardLayer::new(three_attempts(&clock)).layer(flaky);
    drive(&clock, call(&mut service, "request")).unwrap();
    assert_eq!(counts.both(), (3, 3));
}

/// Trap 65, with the mock of tower, which panics when it is called unready and has readiness for one call at a time.
#[tokio::test]
async fn a_retry_waits_for_the_service_to_be_ready_again() {
    let clock = MockClock::new();
    let (mut service, mut handle) = mock::spawn_layer::<&str, &str, _>(RetryLayer::new(three_attempts(&clock)));
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    let mut response = pin!(service.call("request"));
    assert!(poll(response.as_mut()).is_pending());
    let (_, first) = handle.next_request().await.unwrap();
    first.send_error("down");
    assert!(poll(response.as_mut()).is_pending());
    clock.advance(Duration::from_millis(100));
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!(clock.sleepers(), 0, "it waits for readiness, not for time");
    handle.allow(1);
    assert!(poll(response.as_mut()).is_pending());
    let (request, second) = handle.next_request().await.unwrap();
    assert_eq!(request, "request");
    second.send_response("answer");
    assert!(matches!(poll(response.as_mut()), Poll::Ready(Ok("answer"))));
}

#[tokio::test]
async fn a_retry_whose_service_never_is_ready_ends_at_its_timeout() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock).with_timeout(Duration::from_secs(5));
    let (mut service, mut handle) = mock::spawn_layer::<&str, &str, _>(GuardLayer::new(strategy));
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    let mut response = pin!(service.call("request"));
    assert!(poll(response.as_mut()).is_pending());
    handle.next_request().await.unwrap().1.send_error("down");
    let error = drive(&clock, response).unwrap_err();
    assert!(matches!(error, RetryError::Timeout { attempts: 2, source: Some(_), .. }), "{error:?}");
}

#[test]
fn an_error_of_readiness_ends_the_call_before_its_first_attempt() {
    let clock = MockClock::new();
    let (mut service, mut handle) = mock::spawn_layer::<&str, &str, _>(GuardLayer::new(three_attempts(&clock)));
    handle.send_error("gone");
    let Poll::Ready(Err(error)) = service.poll_ready() else { panic!("it is ready") };
    assert!(matches!(error, RetryError::OperationFailed { attempts: 0, .. }), "{error:?}");
}

#[test]
fn an_open_breaker_refuses_at_once_though_the_guarded_service_is_not_ready() {
    let clock = MockClock::new();
    let breaker = Arc::new(CircuitBreaker::with_clock(clock.clone()).with_failure_threshold(1));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone());
    let (mut service, mut handle) = mock::spawn_layer::<&str, &str, _>(GuardLayer::new(strategy));
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    breaker.record_failure();
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    let refused = service.call("request");
    assert!(matches!(drive(&clock, refused), Err(RetryError::CircuitBreakerOpen)));
}

/// The breaker begins to admit between the readiness that it granted and the call.
#[tokio::test]
async fn a_probe_waits_for_the_service_to_be_ready() {
    let clock = MockClock::new();
    let breaker = Arc::new(CircuitBreaker::with_clock(clock.clone()).with_failure_threshold(1));
    breaker.record_failure();
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone());
    let (mut service, mut handle) = mock::spawn_layer::<&str, &str, _>(GuardLayer::new(strategy));
    handle.allow(0);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    clock.advance(Duration::from_secs(60));
    let mut response = pin!(service.call("request"));
    assert!(poll(response.as_mut()).is_pending());
    handle.allow(1);
    assert!(poll(response.as_mut()).is_pending());
    handle.next_request().await.unwrap().1.send_response("answer");
    assert!(matches!(poll(response.as_mut()), Poll::Ready(Ok("answer"))));
}

#[test]
fn an_error_of_readiness_is_told_to_the_breaker() {
    let clock = MockClock::new();
    let breaker = Arc::new(CircuitBreaker::with_clock(clock.clone()));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone());
    let (mut service, mut handle) = mock::spawn_layer::<&str, &str, _>(GuardLayer::new(strategy));
    handle.send_error("gone");
    assert!(matches!(service.poll_ready(), Poll::Ready(Err(_))));
    assert_eq!(breaker.stats().failure_count, 1);
}

#[test]
fn a_request_that_cannot_be_sent_twice_has_one_attempt_and_pays_for_none() {
    let clock = MockClock::new();
    let budget = Arc::new(RetryBudget::with_clock(5, 0.0, clock.clone()));
    let layer = GuardLayer::new(three_attempts(&clock).with_budget(budget.clone()));
    let mut service = layer.clone_request(|_: &String| None).layer(Flaky::failing(9));
    let expected = RetryError::AttemptsExhausted { attempts: 1, source: Down(1), stopped_by: StoppedBy::MaxAttempts };
    assert_eq!(drive(&clock, call(&mut service, "a stream".to_owned())), Err(expected));
    assert_eq!(budget.available(), 5);
}

#[test]
fn a_request_that_can_be_repeated_once_is() {
    struct Request {
        copies: u32,
    }
    let clock = MockClock::new();
    let copy = |request: &Request| request.copies.checked_sub(1).map(|copies| Request { copies });
    let layer = RetryLayer::new(three_attempts(&clock)).clone_request(copy);
    let mut service = layer.layer(Flaky::failing(9));
    let expected = RetryError::AttemptsExhausted { attempts: 2, source: Down(2), stopped_by: StoppedBy::Caller };
    assert_eq!(drive(&clock, call(&mut service, Request { copies: 1 })), Err(expected));
}

#[test]
fn both_pay_for_retries_and_the_guard_alone_asks_the_breaker() {
    let clock = MockClock::new();
    let breaker = Arc::new(CircuitBreaker::with_clock(clock.clone()));
    let budget = Arc::new(RetryBudget::with_clock(3, 0.0, clock.clone()));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone()).with_budget(budget.clone());
    let mut alone = RetryLayer::new(strategy.clone()).layer(Flaky::failing(9));
    drive(&clock, call(&mut alone, ())).unwrap_err();
    assert_eq!((breaker.stats().failure_count, budget.available()), (0, 1));
    let mut guarded = GuardLayer::new(strategy).layer(Flaky::failing(9));
    let error = drive(&clock, call(&mut guarded, ())).unwrap_err();
    let expected = RetryError::AttemptsExhausted { attempts: 2, source: Down(2), stopped_by: StoppedBy::Budget };
    assert_eq!((error, breaker.stats().failure_count), (expected, 2));
    breaker.force_open();
    assert_eq!(drive(&clock, call(&mut guarded, ())), Err(RetryError::CircuitBreakerOpen));
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_its_probe_back() {
    let clock = MockClock::new();
    let breaker = Arc::new(CircuitBreaker::with_clock(clock.clone()).with_failure_threshold(1));
    breaker.record_failure();
    clock.advance(Duration::from_secs(60));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone());
    let (mut service, mut handle) = mock::spawn_layer::<&str, &str, _>(GuardLayer::new(strategy));
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    let mut response = Box::pin(service.call("request"));
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!(breaker.stats().half_open_requests, 1);
    drop(response);
    assert_eq!((breaker.stats().half_open_requests, clock.sleepers()), (0, 0));
}

#[test]
fn services_of_a_builder_are_cloned_and_their_futures_sent() {
    let clock = MockClock::new();
    let service = ServiceBuilder::new()
        .layer(GuardLayer::new(three_attempts(&clock)).with_name("built"))
        .service(Flaky::failing(1));
    let (mut first, mut second) = (service.clone(), service);
    assert_send(&first);
    let response = call(&mut first, ());
    assert_send(&response);
    assert_eq!(drive(&clock, response), Ok(2));
    assert_eq!(drive(&clock, call(&mut second, ())), Ok(3));
}

#[test]
fn two_calls_of_a_service_are_under_way_at_once() {
    let clock = MockClock::new();
    let mut service = RetryLayer::new(three_attempts(&clock)).layer(Flaky::failing(2));
    let (mut first, mut second) = (pin!(call(&mut service, ())), pin!(call(&mut service, ())));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    assert_eq!(clock.sleepers(), 2);
    clock.advance(Duration::from_millis(100));
    assert_eq!(poll(first), Poll::Ready(Ok(3)));
    assert_eq!(poll(second), Poll::Ready(Ok(4)));
}
