//! Strategies inside attempts of others.

use syncline_resilience::{Backoff, Class, MockClock, RetryError, RetryStrategy, StoppedBy};

use crate::support::{Calls, drive, ms, three_attempts};

/// Trap 54: three layers that each try three times call the last one 27 times.
#[test]
fn layers_do_not_multiply() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let [outer, middle, inner] = [(); 3].map(|()| three_attempts(&clock));
    let result = drive(
        &clock,
        outer.execute_classified(
            |_| Class::Transient,
            || middle.execute(|| inner.execute(|| async { Err::<(), _>(calls.note()) })),
        ),
    );
    assert_eq!(calls.count(), 3);
    let innermost = result.unwrap_err().into_source().and_then(RetryError::into_source);
    let expected = RetryError::AttemptsExhausted { attempts: 1, source: 3, stopped_by: StoppedBy::Nested };
    assert_eq!(innermost, Some(expected));
}

#[test]
fn a_layer_that_was_told_to_retries_all_the_same() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let outer = three_attempts(&clock);
    let inner = three_attempts(&clock).with_nested_retries();
    let _ = drive(
        &clock,
        outer.execute_classified(|_| Class::Transient, || inner.execute(|| async { Err::<(), _>(calls.note()) })),
    );
    assert_eq!(calls.count(), 9);
}

#[test]
fn beside_an_attempt_nothing_is_nested() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock);
    let one = strategy.execute(|| async { Err::<(), _>(calls.note()) });
    let other = strategy.execute(|| async { Err::<(), _>(calls.note()) });
    drive(&clock, async { tokio::join!(one, other) }).0.unwrap_err();
    assert_eq!(calls.count(), 6);
}

/// What went wrong: an operation inside an attempt made its single attempt, and the strategy around it took what came of it for
/// retried already: of two strategies that each try three times, neither retried.
#[test]
fn the_outer_layer_retries_what_the_inner_one_left_to_it() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let [outer, inner] = [(); 2].map(|()| three_attempts(&clock));
    let result = drive(&clock, outer.execute(|| inner.execute(|| async { Err::<(), _>(format!("{}", calls.note())) })));
    assert_eq!(calls.count(), 3);
    let innermost = result.unwrap_err().into_source().and_then(RetryError::into_source);
    assert_eq!(innermost.as_deref(), Some("3"));
    // What the inner one can tell will not pass is final to the outer one too.
    let calls = Calls::on(&clock);
    let final_inside =
        || inner.execute_classified(|_| Class::Permanent, || async { Err::<(), _>(format!("{}", calls.note())) });
    drive(&clock, outer.execute(final_inside)).unwrap_err();
    assert_eq!(calls.count(), 1);
}

/// What went wrong: a closure was called before its attempt was marked, so that what it did before its future was awaited was
/// nested in nothing, and retried.
#[test]
fn what_a_closure_does_before_its_future_is_inside_the_attempt() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let outer = three_attempts(&clock);
    let inner = RetryStrategy::with_clock(clock.clone()).with_backoff(Backoff::constant(ms(0)));
    let result = drive(
        &clock,
        outer.execute_classified(
            |_| Class::Transient,
            || {
                let answer = inner.execute_sync(|| Err::<(), _>(calls.note()));
                async move { answer }
            },
        ),
    );
    assert!(result.is_err());
    assert_eq!(calls.count(), 3);
}
