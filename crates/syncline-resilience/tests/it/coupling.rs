//! Strategies with a breaker and a budget.

use std::{
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use syncline_resilience::{
    CircuitBreaker, Class, MockClock, RetryBudget, RetryError, RetryStrategy, StoppedBy,
    breaker::CallError,
    guard::{Answer, Next},
    retry::CircuitState,
};

use crate::support::{Calls, drive, three_attempts};

fn breaker(clock: &MockClock, failures: u32) -> Arc<CircuitBreaker<MockClock>> {
    Arc::new(CircuitBreaker::with_clock(clock.clone()).with_failure_threshold(failures))
}

/// A budget of `tokens` that never refills.
fn tokens(clock: &MockClock, tokens: u32) -> Arc<RetryBudget<MockClock>> {
    Arc::new(RetryBudget::with_clock(tokens, 0.0, clock.clone()))
}

/// Trap 55: a breaker around the retries sees one failure where there were three.
#[test]
fn each_attempt_is_judged_by_the_breaker() {
    let clock = MockClock::new();
    let breaker = breaker(&clock, 10);
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone());
    drive(&clock, strategy.execute(|| async { Err::<(), _>("no") })).unwrap_err();
    assert_eq!(breaker.stats().failure_count, 3);
}

/// Trap 27: an open breaker is retried and paid for.
#[test]
fn an_open_breaker_costs_one_look() {
    let clock = MockClock::new();
    let (breaker, budget) = (breaker(&clock, 1), tokens(&clock, 5));
    breaker.record_failure();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone()).with_budget(budget.clone());
    let (result, metrics) =
        drive(&clock, strategy.execute_with_metrics("open", || async { Err::<(), _>(calls.note()) }));
    assert_eq!(result.unwrap_err(), RetryError::CircuitBreakerOpen);
    assert_eq!(
        (calls.count(), metrics.attempts, metrics.total_delay, budget.available()),
        (0, 0, Duration::ZERO, 5)
    );
}

#[test]
fn a_breaker_that_opens_meanwhile_ends_it_with_the_last_error_and_no_sleep() {
    let clock = MockClock::new();
    let (breaker, budget) = (breaker(&clock, 2), tokens(&clock, 5));
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker).with_budget(budget.clone());
    let error = drive(&clock, strategy.execute(|| async { Err::<(), _>(calls.note()) })).unwrap_err();
    let expected = RetryError::AttemptsExhausted { attempts: 2, source: 2, stopped_by: StoppedBy::CircuitBreaker };
    assert_eq!(error, expected);
    assert_eq!((calls.at_ms(), budget.available()), (vec![0, 100], 4));
}

/// Trap 26: refusals of our own are counted as failures of the other side.
#[test]
fn a_refusal_inside_is_no_failure_outside() {
    let clock = MockClock::new();
    let (outside, inside) = (breaker(&clock, 5), breaker(&clock, 1));
    inside.record_failure();
    let outer = three_attempts(&clock).with_circuit_breaker(outside.clone());
    let inner = three_attempts(&clock).with_circuit_breaker(inside);
    let calls = Calls::on(&clock);
    let result = drive(
        &clock,
        outer.execute(|| async {
            calls.note();
            inner.execute(|| async { Err::<(), _>(String::new()) }).await
        }),
    );
    assert_eq!(
        result.unwrap_err(),
        RetryError::OperationFailed { attempts: 1, source: RetryError::CircuitBreakerOpen }
    );
    assert_eq!((calls.count(), outside.stats().failure_count), (1, 0));
}

/// Trap 25: an ignored error closes the circuit, or opens it.
#[test]
fn a_failure_that_says_nothing_of_its_health_leaves_a_half_open_breaker_as_it_is() {
    let clock = MockClock::new();
    let breaker = breaker(&clock, 1);
    breaker.record_failure();
    clock.advance(Duration::from_secs(60));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone());
    drive(&clock, strategy.execute_classified(|_| Class::Permanent, || async { Err::<(), _>("bad input") }))
        .unwrap_err();
    let stats = breaker.stats();
    assert_eq!((stats.state, stats.half_open_requests, stats.success_count), (CircuitState::HalfOpen, 0, 0));
}

/// Trap 14: a cancelled caller takes its permit along.
#[test]
fn a_cancelled_operation_leaves_nothing_behind() {
    let clock = MockClock::new();
    let (breaker, budget) = (breaker(&clock, 1), tokens(&clock, 5));
    breaker.record_failure();
    clock.advance(Duration::from_secs(60));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone()).with_budget(budget.clone());
    {
        let mut operation = pin!(strategy.execute(pending::<Result<(), String>>));
        assert!(operation.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(breaker.stats().half_open_requests, 1);
    }
    assert_eq!((breaker.stats().half_open_requests, budget.available(), clock.sleepers()), (0, 5, 0));
}

/// Trap 16: a callback that panics takes the permit along.
#[test]
fn a_panicking_judge_or_operation_gives_its_permit_back() {
    let clock = MockClock::new();
    let breaker = breaker(&clock, 1);
    breaker.record_failure();
    clock.advance(Duration::from_secs(60));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone());
    let judge = |_: &&str| -> Class { panic!("judge") };
    let judged = || drive(&clock, strategy.execute_classified(judge, || async { Err::<(), _>("no") }));
    assert!(catch_unwind(AssertUnwindSafe(judged)).is_err());
    let operated = || strategy.execute_sync(|| -> Result<(), String> { panic!("operation") });
    assert!(catch_unwind(AssertUnwindSafe(operated)).is_err());
    assert_eq!(breaker.stats().half_open_requests, 0);
    assert!(breaker.should_allow_request());
}

#[test]
fn a_retry_is_paid_for_and_a_first_attempt_is_not() {
    let clock = MockClock::new();
    let budget = tokens(&clock, 3);
    let strategy = three_attempts(&clock).with_budget(budget.clone());
    drive(&clock, strategy.execute(|| async { Ok::<_, String>(()) })).unwrap();
    assert_eq!(budget.available(), 3);
    drive(&clock, strategy.execute(|| async { Err::<(), _>("no") })).unwrap_err();
    assert_eq!(budget.available(), 1);
    let error = drive(&clock, strategy.execute(|| async { Err::<(), _>("no") })).unwrap_err();
    let expected = RetryError::AttemptsExhausted { attempts: 2, source: "no", stopped_by: StoppedBy::Budget };
    assert_eq!((error, budget.available()), (expected, 0));
}

/// Trap 51: a budget that is asked after the sleep does not see the retries that sleep.
#[test]
fn retries_that_sleep_are_paid_for() {
    let clock = MockClock::new();
    let budget = tokens(&clock, 20);
    let strategy = RetryStrategy::with_clock(clock.clone()).with_budget(budget);
    let mut cx = Context::from_waker(Waker::noop());
    let mut operations: Vec<_> = (0..1_000)
        .map(|_| Box::pin(strategy.execute(|| async { Err::<(), _>("down") })))
        .collect();
    let waiting = operations.iter_mut().filter_map(|operation| {
        let polled = operation.as_mut().poll(&mut cx);
        polled.is_pending().then_some(())
    });
    assert_eq!(waiting.count(), 20);
    assert_eq!(clock.sleepers(), 20);
}

/// What went wrong: a budget heard of a failure only where it was asked for a token, so that a last attempt was no failure to
/// it: a throttle stayed open, and an outage counted as quiet.
#[test]
fn a_budget_hears_of_failures_that_no_retry_follows() {
    let clock = MockClock::new();
    let once = |budget: &Arc<RetryBudget<MockClock>>| {
        let strategy = RetryStrategy::with_clock(clock.clone()).with_max_attempts(1).unwrap();
        let strategy = strategy.with_budget(budget.clone());
        drive(&clock, strategy.execute(|| async { Err::<(), _>("down") })).unwrap_err();
    };
    let throttle = Arc::new(RetryBudget::grpc_with_clock(10, 0.1, clock.clone()));
    (0..5).for_each(|_| once(&throttle));
    assert_eq!(throttle.available(), 0);

    let savings = Arc::new(RetryBudget::saved_with_clock(3, 0.0, Duration::from_secs(10), clock.clone()));
    assert!(savings.try_acquire_multiple(3));
    for _ in 0..5 {
        clock.advance(Duration::from_secs(9));
        once(&savings);
    }
    assert_eq!((savings.available(), savings.denied_total()), (0, 0));
    clock.advance(Duration::from_secs(10));
    assert_eq!(savings.available(), 3);
    once(&savings);
    assert_eq!(savings.available(), 3, "what time has forgiven is not owed again");
}

/// Trap 28: an operation inside an attempt asks the same half-open breaker and waits for itself.
#[test]
fn the_same_breaker_inside_is_refused_and_does_not_hang() {
    let clock = MockClock::new();
    let breaker = breaker(&clock, 1);
    breaker.record_failure();
    clock.advance(Duration::from_secs(60));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker);
    let result = drive(
        &clock,
        strategy.execute_classified(
            |error: &RetryError<String>| if error.is_denial() { Class::Permanent } else { Class::Transient },
            || strategy.execute(|| async { Ok::<_, String>(()) }),
        ),
    );
    assert_eq!(result.unwrap_err().into_source(), Some(RetryError::CircuitBreakerOpen));
}

/// What went wrong: while another request was the probe of a half-open breaker, a failure was given up at once, as if that
/// probe would last for its whole lease.
#[test]
fn a_probe_of_another_does_not_end_the_retrying() {
    let clock = MockClock::new();
    let breaker = Arc::new(
        CircuitBreaker::with_clock(clock.clone())
            .with_failure_threshold(1)
            .with_success_threshold(1),
    );
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker.clone());
    let mut guard = strategy.guard::<&str>();
    let admitted = guard.admit().unwrap();
    breaker.record_failure();
    clock.advance(Duration::from_secs(60));
    let probe = breaker.try_acquire().unwrap();
    let Next::Wait(delay) = guard.settle(admitted, Answer::<(), _>::Err("late"), strategy.judge()) else {
        panic!("given up for a probe that may answer at any moment");
    };
    probe.success();
    clock.advance(delay);
    let admitted = guard.admit().unwrap();
    assert!(matches!(guard.settle(admitted, Answer::Ok(()), strategy.judge()), Next::Done(())));
}

/// What went wrong: a breaker that was asked by the operation itself refused, and its refusal was retried as if the other side
/// had failed.
#[test]
fn a_refusal_by_a_breaker_of_the_operations_own_is_not_retried() {
    let clock = MockClock::new();
    let (inside, outside) = (breaker(&clock, 1), breaker(&clock, 5));
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock).with_circuit_breaker(outside.clone());
    let call = || {
        inside.call(async {
            calls.note();
            Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset))
        })
    };
    let error = drive(&clock, strategy.execute(call)).unwrap_err();
    // The first call opened it, and the second was refused.
    assert!(
        matches!(error, RetryError::OperationFailed { attempts: 2, source: CallError::Rejected(_) }),
        "{error:?}"
    );
    assert_eq!((calls.count(), inside.stats().rejected_total, outside.stats().failure_count), (1, 1, 1));
}
