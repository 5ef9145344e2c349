//! Probes, and the way back to closed.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use super::{CircuitState, Duration, MS, TIMEOUT, breaker, mem, recovering};
use crate::{CircuitBreaker, MockClock};

/// Trap 17: half-open admits everybody.
#[test]
fn of_many_threads_as_many_as_the_limit_are_probes() {
    const THREADS: u32 = 64;
    for limit in [1, 3] {
        let (breaker, _clock) = recovering();
        let breaker = breaker.with_half_open_requests(limit).with_success_threshold(u32::MAX);
        let (start, admitted) = (Barrier::new(THREADS as usize), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    if let Ok(permit) = breaker.try_acquire() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                        mem::forget(permit);
                    }
                });
            }
        });
        assert_eq!(admitted.load(Ordering::Relaxed), limit);
        assert_eq!(breaker.stats().half_open_requests, limit);
    }
}

/// Trap 18: the request that finds the time over is not counted as a probe.
#[test]
fn the_first_probe_is_one_of_the_limit() {
    let (breaker, _clock) = recovering();
    let breaker = breaker.with_half_open_requests(2);
    let _probes = [breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
    assert_eq!(breaker.try_acquire().unwrap_err().state, CircuitState::HalfOpen);
}

/// Trap 19: a probe that is lost leaves it half-open for ever.
#[test]
fn a_lost_probe_delays_recovery_by_its_lease() {
    let (breaker, clock) = recovering();
    mem::forget(breaker.try_acquire().unwrap());
    clock.advance(TIMEOUT - MS);
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after, MS);
    clock.advance(MS);
    let probe = breaker.try_acquire().unwrap();
    // One place, not two: the new probe is the only one.
    assert!(breaker.try_acquire().is_err());
    probe.success();
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

/// Trap 19: the same without permits, where a denial between asking and telling loses the place.
#[test]
fn a_request_that_was_allowed_and_never_told_heals() {
    let (breaker, clock) = recovering();
    let breaker = breaker.with_probe_timeout(Duration::from_secs(5));
    assert!(breaker.should_allow_request() && !breaker.should_allow_request());
    clock.advance(Duration::from_secs(5));
    assert!(breaker.should_allow_request());
}

/// Trap 20: fewer probes in all than successes that are needed.
#[test]
fn by_default_two_probes_one_after_the_other_close_it() {
    let clock = MockClock::new();
    let breaker = CircuitBreaker::with_clock(clock.clone());
    (0..5).for_each(|_| breaker.try_acquire().unwrap().failure());
    clock.advance(TIMEOUT);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

/// Trap 21: a window of time counts while half-open, so that probes that are far apart never suffice.
#[test]
fn probes_further_apart_than_the_window_close_it() {
    let (breaker, clock) = recovering();
    let breaker = breaker.with_time_window(Duration::from_secs(1), 3, 0.5).with_success_threshold(3);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(10));
        breaker.try_acquire().unwrap().success();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
}

/// Trap 22: a request from before the outage closes it, or opens it again.
#[test]
fn a_result_of_an_earlier_state_counts_nowhere() {
    let (breaker, clock) = breaker();
    let breaker = breaker.with_success_threshold(1);
    let [success, failure] = [(); 2].map(|()| breaker.try_acquire().unwrap());
    breaker.record_failure();
    clock.advance(TIMEOUT);
    let probe = breaker.try_acquire().unwrap();
    success.success();
    failure.failure();
    let stats = breaker.stats();
    assert_eq!((stats.state, stats.half_open_requests, stats.stale_total), (CircuitState::HalfOpen, 1, 2));
    probe.success();
    assert_eq!(breaker.state(), CircuitState::Closed);
}
