//! A budget before a service.

use std::{pin::pin, sync::Arc, task::Poll};

use syncline_resilience::{MockClock, RetryBudget, RetryError, tower::RetryBudgetLayer};
use tower::Layer;
use tower_test::mock;

use crate::support::{Down, Flaky, assert_send, call, drive, poll};

fn tokens(clock: &MockClock, tokens: u32) -> Arc<RetryBudget<MockClock>> {
    Arc::new(RetryBudget::with_clock(tokens, 0.0, clock.clone()).with_deposit_ratio(0.5))
}

#[test]
fn each_call_takes_a_token_or_is_refused() {
    let clock = MockClock::new();
    let budget = tokens(&clock, 2);
    let flaky = Flaky::failing(9);
    let counts = flaky.counts.clone();
    let mut service = RetryBudgetLayer::new(budget).layer(flaky);
    for number in 1..=2 {
        let expected = RetryError::OperationFailed { attempts: 1, source: Down(number) };
        assert_eq!(drive(&clock, call(&mut service, ())), Err(expected));
    }
    assert_eq!(drive(&clock, call(&mut service, ())), Err(RetryError::BudgetExhausted));
    assert_eq!(counts.both().1, 2);
}

#[test]
fn two_successes_earn_a_call() {
    let clock = MockClock::new();
    let budget = tokens(&clock, 2);
    let mut service = RetryBudgetLayer::new(budget.clone()).layer(Flaky::failing(0));
    drive(&clock, call(&mut service, ())).unwrap();
    drive(&clock, call(&mut service, ())).unwrap();
    assert_eq!(budget.available(), 1);
}

#[test]
fn a_call_that_is_dropped_has_spent_its_token() {
    let clock = MockClock::new();
    let budget = tokens(&clock, 2);
    let (mut service, mut handle) = mock::spawn_layer::<(), (), _>(RetryBudgetLayer::new(budget.clone()));
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    drop(service.call(()));
    assert_eq!(budget.available(), 1);
}

#[test]
fn a_refusal_is_told_once_and_its_future_is_sent() {
    let clock = MockClock::new();
    let mut service = RetryBudgetLayer::new(tokens(&clock, 0)).layer(Flaky::failing(0)).clone();
    let response = call(&mut service, ());
    assert_send(&response);
    let mut response = pin!(response);
    assert_eq!(poll(response.as_mut()), Poll::Ready(Err(RetryError::BudgetExhausted)));
    assert!(poll(response).is_pending());
}
