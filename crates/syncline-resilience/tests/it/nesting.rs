//! Strategies inside attempts of others.

use syncline_resilience::{MockClock, RetryError, StoppedBy};

use crate::support::{Calls, drive, three_attempts};

/// Trap 54: three layers that each try three times call the last one 27 times.
#[test]
fn layers_do_not_multiply() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let [outer, middle, inner] = [(); 3].map(|()| three_attempts(&clock));
    let result = drive(
        &clock,
        outer.execute_classified(
            |_| syncline_resilience::Class::Transient,
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
        outer.execute_classified(
            |_| syncline_resilience::Class::Transient,
            || inner.execute(|| async { Err::<(), _>(calls.note()) }),
        ),
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
