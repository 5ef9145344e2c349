//! What is repeated, how often, and what comes back.

use std::{
    error::Error,
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
};

use syncline_core::ErrorKind;
use syncline_resilience::{
    Class, MockClock, RetryCondition, RetryError, RetryStrategy, StoppedBy,
    retry::{DEFAULT_BASE_DELAY, DEFAULT_MAX_ATTEMPTS},
};

use crate::support::{Calls, drive, ms, three_attempts};

#[test]
fn it_repeats_until_it_succeeds_and_says_what_that_took() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock);
    let (result, metrics) = drive(
        &clock,
        strategy.execute_with_metrics("answer", || async { if calls.note() < 3 { Err("not yet") } else { Ok(42) } }),
    );
    assert_eq!(result.unwrap(), 42);
    assert_eq!(calls.at_ms(), [0, 100, 300]);
    assert_eq!((metrics.attempts, metrics.total_delay, metrics.succeeded), (3, ms(300), true));
    assert_eq!(metrics.average_delay(), ms(150));
}

#[test]
fn the_last_error_is_never_lost() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock);
    let error = drive(&clock, strategy.execute(|| async { Err::<(), _>(format!("failure {}", calls.note())) }));
    let expected = RetryError::AttemptsExhausted {
        attempts: 3,
        source: "failure 3".to_owned(),
        stopped_by: StoppedBy::MaxAttempts,
    };
    assert_eq!(error.unwrap_err(), expected);
}

#[test]
fn the_defaults_are_the_constants() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = RetryStrategy::with_clock(clock.clone()).with_jitter_factor(0.0);
    let _ = drive(&clock, strategy.execute(|| async { Err::<(), _>(calls.note()) }));
    assert_eq!(calls.count(), DEFAULT_MAX_ATTEMPTS);
    assert_eq!(calls.at_ms()[1], DEFAULT_BASE_DELAY.as_millis());
    assert_eq!(calls.at_ms(), [0, 1_000, 3_000, 7_000, 15_000]);
}

#[test]
fn an_attempt_knows_its_number_the_last_error_and_the_time_left() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock).with_timeout(ms(1_000));
    let mut seen = Vec::new();
    let result = drive(
        &clock,
        strategy.execute_attempts(async |attempt| {
            seen.push((attempt.number(), attempt.last_error().cloned(), attempt.remaining().unwrap()));
            Err::<(), _>(format!("failure {}", attempt.number()))
        }),
    );
    assert!(result.is_err());
    let expected = [
        (1, None, ms(1_000)),
        (2, Some("failure 1".to_owned()), ms(900)),
        (3, Some("failure 2".to_owned()), ms(700)),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn an_operation_may_borrow_what_it_changes() {
    let clock = MockClock::new();
    let mut log = String::new();
    let strategy = three_attempts(&clock);
    let result = drive(
        &clock,
        strategy.execute_attempts(async |attempt| {
            log.push_str(&attempt.number().to_string());
            if attempt.is_retry() { Ok(log.len()) } else { Err(io::Error::other("first")) }
        }),
    );
    assert_eq!((result.unwrap(), log.as_str()), (2, "12"));
}

#[test]
fn what_cannot_be_cured_is_not_repeated() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock);
    let classify = |error: &&str| if *error == "bad input" { Class::Permanent } else { Class::Transient };
    let error = drive(
        &clock,
        strategy.execute_classified(classify, || async {
            Err::<(), _>(if calls.note() == 1 { "busy" } else { "bad input" })
        }),
    );
    assert_eq!(error.unwrap_err(), RetryError::OperationFailed { attempts: 2, source: "bad input" });
}

#[test]
fn errors_of_the_house_say_for_themselves_whether_to_repeat() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock);
    for (kind, attempts) in [(ErrorKind::Invalid, 1), (ErrorKind::Conflict, 1), (ErrorKind::Unavailable, 3)] {
        let calls = Calls::on(&clock);
        let result = drive(
            &clock,
            strategy.execute(|| async {
                calls.note();
                Err::<(), _>(syncline_core::Error::new(kind, "no"))
            }),
        );
        assert_eq!((calls.count(), result.unwrap_err().attempts()), (attempts, attempts), "{kind}");
    }
}

#[test]
fn a_condition_decides_by_the_error_it_sees() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock).with_retry_condition(RetryCondition::Custom(Arc::new(|error| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    })));
    for (kind, attempts) in [(io::ErrorKind::ConnectionReset, 3), (io::ErrorKind::PermissionDenied, 1)] {
        let calls = Calls::on(&clock);
        let result = drive(
            &clock,
            strategy.execute(|| async {
                calls.note();
                Err::<(), _>(io::Error::from(kind))
            }),
        );
        assert_eq!(calls.count(), attempts);
        assert!(result.unwrap_err().source().is_some());
    }
}

/// Trap 63: presets repeat a request that may have been carried out.
#[test]
fn what_must_not_happen_twice_is_repeated_only_if_it_was_never_sent() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock).only_not_sent();
    for (kind, attempts) in [(io::ErrorKind::TimedOut, 1), (io::ErrorKind::ConnectionRefused, 3)] {
        let calls = Calls::on(&clock);
        let result = drive(
            &clock,
            strategy.execute(|| async {
                calls.note();
                Err::<(), _>(io::Error::from(kind))
            }),
        );
        assert_eq!(calls.count(), attempts, "{kind:?}");
        assert!(result.is_err());
    }
}

/// Trap 15: a future that is polled after its end begins again, or breaks an invariant of its own.
#[test]
fn polled_after_its_end_an_operation_is_not_carried_out_again() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock);
    let calls = Calls::on(&clock);
    let mut operation = pin!(strategy.execute(|| async { Ok::<_, String>(calls.note()) }));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(operation.as_mut().poll(&mut cx).is_ready());
    // As any `async fn` it says that it has ended.
    let again = catch_unwind(AssertUnwindSafe(|| operation.as_mut().poll(&mut cx).is_ready()));
    assert!(again.is_err());
    assert_eq!(calls.count(), 1);
}

#[test]
fn zero_attempts_and_zero_delays_are_refused_by_name() {
    let strategy = RetryStrategy::new;
    for (error, name) in [
        (strategy().with_max_attempts(0).unwrap_err(), "max_attempts"),
        (strategy().with_base_delay(ms(0)).unwrap_err(), "base_delay"),
        (strategy().with_max_delay(ms(0)).unwrap_err(), "max_delay"),
    ] {
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn without_a_bound_it_goes_on_until_it_succeeds() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock).with_unlimited_attempts();
    assert_eq!(strategy.worst_case_duration(), None);
    let result = drive(&clock, strategy.execute(|| async { if calls.note() < 500 { Err("not yet") } else { Ok(()) } }));
    assert_eq!((result, calls.count()), (Ok(()), 500));
}

#[test]
fn blocking_operations_take_the_same_way() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock);
    // One thread blocks on the clock, this one steps it.
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| {
            let calls = Calls::on(&clock);
            let (result, metrics) = strategy.execute_sync_with_metrics("read", || {
                if calls.note() < 3 { Err(calls.count()) } else { Ok(calls.at_ms()) }
            });
            (result.unwrap(), metrics.attempts)
        });
        while !blocked.is_finished() {
            if clock.advance_to_next().is_none() {
                std::thread::yield_now();
            }
        }
        let (at, attempts) = blocked.join().unwrap();
        assert_eq!((at, attempts), (vec![0, 100, 300], 3));
    });
}

/// Every public future can move between threads.
#[test]
fn futures_are_send() {
    fn check<T: Send>(_: &T) {}
    let strategy = RetryStrategy::new();
    check(&strategy.execute(|| async { Ok::<_, String>(()) }));
    check(&strategy.execute_with_metrics("x", || async { Ok::<_, String>(()) }));
    check(&strategy.execute_classified(|_: &String| Class::Transient, || async { Ok::<_, String>(()) }));
    check(&strategy.execute_attempts(async |_| Ok::<_, String>(())));
}

/// What went wrong: an attempt that ran out of its time was repeated although it may have been sent, because only errors were
/// asked whether they say that it was not.
#[test]
fn what_must_not_happen_twice_is_not_repeated_after_an_attempt_without_an_answer() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock).only_not_sent().with_attempt_timeout(ms(50));
    let hang = || async {
        calls.note();
        pending::<Result<(), String>>().await
    };
    let (result, metrics) = drive(&clock, strategy.execute_with_metrics("pay", hang));
    assert_eq!(result.unwrap_err(), RetryError::Timeout { elapsed: ms(50), attempts: 1, source: None });
    assert_eq!((calls.count(), metrics.timed_out, metrics.total_delay), (1, true, ms(0)));
}
