//! Breakers between open and closed.

use std::{cell::Cell, thread, time::Duration};

use failsafe::{CircuitBreaker as _, backoff, failure_policy};
use recloser::Recloser;
use syncline_resilience::{CircuitBreaker, MockClock, breaker::CircuitState};
use tokio::sync::oneshot;
use tower_resilience_circuitbreaker::{CircuitState as WrappedState, SlidingWindowType, circuit_breaker_builder};

use super::{
    paused,
    trap::{SYNCLINE, Trap},
    wrapped::{Refused, Wrapped},
};
use crate::Result;

/// Callers that come at once.
const CALLERS: u32 = 50;
/// How long the peers' breakers stay open; their clocks cannot be set.
const OPEN: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Everybody is a probe.
pub(super) fn stampede() -> Trap {
    Trap::at_most(17, 1.0, format!("requests under way at once in a half-open breaker, of {CALLERS}"))
        .with("failsafe", || {
            let breaker = failsafe();
            open(&breaker);
            Ok((0..CALLERS).filter(|_| breaker.is_call_permitted()).count() as f64)
        })
        .with("recloser", || {
            let breaker = Recloser::custom().closed_len(1).open_wait(OPEN).build();
            (0..5).for_each(|_| drop(breaker.call(|| Err::<(), ()>(()))));
            thread::sleep(OPEN * 5);
            let admitted = Cell::new(0);
            each_inside_the_other(&breaker, &admitted, CALLERS);
            Ok(f64::from(admitted.get()))
        })
        .with(SYNCLINE, || {
            let (breaker, _clock) = half_open_syncline();
            let permits: Vec<_> = (0..CALLERS).filter_map(|_| breaker.try_acquire().ok()).collect();
            Ok(permits.len() as f64)
        })
}

/// Probes that are further apart than the window is long.
pub(super) fn stuck() -> Trap {
    const WINDOW: Duration = Duration::from_millis(20);
    Trap::at_least(21, 20.0, "requests admitted of 20, after as many probes succeeded as were asked for, slowly")
        .with("tower-resilience-circuitbreaker", || {
            let layer = circuit_breaker_builder()
                .sliding_window_type(SlidingWindowType::TimeBased)
                .sliding_window_duration(WINDOW)
                .minimum_number_of_calls(1)
                .wait_duration_in_open(OPEN)
                .permitted_calls_in_half_open(2)
                .build()?;
            let breaker = Wrapped::new(&layer);
            awake(async {
                breaker.admits(Err(Refused)).await;
                thread::sleep(OPEN * 5);
                breaker.admits(Ok(())).await;
                thread::sleep(WINDOW * 2);
                breaker.admits(Ok(())).await;
                let mut admitted = 0.0;
                for _ in 0..20 {
                    admitted += f64::from(breaker.admits(Ok(())).await);
                }
                Ok(admitted)
            })
        })
        .with(SYNCLINE, || {
            let clock = MockClock::new();
            let breaker = CircuitBreaker::with_clock(clock.clone()).with_time_window(WINDOW, 1, 0.5);
            breaker.record_failure();
            clock.advance(MINUTE);
            for _ in 0..2 {
                breaker.try_acquire()?.success();
                clock.advance(WINDOW * 2);
            }
            Ok((0..20).filter(|_| breaker.call_sync(|| Ok::<_, ()>(())).is_ok()).count() as f64)
        })
}

/// An answer to what was asked before the breaker opened.
pub(super) fn late_answer() -> Trap {
    Trap::at_most(
        22,
        0.0,
        "breakers closed by the late answer to a request from before they opened, a probe under way",
    )
    .with("tower-resilience-circuitbreaker", || awake(late_answer_wrapped()))
    .with("failsafe", || {
        let breaker = failsafe();
        // What is inside begins and ends while the early request is under way.
        let probing = breaker.call(|| {
            open(&breaker);
            let probing = breaker.is_call_permitted() && format!("{breaker:?}").contains("half_open");
            Ok::<_, ()>(probing)
        });
        is_closed(probing.unwrap_or(false), format!("{breaker:?}").contains("closed"))
    })
    .with(SYNCLINE, || {
        let clock = MockClock::new();
        let breaker = CircuitBreaker::with_clock(clock.clone()).with_success_threshold(1);
        let early = breaker.try_acquire()?;
        (0..5).for_each(|_| breaker.record_failure());
        clock.advance(MINUTE);
        let _probe = breaker.try_acquire()?;
        let probing = breaker.state() == CircuitState::HalfOpen;
        early.success();
        is_closed(probing, breaker.state() == CircuitState::Closed)
    })
}

/// A failure that says nothing about the other side.
pub(super) fn ignored_error() -> Trap {
    Trap::at_most(25, 0.0, "half-open breakers closed by an error that is not to count")
        .with("failsafe", || {
            let breaker = failsafe();
            open(&breaker);
            let probed = breaker.call_with(|_: &()| false, || Err::<(), ()>(())).is_err();
            is_closed(probed, format!("{breaker:?}").contains("closed"))
        })
        .with(SYNCLINE, || {
            let (breaker, _clock) = half_open_syncline();
            let breaker = breaker.with_success_threshold(1);
            let probed = breaker.call_sync_where(|(): &()| false, || Err::<(), ()>(())).is_err();
            is_closed(probed, breaker.state() == CircuitState::Closed)
        })
}

/// Sleeps on one clock, and counts the open time on another.
pub(super) fn two_clocks() -> Trap {
    Trap::at_least(64, 1.0, "requests admitted of 1, after 61 s of tokio's paused clock and 60 s of open time")
        .with("tower-resilience-circuitbreaker", || {
            let layer = circuit_breaker_builder().consecutive_failures(1).wait_duration_in_open(MINUTE).build()?;
            let breaker = Wrapped::new(&layer);
            paused::run(async {
                breaker.admits(Err(Refused)).await;
                tokio::time::advance(MINUTE + Duration::from_secs(1)).await;
                Ok(f64::from(breaker.admits(Ok(())).await))
            })
        })
        .with(SYNCLINE, || {
            paused::run(async {
                let breaker = CircuitBreaker::new().with_failure_threshold(1).with_timeout(MINUTE);
                breaker.record_failure();
                let refused = breaker.try_acquire().is_err();
                tokio::time::advance(MINUTE + Duration::from_secs(1)).await;
                Ok(f64::from(refused && breaker.try_acquire().is_ok()))
            })
        })
}

async fn late_answer_wrapped() -> Result<f64> {
    let layer = circuit_breaker_builder()
        .consecutive_failures(1)
        .wait_duration_in_open(OPEN)
        .permitted_calls_in_half_open(1)
        .build()?;
    let breaker = Wrapped::new(&layer);
    let (answer, answered) = oneshot::channel();
    let mut early = Box::pin(breaker.call(Box::pin(async { answered.await.map_err(|_| Refused) })));
    drop(paused::poll_once(&mut early));
    breaker.admits(Err(Refused)).await;
    thread::sleep(OPEN * 5);
    let mut probe = Box::pin(breaker.call(Box::pin(std::future::pending())));
    drop(paused::poll_once(&mut probe));
    let probing = breaker.state() == WrappedState::HalfOpen;
    answer.send(()).map_err(|()| "the early request is gone")?;
    drop(early.await);
    is_closed(probing, breaker.state() == WrappedState::Closed)
}

/// An experiment whose breaker never was half-open shows nothing.
fn is_closed(was_half_open: bool, is_closed: bool) -> Result<f64> {
    if was_half_open {
        Ok(f64::from(is_closed))
    } else {
        Err("it was not half-open".into())
    }
}

type Failsafe = failsafe::StateMachine<failure_policy::ConsecutiveFailures<backoff::Constant>, ()>;

fn failsafe() -> Failsafe {
    let policy = failure_policy::consecutive_failures(1, backoff::constant(OPEN));
    failsafe::Config::new().failure_policy(policy).build()
}

/// Opens it by a failure, and waits until its open time is over.
fn open(breaker: &Failsafe) {
    drop(breaker.call(|| Err::<(), ()>(())));
    thread::sleep(OPEN * 5);
}

/// Opened by failures, its open time over.
fn half_open_syncline() -> (CircuitBreaker<MockClock>, MockClock) {
    let clock = MockClock::new();
    let breaker = CircuitBreaker::with_clock(clock.clone());
    (0..5).for_each(|_| breaker.record_failure());
    clock.advance(MINUTE);
    (breaker, clock)
}

/// `depth` calls, all under way at once because each is made inside the one before.
fn each_inside_the_other(breaker: &Recloser, admitted: &Cell<u32>, depth: u32) {
    drop(breaker.call(|| {
        admitted.set(admitted.get() + 1);
        if depth > 1 {
            each_inside_the_other(breaker, admitted, depth - 1);
        }
        Ok::<(), ()>(())
    }));
}

/// What `future` becomes, on a runtime with the real clock.
fn awake<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(future)
}
