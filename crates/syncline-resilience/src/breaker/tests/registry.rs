//! Many breakers, as many as there may be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    CircuitBreaker, MockClock,
    breaker::{BreakerRegistry, CircuitState},
};

fn registry(count_max: usize) -> BreakerRegistry<u32, MockClock> {
    let clock = MockClock::new();
    BreakerRegistry::with_count_max(count_max, move |_| {
        CircuitBreaker::with_clock(clock.clone()).with_failure_threshold(1)
    })
}

fn keys(registry: &BreakerRegistry<u32, MockClock>) -> Vec<u32> {
    let mut keys: Vec<_> = registry.all().into_iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_key_has_one_breaker_and_another_key_another() {
    let registry = registry(10);
    registry.get(&1).record_failure();
    assert_eq!(registry.get(&1).state(), CircuitState::Open);
    assert_eq!(registry.get(&2).state(), CircuitState::Closed);
    assert!(Arc::ptr_eq(&registry.get(&1), &registry.find(&1).unwrap()));
    assert!(registry.find(&3).is_none() && registry.remove(&1).is_some() && registry.remove(&1).is_none());
    assert_eq!(registry.len(), 1);
}

#[test]
fn the_one_that_was_used_longest_ago_goes_first() {
    let registry = registry(3);
    (1..=3).for_each(|key| drop(registry.get(&key)));
    drop(registry.get(&1));
    drop(registry.get(&4));
    assert_eq!(keys(&registry), [1, 3, 4]);
}

#[test]
fn one_that_is_open_or_held_stays_while_another_can_go() {
    let registry = registry(3);
    registry.get(&1).record_failure();
    let permit = registry.get(&2).try_acquire_owned().unwrap();
    drop(registry.get(&3));
    drop(registry.get(&4));
    assert_eq!(keys(&registry), [1, 2, 4]);
    // With all of them open or held, one that is only held goes before one that is open.
    registry.get(&4).force_closed();
    drop(registry.get(&5));
    assert_eq!(keys(&registry), [1, 4, 5]);
    permit.success();
}

#[test]
fn there_are_never_more_than_there_may_be() {
    for count_max in [0, 1, 64, 65, 200, 1_000] {
        let registry = registry(count_max);
        assert!(registry.is_empty());
        (0..5_000).for_each(|key| registry.get(&key).record_failure());
        let len = registry.len();
        assert!(len <= count_max.max(1) && len > count_max / 2, "{len} of {count_max}");
    }
}

#[test]
fn threads_that_race_for_a_key_get_the_same_breaker() {
    let built = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&built);
    let registry = BreakerRegistry::new(move |_: &u32| {
        counted.fetch_add(1, Ordering::Relaxed);
        CircuitBreaker::new().with_failure_threshold(100)
    });
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|key| registry.get(&key).record_failure()));
        }
    });
    assert!((0..10).all(|key| registry.get(&key).stats().failure_count == 4));
    assert!(built.load(Ordering::Relaxed) >= 10);
}

/// What went wrong: a breaker stays open until somebody asks it, so that those of keys that nobody asks for any more were kept
/// for ever, and evicted each one that was in use.
#[test]
fn one_that_has_been_open_for_its_time_is_no_better_than_a_closed_one() {
    let clock = MockClock::new();
    let breakers = clock.clone();
    let registry = BreakerRegistry::with_count_max(3, move |_: &u32| {
        CircuitBreaker::with_clock(breakers.clone()).with_failure_threshold(1)
    });
    [1, 2].iter().for_each(|gone| registry.get(gone).record_failure());
    drop(registry.get(&3));
    clock.advance(Duration::from_secs(59));
    drop(registry.get(&4));
    assert_eq!(keys(&registry), [1, 2, 4]);
    clock.advance(Duration::from_secs(1));
    drop(registry.get(&5));
    assert_eq!(keys(&registry), [2, 4, 5]);
}
