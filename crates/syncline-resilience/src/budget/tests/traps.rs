//! What others get wrong, by the numbers of the retry document.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{SEC, bucket, drain};
use crate::{
    Class, RetryBudget, RetryError, RetryStrategy, StoppedBy,
    guard::{Answer, Next},
    time::{Clock as _, Instant, MockClock},
};

/// Trap 14: a caller that is cancelled keeps what it had taken.
#[test]
fn a_dropped_lease_leaves_the_budget_full() {
    let (budget, _clock) = bucket(10, 0.0);
    drop(budget.try_lease(4));
    assert_eq!(budget.available(), 10);
    let _panic = catch_unwind(AssertUnwindSafe(|| {
        let _lease = budget.try_lease(4).unwrap();
        panic!("the operation panicked");
    }));
    assert_eq!(budget.available(), 10);
}

/// Trap 40: who looks often loses what came back since the last look.
#[test]
fn polling_loses_nothing() {
    let (budget, clock) = bucket(100, 10.0);
    assert!(budget.try_acquire_multiple(100));
    let mut taken = 0;
    for _ in 0..1_000_000 {
        clock.advance(Duration::from_micros(1));
        taken += u32::from(budget.try_acquire());
    }
    assert_eq!((taken, budget.available()), (10, 0));
}

/// Trap 41: rewards are lost when two threads add at once.
#[test]
fn threads_reward_exactly_what_they_earned() {
    const THREADS: u32 = 4;
    const REWARDS: u32 = 10_000;
    let (budget, _clock) = bucket(THREADS * REWARDS, 0.0);
    let budget = budget.with_deposit_ratio(0.3);
    assert!(budget.try_acquire_multiple(THREADS * REWARDS));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..REWARDS).for_each(|_| budget.succeeded()));
        }
    });
    assert_eq!(budget.available(), THREADS * REWARDS * 3 / 10);
}

/// Trap 41: a clock that steps back and forth is credited each time.
#[test]
fn a_clock_that_steps_back_credits_no_time_twice() {
    let (budget, clock) = bucket(10, 1.0);
    clock.set(Instant::from_origin(100 * SEC));
    assert_eq!(drain(&budget), 10);
    for _ in 0..5 {
        clock.set(Instant::from_origin(20 * SEC));
        assert_eq!((budget.available(), drain(&budget)), (0, 0));
        clock.set(Instant::from_origin(100 * SEC));
        assert_eq!((budget.available(), drain(&budget)), (0, 0));
    }
    clock.advance(SEC);
    assert_eq!(drain(&budget), 1);
}

/// Trap 42: who checks and then takes, takes what another has taken meanwhile.
#[test]
fn racing_threads_never_take_more_than_there_is() {
    for _ in 0..200 {
        let (budget, _clock) = bucket(5, 0.0);
        let taken: u32 = thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| drain(&budget)));
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 5);
    }
}

/// Trap 43: a part of a token is cut off, and a ratio of 0.3 is one of 0.
#[test]
fn a_thousand_deposits_are_a_thousand_times_the_ratio() {
    for (ratio, earned) in [(0.001, 1), (0.3, 300), (0.6, 600), (0.7, 700), (0.9, 900), (1.0, 1_000), (2.5, 2_500)] {
        for rate in [0.0, 3.0, 10.0, 1e3, 300_000.0, 1e6] {
            let (budget, _clock) = bucket(10_000, rate);
            let budget = budget.with_deposit_ratio(ratio);
            assert!(budget.try_acquire_multiple(10_000));
            (0..1_000).for_each(|_| budget.succeeded());
            assert!(budget.available().abs_diff(earned) <= 1, "{ratio} at {rate}/s: {}", budget.available());
        }
    }
}

/// Trap 44: each success earns a whole retry, so that retries may double the load.
#[test]
fn retries_are_at_most_the_ratio_of_the_successes() {
    let (budget, _clock) = bucket(10, 0.0);
    let budget = budget.with_deposit_ratio(0.1);
    let saved = drain(&budget);
    let retries: u32 = (0..10_000)
        .map(|_| {
            budget.succeeded();
            u32::from(budget.try_charge(Class::Transient))
        })
        .sum();
    assert_eq!((saved, retries), (10, 1_000));
}

/// Trap 45: first attempts are charged, and a busy client with a healthy server is refused.
#[test]
fn ten_thousand_first_attempts_cost_nothing() {
    let clock = MockClock::new();
    let budget = Arc::new(RetryBudget::with_clock(10, 0.0, clock.clone()));
    let strategy = RetryStrategy::with_clock(clock).with_budget(Arc::clone(&budget));
    let mut under_way: Vec<_> = (0..10_000).map(|_| strategy.guard::<&str>()).collect();
    let admitted: Vec<_> = under_way.iter_mut().map(|guard| guard.admit().unwrap()).collect();
    for (guard, admitted) in under_way.iter_mut().zip(admitted) {
        assert!(matches!(guard.settle(admitted, Answer::Ok(()), strategy.judge()), Next::Done(())));
    }
    assert_eq!((budget.available(), budget.denied_total(), budget.word.0.writes()), (10, 0, 0));
}

/// Trap 46: what is given back blindly makes tokens that never were.
#[test]
fn nothing_is_returned_beyond_the_capacity() {
    let (budget, clock) = bucket(10, 1.0);
    budget.return_tokens(1_000);
    assert_eq!((budget.available(), drain(&budget)), (10, 10));
    clock.advance(3 * SEC);
    budget.return_tokens(u32::MAX);
    assert_eq!((budget.available(), drain(&budget)), (10, 10));
}

/// Trap 47: tokens are given back on success alone, and each error leaks them.
#[test]
fn an_error_returns_what_was_not_spent() {
    let (budget, _clock) = bucket(10, 0.0);
    let operation = |budget: &RetryBudget<MockClock>| -> Result<(), &str> {
        let mut lease = budget.try_lease(3).ok_or("no budget")?;
        assert!(lease.spend() && lease.spend());
        Err("failed")
    };
    assert_eq!(operation(&budget), Err("failed"));
    assert_eq!(budget.available(), 8);
}

/// Trap 48: who asks for more than there can be waits for ever, or is told to wait.
#[test]
fn more_than_the_capacity_is_refused_and_nothing_is_granted() {
    let budgets: [fn(MockClock) -> RetryBudget<MockClock>; 5] = [
        |clock| RetryBudget::with_clock(5, 1.0, clock),
        |clock| RetryBudget::with_clock(5, 1e-3, clock),
        |clock| RetryBudget::saved_with_clock(5, 0.1, SEC, clock),
        |clock| RetryBudget::grpc_with_clock(12, 0.1, clock),
        RetryBudget::none_with_clock,
    ];
    for budget in budgets.map(|make| make(MockClock::new())) {
        let all = budget.available();
        assert!(!budget.try_acquire_multiple(all + 1) && !budget.try_acquire_multiple(u32::MAX), "{budget:?}");
        assert!(budget.try_acquire_multiple(0), "{budget:?}");
        assert_eq!((budget.available(), budget.word.0.writes()), (all, 0), "{budget:?}");
        assert!(budget.try_acquire_multiple(all), "{budget:?}");
        assert!(budget.try_acquire_multiple(0) && !budget.try_acquire(), "{budget:?}");
    }
}

/// Trap 49: a full bucket of n gives n - 1, or n + 1.
#[test]
fn exactly_the_capacity_is_there_at_once() {
    for capacity in [1, 2, 3, 10, 1_000] {
        for rate in [0.0, 0.1, 1.0, 7.0, 1e9] {
            let (budget, clock) = bucket(capacity, rate);
            assert_eq!(drain(&budget), capacity, "at {rate}/s");
            clock.advance(Duration::from_secs(3_600_000));
            assert_eq!(drain(&budget), if rate == 0.0 { 0 } else { capacity }, "at {rate}/s");
        }
    }
}

/// Trap 50: a rate that is no number panics, or refills at once.
#[test]
fn a_rate_that_makes_no_sense_is_none_or_is_refused() {
    for (rate, effective, is_taken) in [
        (f64::NAN, 0.0, false),
        (-1.0, 0.0, false),
        (f64::NEG_INFINITY, 0.0, false),
        (f64::INFINITY, 1e9, false),
        (1e9 + 1.0, 1e9, false),
        (f64::MAX, 1e9, false),
        (1e-12, 0.0, false),
        (f64::MIN_POSITIVE, 0.0, false),
        (0.0, 0.0, true),
        (-0.0, 0.0, true),
        (1e9, 1e9, true),
        (10.0, 10.0, true),
        (1e-7, 1e-7, true),
    ] {
        let (budget, clock) = bucket(100, rate);
        assert_eq!((budget.refill_rate(), budget.available()), (effective, 100), "{rate}");
        assert!(budget.try_acquire_multiple(100));
        clock.advance(10_000_000 * SEC);
        assert_eq!(budget.available() > 0, effective > 0.0, "{rate}");
        let strict = RetryBudget::try_new(100, rate);
        match strict {
            Ok(budget) => assert!(is_taken && budget.refill_rate() == effective, "{rate}"),
            Err(error) => assert!(!is_taken && matches!(error, RetryError::InvalidConfiguration { .. }), "{rate}"),
        }
    }
    assert!(RetryBudget::try_new(0, 1.0).is_err());
}

/// Trap 51: the budget is asked after the sleep, when everybody sleeps already.
#[test]
fn of_a_thousand_failures_at_once_as_many_sleep_as_there_are_tokens() {
    let clock = MockClock::new();
    let budget = Arc::new(RetryBudget::with_clock(20, 0.0, clock.clone()));
    let strategy = RetryStrategy::with_clock(clock.clone()).with_budget(budget);
    let mut under_way: Vec<_> = (0..1_000).map(|_| strategy.guard::<&str>()).collect();
    let admitted: Vec<_> = under_way.iter_mut().map(|guard| guard.admit().unwrap()).collect();
    let mut sleeps = Vec::new();
    for (guard, admitted) in under_way.iter_mut().zip(admitted) {
        match guard.settle(admitted, Answer::<(), _>::Err("down"), strategy.judge()) {
            Next::Wait(delay) => sleeps.push(clock.sleep_until(clock.now() + delay)),
            Next::Stop(RetryError::AttemptsExhausted {
                attempts: 1,
                stopped_by: StoppedBy::Budget,
                source: "down",
            }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sleeps.len(), 20);
}

/// Trap 52: a part of little traffic is nothing, and a quiet client never retries.
#[test]
fn a_client_without_traffic_has_its_floor() {
    let clock = MockClock::new();
    let budget = RetryBudget::tps_with_clock(10 * SEC, 2, 0.2, clock.clone());
    assert_eq!(drain(&budget), 20);
    for _ in 0..100 {
        clock.advance(SEC);
        assert_eq!(drain(&budget), 2);
    }
}

/// Trap 53: a budget that never comes back, and nobody sees it.
#[test]
fn an_exhausted_budget_counts_its_refusals_and_recovers() {
    let (budget, clock) = bucket(2, 1.0);
    assert_eq!((drain(&budget), budget.denied_total()), (2, 1));
    assert!(!budget.try_acquire() && budget.try_lease(1).is_none() && !budget.try_charge(Class::NotSent));
    assert_eq!(budget.denied_total(), 4);
    clock.advance(2 * SEC);
    assert_eq!((drain(&budget), budget.denied_total()), (2, 5));
}
