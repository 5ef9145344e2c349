//! Who writes to the shared word, and who only reads it.

use super::{SEC, bucket, drain};
use crate::{
    Class, RetryBudget,
    budget::word::{Alone, Word},
    time::MockClock,
};

fn all_kinds(clock: &MockClock) -> [RetryBudget<MockClock>; 4] {
    [
        RetryBudget::with_clock(10, 0.0, clock.clone()).with_deposit_ratio(0.1),
        RetryBudget::with_clock(10, 1.0, clock.clone()).with_deposit_ratio(0.1),
        RetryBudget::saved_with_clock(10, 0.1, 10 * SEC, clock.clone()),
        RetryBudget::grpc_with_clock(20, 0.1, clock.clone()),
    ]
}

#[test]
fn a_success_writes_nothing_while_the_budget_is_full() {
    let clock = MockClock::new();
    for budget in all_kinds(&clock) {
        clock.advance(SEC);
        (0..1_000).for_each(|_| budget.succeeded());
        budget.return_tokens(3);
        assert_eq!(budget.word.0.writes(), 0, "{budget:?}");
    }
}

#[test]
fn a_success_pays_what_is_owed_and_then_writes_no_more() {
    let clock = MockClock::new();
    for budget in all_kinds(&clock) {
        assert!(budget.try_charge(Class::Transient));
        (0..1_000).for_each(|_| budget.succeeded());
        assert_eq!((budget.available(), budget.word.0.writes()), (budget.capacity(), 11), "{budget:?}");
    }
}

#[test]
fn a_success_writes_nothing_once_time_has_filled_the_bucket() {
    let (budget, clock) = bucket(10, 1.0);
    let budget = budget.with_deposit_ratio(0.1);
    assert_eq!(drain(&budget), 10);
    clock.advance(10 * SEC);
    (0..1_000).for_each(|_| budget.succeeded());
    assert_eq!(budget.word.0.writes(), 10);
}

#[test]
fn a_refusal_writes_nothing() {
    let (budget, clock) = bucket(10, 1.0);
    drain(&budget);
    let before = budget.word.0.writes();
    for _ in 0..900 {
        clock.advance(SEC / 1_000);
        assert!(!budget.try_acquire() && !budget.try_charge(Class::Transient) && budget.try_lease(2).is_none());
    }
    assert_eq!(budget.word.0.writes(), before);
}

#[test]
fn refused_savings_write_64_times_in_a_quiet_time() {
    let clock = MockClock::new();
    let budget = RetryBudget::saved_with_clock(10, 0.1, 6_400 * SEC / 1_000, clock.clone());
    assert_eq!(drain(&budget), 10);
    let before = budget.word.0.writes();
    for _ in 0..6_400 {
        clock.advance(SEC / 1_000);
        assert!(!budget.try_charge(Class::Transient) && !budget.try_charge(Class::Transient));
    }
    assert_eq!(budget.word.0.writes() - before, 64);
}

#[test]
fn a_throttle_that_is_empty_writes_nothing() {
    let budget = RetryBudget::grpc(4, 0.1);
    for _ in 0..100 {
        let _ = budget.try_charge(Class::Transient);
    }
    assert_eq!(budget.word.0.writes(), 4);
}

#[test]
fn the_word_has_its_cache_lines_for_itself() {
    assert_eq!((align_of::<Alone<Word>>(), size_of::<Alone<Word>>()), (128, 128));
    assert_eq!(align_of::<RetryBudget>(), 128);
}
