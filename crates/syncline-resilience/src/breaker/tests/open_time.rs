//! How long it is open, whatever the clock does.

use syncline_core::Instant;
use syncline_testkit::{SeededRandom, seed};

use super::{CircuitState, Duration, MS, TIMEOUT, breaker, mem, recovering};
use crate::{CircuitBreaker, MockClock, SystemClock};

/// Trap 24: failures that come late make it last longer.
#[test]
fn failures_while_it_is_open_do_not_prolong_it() {
    let (breaker, clock) = breaker();
    breaker.record_failure();
    for _ in 0..100 {
        clock.advance(MS);
        breaker.record_failure();
    }
    assert_eq!(breaker.retry_after(), Some(TIMEOUT - 100 * MS));
}

/// Trap 33: an open time of zero makes states call each other until the stack ends.
#[test]
fn an_open_time_of_zero_opens_and_asks_a_million_times() {
    let breaker = CircuitBreaker::with_clock(MockClock::new())
        .with_failure_threshold(1)
        .with_timeout(Duration::ZERO);
    breaker.record_failure();
    for _ in 0..1_000_000 {
        breaker.try_acquire().unwrap().failure();
        assert_eq!(breaker.state(), CircuitState::Open);
    }
    assert_eq!(breaker.stats().opened_total, 1_000_001);
}

/// Trap 34: a timer of an earlier state ends a forced one.
#[test]
fn time_ends_nothing_that_was_forced() {
    let (breaker, clock) = breaker();
    breaker.record_failure();
    breaker.force_open();
    clock.advance(Duration::MAX / 2);
    let rejected = breaker.try_acquire().unwrap_err();
    assert_eq!((rejected.state, rejected.retry_after), (CircuitState::Open, Duration::MAX));
    breaker.force_closed();
    (0..100).for_each(|_| breaker.record_failure());
    assert_eq!((breaker.state(), breaker.stats().failure_count), (CircuitState::Closed, 100));
    breaker.disable();
    breaker.record_failure();
    assert_eq!((breaker.state(), breaker.stats().failure_count), (CircuitState::Closed, 0));
    breaker.reset();
    breaker.record_failure();
    assert_eq!(breaker.state(), CircuitState::Open);
}

/// Trap 35: a clock that is set back keeps it open for as long as that.
#[test]
fn a_clock_set_back_keeps_nothing_open_for_longer_than_its_time() {
    let hour = Duration::from_secs(3_600);
    let later = |clock: &MockClock| clock.set(Instant::from_origin(2 * hour));
    let back = |clock: &MockClock| clock.set(Instant::from_origin(hour));
    // Open.
    let (breaker, clock) = breaker();
    later(&clock);
    breaker.record_failure();
    back(&clock);
    clock.advance(TIMEOUT);
    let probe = breaker.try_acquire().unwrap();
    // Half-open.
    mem::forget(probe);
    clock.set(Instant::from_origin(Duration::from_secs(5)));
    clock.advance(TIMEOUT);
    assert!(breaker.try_acquire().is_ok());
}

/// Trap 35: the same, wherever the clock is set.
#[test]
fn wherever_the_clock_is_set_it_refuses_for_no_longer_than_its_time() {
    let random = SeededRandom::new(seed());
    for _ in 0..20_000 {
        let (breaker, clock) = breaker();
        let set = || clock.set(Instant::from_origin(Duration::from_millis(random.word() >> random.below(64))));
        set();
        breaker.record_failure();
        set();
        for state in [CircuitState::Open, CircuitState::HalfOpen] {
            assert_eq!(breaker.state(), state);
            let left = breaker.retry_after().unwrap_or_default();
            assert!(left <= TIMEOUT, "{left:?}");
            clock.advance(left);
            mem::forget(breaker.try_acquire().unwrap());
            set();
        }
    }
}

/// Trap 36: a fast clock that differs between processors runs backwards.
#[tokio::test(start_paused = true)]
async fn the_default_clock_is_the_steady_one_of_the_system() {
    let breaker: CircuitBreaker<SystemClock> = CircuitBreaker::new().with_failure_threshold(1).with_timeout(TIMEOUT);
    breaker.record_failure();
    tokio::time::advance(TIMEOUT - MS).await;
    assert!(!breaker.should_allow_request());
    tokio::time::advance(MS).await;
    assert!(breaker.should_allow_request());
}

/// Trap 37: a moment before another one panics, or is far in the future.
#[test]
fn a_clock_set_before_everything_does_not_panic() {
    let (breaker, clock) = breaker();
    clock.advance(Duration::from_secs(1_000));
    let breaker = breaker
        .with_failure_threshold(2)
        .with_time_window(TIMEOUT, 10, 0.5)
        .with_slow_call(Duration::from_secs(1), 0.5);
    let permit = breaker.try_acquire().unwrap();
    breaker.record_failure();
    clock.set(Instant::default());
    permit.failure();
    assert_eq!(breaker.state(), CircuitState::Open);
    assert_eq!(breaker.stats().last_failure_time.unwrap().elapsed(), Duration::ZERO);
    clock.set(Instant::from_origin(Duration::MAX));
    assert!(breaker.should_allow_request());
    clock.set(Instant::default());
    clock.advance(TIMEOUT);
    assert!(breaker.stats().last_failure_time.is_some() && breaker.should_allow_request());
}

/// Trap 5: a moment after the end of time panics.
#[test]
fn the_longest_durations_are_times_like_others() {
    let clock = MockClock::new();
    clock.set(Instant::from_origin(Duration::MAX));
    let breaker = CircuitBreaker::with_clock(clock.clone())
        .with_failure_threshold(1)
        .with_timeout(Duration::MAX)
        .with_probe_timeout(Duration::MAX)
        .with_growing_timeout(f64::MAX, Duration::MAX)
        .with_timeout_jitter(1.0)
        .with_time_window(Duration::MAX, u32::MAX, 1.0)
        .with_slow_call(Duration::MAX, 1.0);
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.retry_after(), Some(Duration::MAX));
    breaker.reset();
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.retry_after(), None);
}

/// Trap 39: all who lost the same server come back to it in the same moment.
#[test]
fn jitter_spreads_the_ends_of_open_times() {
    let clock = MockClock::new();
    let ends: Vec<Duration> = (0..100)
        .map(|seed| {
            let breaker = CircuitBreaker::with_clock(clock.clone())
                .with_failure_threshold(1)
                .with_timeout(TIMEOUT)
                .with_timeout_jitter(0.1)
                .with_seed(seed);
            breaker.record_failure();
            breaker.retry_after().unwrap()
        })
        .collect();
    let (first, last) = (*ends.iter().min().unwrap(), *ends.iter().max().unwrap());
    assert!(first >= TIMEOUT * 9 / 10 && last <= TIMEOUT);
    assert!(last - first >= TIMEOUT / 20, "{first:?} to {last:?}");
}

/// Trap 39: who is down for long is asked as often as who is down for a moment.
#[test]
fn each_failed_probe_makes_the_open_time_longer_until_it_closes() {
    let (breaker, clock) = recovering();
    let breaker = breaker.with_growing_timeout(2.0, Duration::from_secs(200)).with_success_threshold(1);
    for expected in [120, 200, 200] {
        breaker.try_acquire().unwrap().failure();
        let open_for = breaker.retry_after().unwrap();
        assert_eq!(open_for, Duration::from_secs(expected));
        clock.advance(open_for);
    }
    breaker.try_acquire().unwrap().success();
    breaker.record_failure();
    assert_eq!(breaker.retry_after(), Some(TIMEOUT));
}
