//! Results, and what opens it.

use std::{
    sync::{Arc, Barrier, Mutex},
    thread,
};

use super::{CircuitState, Duration, MS, TIMEOUT, breaker, recovering};
use crate::{CircuitBreaker, MockClock, breaker::TransitionReason};

/// Trap 21: what a window holds from before the outage opens it again.
#[test]
fn a_closed_breaker_begins_with_an_empty_window() {
    let clock = MockClock::new();
    let breaker = CircuitBreaker::with_clock(clock.clone())
        .without_failure_threshold()
        .with_count_window(10, 4, 0.5)
        .with_timeout(MS)
        .with_success_threshold(1);
    (0..4).for_each(|_| breaker.try_acquire().unwrap().failure());
    assert_eq!(breaker.state(), CircuitState::Open);
    clock.advance(MS);
    breaker.try_acquire().unwrap().success();
    (0..3).for_each(|_| breaker.try_acquire().unwrap().failure());
    assert_eq!((breaker.state(), breaker.stats().failure_rate), (CircuitState::Closed, Some(1.0)));
}

/// Trap 23: several that fail at once are each told as the one that opened it.
#[test]
fn of_failures_that_race_one_opens_it() {
    for _ in 0..50 {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (breaker, _clock) = breaker();
        let heard = Arc::clone(&told);
        let breaker = breaker.with_listener(move |transition| heard.lock().unwrap().push(transition.reason));
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let permit = breaker.try_acquire();
                    start.wait();
                    permit.unwrap().failure();
                });
            }
        });
        assert_eq!(*told.lock().unwrap(), [TransitionReason::ConsecutiveFailures]);
        assert_eq!((breaker.stats().opened_total, breaker.stats().stale_total), (1, 7));
    }
}

/// Trap 25: what says nothing counts as a success, or as a failure.
#[test]
fn what_is_ignored_is_neither_a_success_nor_a_failure() {
    let (breaker, _clock) = recovering();
    breaker.try_acquire().unwrap().ignore();
    let stats = breaker.stats();
    assert_eq!((stats.state, stats.half_open_requests, stats.success_count), (CircuitState::HalfOpen, 0, 0));
    let (breaker, _clock) = super::breaker();
    let breaker = breaker.with_failure_threshold(3).with_count_window(10, 1, 1.0);
    breaker.try_acquire().unwrap().ignore();
    assert_eq!(breaker.stats().failure_rate, None);
    let breaker = breaker.with_count_window(10, 10, 1.0);
    breaker.record_failure();
    breaker.record_ignored();
    assert_eq!((breaker.stats().failure_count, breaker.stats().failure_rate), (1, Some(1.0)));
}

/// Trap 29: a window that is not one counts since the last transition, so that a good past hides a bad present.
#[test]
fn the_last_ten_count_and_not_the_thousand_before() {
    for size in [10, 100] {
        let breaker = CircuitBreaker::new().without_failure_threshold().with_count_window(size, 10, 0.5);
        (0..1_000).for_each(|_| breaker.try_acquire().unwrap().success());
        let opened_by = (1..=100).find(|_| {
            breaker.record_failure();
            breaker.state() == CircuitState::Open
        });
        assert_eq!(opened_by, Some(size / 2));
        assert_eq!(breaker.stats().failure_count, size / 2);
    }
}

/// Trap 30: a window judges only when it is full.
#[test]
fn four_failures_of_four_open_a_window_of_a_hundred() {
    let breaker = CircuitBreaker::new().without_failure_threshold().with_count_window(100, 4, 0.5);
    (0..3).for_each(|_| breaker.record_failure());
    assert_eq!(breaker.state(), CircuitState::Closed);
    breaker.record_failure();
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn calls_that_are_slow_open_it_and_a_slow_probe_does_again() {
    let (breaker, clock) = breaker();
    let breaker = breaker.with_slow_call(Duration::from_secs(1), 0.5).with_count_window(4, 4, 1.0);
    let call = |took| {
        let permit = breaker.try_acquire().unwrap();
        clock.advance(took);
        permit.success();
    };
    [0, 1_000, 0].into_iter().for_each(|ms| call(ms * MS));
    assert_eq!((breaker.state(), breaker.stats().slow_call_rate), (CircuitState::Closed, Some(1.0 / 3.0)));
    call(Duration::from_secs(1));
    assert_eq!(breaker.state(), CircuitState::Open);
    clock.advance(TIMEOUT);
    call(Duration::from_secs(1));
    assert_eq!((breaker.state(), breaker.stats().opened_total), (CircuitState::Open, 2));
}
