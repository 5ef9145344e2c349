//! What peers get wrong, one fact each.

use std::{
    future::{Future as _, pending},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

use syncline_core::Instant;
use syncline_testkit::{SeededRandom, seed};

use crate::{
    CircuitBreaker, MockClock, RetryError, RetryStrategy, SystemClock,
    breaker::{CallError, CircuitState, Rejected, TransitionReason},
    time::Clock,
};

const TIMEOUT: Duration = Duration::from_secs(60);
const MS: Duration = Duration::from_millis(1);

fn breaker() -> (CircuitBreaker<MockClock>, MockClock) {
    let clock = MockClock::new();
    (CircuitBreaker::with_clock(clock.clone()).with_failure_threshold(1).with_timeout(TIMEOUT), clock)
}

/// One whose open time is over.
fn recovering() -> (CircuitBreaker<MockClock>, MockClock) {
    let (breaker, clock) = breaker();
    breaker.record_failure();
    clock.advance(TIMEOUT);
    (breaker, clock)
}

fn open_after_half_open<C: Clock>(breaker: &CircuitBreaker<C>) -> bool {
    breaker.try_acquire().is_ok_and(|permit| {
        permit.failure();
        breaker.state() == CircuitState::Open
    })
}

/// Trap 14: a caller that is cancelled keeps its permit for ever.
#[test]
fn a_cancelled_call_gives_its_place_back() {
    let (breaker, _clock) = recovering();
    {
        let mut call = pin!(breaker.call(pending::<Result<(), ()>>()));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(breaker.stats().half_open_requests, 1);
    }
    let stats = breaker.stats();
    assert_eq!((stats.state, stats.half_open_requests), (CircuitState::HalfOpen, 0));
    assert!(breaker.try_acquire().is_ok());
}

/// Trap 16: a panic of the user's code keeps the permit, or poisons a lock.
#[test]
fn a_panic_of_the_users_code_changes_nothing() {
    let (breaker, _clock) = recovering();
    let breaker = breaker.with_listener(|_| panic!("listener"));
    let request = catch_unwind(|| breaker.call_sync(|| -> Result<(), ()> { panic!("request") }));
    assert!(request.is_err());
    let predicate = catch_unwind(|| breaker.call_sync_where(|()| panic!("predicate"), || Err::<(), ()>(())));
    assert!(predicate.is_err());
    assert_eq!(breaker.stats().half_open_requests, 0);
    // The listener panics at each of these.
    breaker.try_acquire().unwrap().success();
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
    breaker.record_failure();
    assert_eq!(breaker.state(), CircuitState::Open);
}

/// Trap 16: a listener that panics hides the transition from those after it.
#[test]
fn a_listener_that_panics_does_not_keep_the_others_from_being_told() {
    let told = Arc::new(AtomicU32::new(0));
    let (breaker, _clock) = breaker();
    let heard = Arc::clone(&told);
    let breaker = breaker.with_listener(|_| panic!("listener")).with_listener(move |_| {
        heard.fetch_add(1, Ordering::Relaxed);
    });
    breaker.record_failure();
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

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

/// Trap 25: what says nothing counts as a success, or as a failure.
#[test]
fn what_is_ignored_is_neither_a_success_nor_a_failure() {
    let (breaker, _clock) = recovering();
    breaker.try_acquire().unwrap().ignore();
    let stats = breaker.stats();
    assert_eq!((stats.state, stats.half_open_requests, stats.success_count), (CircuitState::HalfOpen, 0, 0));
    let (breaker, _clock) = self::breaker();
    let breaker = breaker.with_failure_threshold(3).with_count_window(10, 1, 1.0);
    breaker.try_acquire().unwrap().ignore();
    assert_eq!(breaker.stats().failure_rate, None);
    let breaker = breaker.with_count_window(10, 10, 1.0);
    breaker.record_failure();
    breaker.record_ignored();
    assert_eq!((breaker.stats().failure_count, breaker.stats().failure_rate), (1, Some(1.0)));
}

/// Trap 26: one's own refusal is held against the other side.
#[test]
fn a_refusal_is_no_failure() {
    let (outer, _clock) = breaker();
    let (inner, _clock) = breaker();
    inner.force_open();
    let answer = outer.call_sync_where(|error| !CallError::is_rejected(error), || inner.call_sync(|| Ok::<(), ()>(())));
    assert!(matches!(answer, Err(CallError::Inner(CallError::Rejected(_)))));
    assert!(inner.stats().last_failure_time.is_none() && outer.stats().last_failure_time.is_none());
    assert_eq!((outer.stats().failure_count, inner.stats().rejected_total), (0, 1));
}

/// Trap 27: a retry asks an open breaker again and again.
#[tokio::test(start_paused = true)]
async fn a_retry_asks_an_open_breaker_once() {
    let breaker = Arc::new(CircuitBreaker::new());
    breaker.force_open();
    let strategy = RetryStrategy::new().with_circuit_breaker(Arc::clone(&breaker));
    let started = SystemClock.now();
    let answer = strategy.execute(|| async { Err::<(), _>("asked") }).await;
    assert_eq!(answer, Err(RetryError::CircuitBreakerOpen));
    assert_eq!((breaker.stats().rejected_total, SystemClock.now()), (1, started));
}

/// Trap 28: a breaker that is asked within its own probe waits for itself.
#[test]
fn a_call_inside_a_probe_is_refused() {
    let (breaker, _clock) = recovering();
    let inner = breaker.call_sync(|| breaker.call_sync(|| Ok::<_, ()>(())));
    let Err(CallError::Inner(CallError::Rejected(Rejected { state, retry_after, .. }))) = inner else {
        panic!("{inner:?}");
    };
    assert_eq!((state, retry_after), (CircuitState::HalfOpen, TIMEOUT));
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

/// Trap 33: an open time of zero makes states call each other until the stack ends.
#[test]
fn an_open_time_of_zero_opens_and_asks_a_million_times() {
    let breaker = CircuitBreaker::with_clock(MockClock::new())
        .with_failure_threshold(1)
        .with_timeout(Duration::ZERO);
    breaker.record_failure();
    assert!((0..1_000_000).all(|_| open_after_half_open(&breaker)));
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

/// Trap 38: the user's code runs under a lock.
#[test]
fn requests_and_listeners_may_use_the_breaker() {
    let breaker = Arc::new_cyclic(|breaker: &std::sync::Weak<CircuitBreaker>| {
        let breaker = breaker.clone();
        CircuitBreaker::new().with_failure_threshold(1).with_listener(move |transition| {
            if transition.to == CircuitState::Open {
                breaker.upgrade().unwrap().disable();
            }
        })
    });
    let answer = breaker.call_sync(|| {
        breaker.record_failure();
        breaker.reset();
        breaker.call_sync(|| Err::<(), ()>(()))
    });
    assert!(answer.is_err());
    assert_eq!((breaker.state(), breaker.is_forced()), (CircuitState::Closed, true));
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

/// A clock that nobody may look at.
#[derive(Debug)]
struct Forbidden;

impl Clock for Forbidden {
    fn now(&self) -> Instant {
        panic!("looked at the clock")
    }

    fn wall(&self) -> syncline_core::WallTime {
        panic!("looked at the calendar")
    }

    fn sleep_until(&self, _at: Instant) -> crate::time::Sleep {
        panic!("slept")
    }
}

#[test]
fn a_closed_breaker_that_is_well_never_looks_at_the_clock() {
    let breaker = CircuitBreaker::with_clock(Forbidden).with_count_window(10, 5, 0.5);
    for _ in 0..100 {
        breaker.try_acquire().unwrap().success();
        breaker.try_acquire().unwrap().ignore();
    }
    assert_eq!((breaker.state(), breaker.retry_after()), (CircuitState::Closed, None));
}

#[test]
fn futures_and_permits_can_be_sent() {
    fn check<T: Send>(_: T) {}
    let breaker = Arc::new(CircuitBreaker::new());
    check(breaker.call(async { Ok::<(), ()>(()) }));
    check(breaker.try_acquire());
    check(breaker.try_acquire_owned());
}

#[test]
fn an_owned_permit_tells_what_a_borrowed_one_does() {
    let (breaker, _clock) = recovering();
    let breaker = Arc::new(breaker.with_success_threshold(1));
    drop(breaker.try_acquire_owned().unwrap());
    assert_eq!((breaker.state(), breaker.stats().half_open_requests), (CircuitState::HalfOpen, 0));
    breaker.try_acquire_owned().unwrap().success();
    assert_eq!(breaker.state(), CircuitState::Closed);
    breaker.try_acquire_owned().unwrap().failure();
    assert_eq!(breaker.state(), CircuitState::Open);
    let panicked = catch_unwind(AssertUnwindSafe(|| breaker.try_acquire_owned().unwrap()));
    assert!(panicked.is_err());
}
