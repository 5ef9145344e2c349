//! What each kind of budget promises.

use std::{sync::Arc, time::Duration};

use super::{SEC, bucket, drain};
use crate::{
    Class, RetryBudget,
    budget::BudgetLease,
    time::{Clock as _, Instant, MockClock},
};

const THROTTLED: Class = Class::Throttled { retry_after: None };

#[test]
fn tokens_come_back_all_the_time() {
    let (budget, clock) = bucket(10, 4.0);
    drain(&budget);
    clock.advance(Duration::from_millis(249));
    assert_eq!(budget.available(), 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(budget.available(), 1);
    clock.advance(Duration::from_secs(100));
    assert_eq!(budget.available(), 10);
}

#[test]
fn a_rate_is_per_interval() {
    let (budget, clock) = bucket(10, 6.0);
    let budget = budget.with_deposit_ratio(0.5).with_refill_interval(60 * SEC);
    assert!((budget.refill_rate() - 0.1).abs() < 1e-12);
    assert_eq!(drain(&budget), 10);
    clock.advance(10 * SEC);
    assert_eq!(drain(&budget), 1);
    // A deposit is still half a token, whose time has grown with the interval.
    (0..2).for_each(|_| budget.succeeded());
    assert_eq!(drain(&budget), 1);
    let (never, _clock) = bucket(10, 6.0);
    assert_eq!(never.with_refill_interval(Duration::MAX).refill_rate(), 0.0);
    let (at_once, _clock) = bucket(10, 6.0);
    assert_eq!(at_once.with_refill_interval(Duration::ZERO).refill_rate(), 1e9);
}

#[test]
fn a_floor_holds_what_comes_back_in_its_time_and_at_least_one() {
    for (ttl_ms, min_per_sec, capacity) in [(10_000, 10, 100), (1_500, 1, 2), (1_001, 1, 2), (100, 1, 1), (5_000, 0, 1)]
    {
        let budget = RetryBudget::tps(Duration::from_millis(ttl_ms), min_per_sec, 0.2);
        assert_eq!((budget.capacity(), budget.refill_rate()), (capacity, f64::from(min_per_sec)));
    }
    assert_eq!(RetryBudget::tps(Duration::MAX, u32::MAX, 0.2).capacity(), u32::MAX);
}

#[test]
fn the_rate_is_told_as_it_is_kept() {
    assert_eq!(bucket(10, 3e8).0.refill_rate(), 1e9 / 3.0);
    assert!((bucket(10, 3.0).0.refill_rate() - 3.0).abs() < 1e-8);
}

#[test]
fn the_end_of_time_is_no_end_of_the_budget() {
    for rate in [0.0, 1e-3, 10.0, 1e9] {
        let (budget, clock) = bucket(u32::MAX, rate);
        clock.advance(Duration::MAX);
        assert!(budget.try_acquire_multiple(u32::MAX) && !budget.try_acquire(), "{rate}");
        budget.return_tokens(7);
        assert_eq!(budget.available(), 7, "{rate}");
    }
    let clock = MockClock::new();
    let savings = RetryBudget::saved_with_clock(3, 0.5, 10 * SEC, clock.clone());
    assert_eq!(drain(&savings), 3);
    clock.advance(Duration::MAX);
    assert_eq!((drain(&savings), drain(&savings)), (3, 0));
    (0..2).for_each(|_| savings.succeeded());
    assert_eq!(drain(&savings), 1);
}

#[test]
fn savings_are_full_again_after_a_quiet_time_and_not_before() {
    let clock = MockClock::new();
    let budget = RetryBudget::saved_with_clock(5, 0.0, 10 * SEC, clock.clone());
    assert_eq!(drain(&budget), 5);
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(budget.available(), 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!((budget.available(), drain(&budget)), (5, 5));
}

#[test]
fn an_outage_is_never_quiet() {
    let clock = MockClock::new();
    let budget = RetryBudget::saved_with_clock(5, 0.1, 10 * SEC, clock.clone());
    assert_eq!(drain(&budget), 5);
    for _ in 0..100 {
        clock.advance(9 * SEC);
        assert_eq!(drain(&budget), 0);
    }
    // What was refused counts as a failure, seen up to a 64th of the quiet time late.
    clock.advance(10 * SEC);
    assert_eq!(drain(&budget), 5);
}

#[test]
fn savings_are_not_filled_by_a_clock_that_steps_back_and_on_again() {
    let clock = MockClock::new();
    let budget = RetryBudget::saved_with_clock(5, 0.0, 10 * SEC, clock.clone());
    clock.advance(100 * SEC);
    let late = clock.now();
    assert_eq!(drain(&budget), 5);
    for _ in 0..3 {
        clock.set(Instant::default());
        assert_eq!(drain(&budget), 0);
        clock.set(late);
        assert_eq!(drain(&budget), 0);
    }
    clock.advance(10 * SEC);
    assert_eq!(drain(&budget), 5);
}

#[test]
fn savings_are_bounded_by_their_word() {
    let budget = RetryBudget::saved(u32::MAX, 0.1, SEC);
    assert_eq!((budget.capacity(), budget.available()), (16_777, 16_777));
    assert!(budget.try_acquire_multiple(16_777) && !budget.try_acquire());
}

#[test]
fn a_throttle_allows_retries_while_more_than_half_is_left() {
    for (max_tokens, retries) in [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (10, 4), (1_000, 499)] {
        let clock = MockClock::new();
        let budget = RetryBudget::grpc_with_clock(max_tokens, 0.1, clock);
        assert_eq!((budget.capacity(), budget.available()), (retries, retries), "{max_tokens}");
        assert_eq!(drain(&budget), retries, "{max_tokens}");
    }
}

#[test]
fn a_throttle_counts_failures_that_it_refuses_and_acquisitions_not() {
    let clock = MockClock::new();
    let budget = RetryBudget::grpc_with_clock(10, 1.0, clock);
    assert!(!budget.try_acquire_multiple(5) && budget.try_acquire_multiple(4) && !budget.try_acquire());
    budget.return_tokens(4);
    assert_eq!((0..20).filter(|_| budget.try_charge(Class::Transient)).count(), 4);
    // Ten of ten are gone; six successes make six.
    (0..6).for_each(|_| budget.succeeded());
    assert!(!budget.try_charge(Class::Transient));
    (0..2).for_each(|_| budget.succeeded());
    assert!(budget.try_charge(Class::Transient));
}

#[test]
fn classes_cost_what_they_are_said_to_cost() {
    let (budget, _clock) = bucket(100, 0.0);
    let budget = budget
        .with_cost(Class::Transient, 5)
        .with_cost(THROTTLED, 10)
        .with_cost(Class::NotSent, 0);
    assert!(budget.try_charge(Class::Transient));
    assert_eq!(budget.available(), 95);
    assert!(budget.try_charge(Class::Throttled { retry_after: Some(SEC) }));
    assert_eq!(budget.available(), 85);
    assert!(budget.try_acquire_multiple(85));
    assert!(budget.try_charge(Class::NotSent) && !budget.try_charge(Class::Transient));
}

#[test]
fn what_no_retry_can_cure_is_refused_and_costs_nothing() {
    let budget = RetryBudget::unlimited().with_cost(Class::Permanent, 0);
    assert!(!budget.try_charge(Class::Permanent));
    assert_eq!(budget.denied_total(), 0);
}

#[test]
fn unlimited_pays_for_all_and_none_for_nothing() {
    let (all, none) = (RetryBudget::unlimited(), RetryBudget::none());
    assert!(all.try_acquire_multiple(u32::MAX) && all.try_acquire_multiple(u32::MAX) && all.try_charge(THROTTLED));
    assert_eq!((all.capacity(), all.available(), all.denied_total()), (u32::MAX, u32::MAX, 0));
    assert!(!none.try_acquire() && !none.try_charge(THROTTLED) && none.try_acquire_multiple(0));
    none.return_tokens(5);
    none.succeeded();
    assert_eq!((none.capacity(), none.available(), none.denied_total()), (0, 0, 2));
}

#[test]
fn a_lease_may_outlive_the_place_that_took_it() {
    let (budget, _clock) = bucket(3, 0.0);
    let budget = Arc::new(budget);
    let mut lease = budget.try_lease_owned(3).unwrap();
    assert!(budget.try_lease_owned(1).is_none());
    let spent =
        std::thread::scope(|scope| scope.spawn(move || u32::from(lease.spend()) + 2 - lease.remaining()).join());
    assert_eq!((spent.unwrap(), budget.available(), Arc::strong_count(&budget)), (1, 2, 1));
}

#[test]
fn a_lease_spends_no_more_than_it_holds() {
    let (budget, _clock) = bucket(3, 0.0);
    let mut lease = budget.try_lease(2).unwrap();
    assert!(lease.spend() && lease.spend() && !lease.spend());
    drop(lease);
    assert_eq!(budget.available(), 1);
    assert_eq!(budget.try_lease(0).unwrap().remaining(), 0);
}

#[test]
fn it_has_the_name_that_it_was_given() {
    assert_eq!(RetryBudget::none().name(), None);
    assert_eq!(RetryBudget::none().with_name("orders").name(), Some("orders"));
    assert_eq!(RetryBudget::none().with_name(String::from("orders")).name(), Some("orders"));
}

#[test]
fn budgets_cross_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<RetryBudget>();
    check::<BudgetLease<'static>>();
}
