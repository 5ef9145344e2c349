//! Calls, and the code of the user in them.

use std::{
    future::{Future as _, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Waker},
};

use syncline_core::{Instant, WallTime};

use super::{CircuitState, TIMEOUT, breaker, recovering};
use crate::{
    CircuitBreaker, RetryError, RetryStrategy, SystemClock,
    breaker::{CallError, Rejected},
    time::{Clock, Sleep},
};

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

/// Trap 38: the user's code runs under a lock.
#[test]
fn requests_and_listeners_may_use_the_breaker() {
    let breaker = Arc::new_cyclic(|breaker: &Weak<CircuitBreaker>| {
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

/// A clock that nobody may look at.
#[derive(Debug)]
struct Forbidden;

impl Clock for Forbidden {
    fn now(&self) -> Instant {
        panic!("looked at the clock")
    }

    fn wall(&self) -> WallTime {
        panic!("looked at the calendar")
    }

    fn sleep_until(&self, _at: Instant) -> Sleep {
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
