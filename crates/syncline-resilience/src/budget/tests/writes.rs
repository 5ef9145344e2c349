//! Who writes to the shared word, and who only reads it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use syncline_core::WallTime;

use super::{SEC, bucket, drain};
use crate::{
    Class, RetryBudget,
    budget::word::{Alone, Word},
    time::{Clock, Instant, MockClock, Sleep},
};

/// A clock that counts how often it is read.
#[derive(Debug, Clone, Default)]
struct CountingClock {
    clock: MockClock,
    reads: Arc<AtomicU64>,
}

impl Clock for CountingClock {
    fn now(&self) -> Instant {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.clock.now()
    }

    fn wall(&self) -> WallTime {
        self.clock.wall()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        self.clock.sleep_until(at)
    }
}

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
fn a_success_reads_no_clock_while_nothing_is_owed() {
    let clock = CountingClock::default();
    let budget = RetryBudget::with_clock(10, 1.0, clock.clone()).with_deposit_ratio(0.1);
    let made = clock.reads.load(Ordering::Relaxed);
    (0..1_000).for_each(|_| budget.succeeded());
    assert_eq!(clock.reads.load(Ordering::Relaxed), made);
    assert!(budget.try_acquire());
    budget.succeeded();
    assert_eq!(clock.reads.load(Ordering::Relaxed), made + 2);
}

#[test]
fn a_budget_without_time_reads_no_clock() {
    let clock = CountingClock::default();
    let still = RetryBudget::with_clock(10, 0.0, clock.clone()).with_deposit_ratio(0.1);
    let grpc = RetryBudget::grpc_with_clock(20, 0.1, clock.clone());
    let made = clock.reads.load(Ordering::Relaxed);
    for budget in [still, grpc] {
        assert!(budget.try_charge(Class::Transient) && budget.try_acquire());
        budget.succeeded();
        budget.return_tokens(1);
        assert_eq!(budget.available(), 9);
    }
    assert_eq!(clock.reads.load(Ordering::Relaxed), made);
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
