//! Spans of operations and attempts.

use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use syncline_resilience::{Class, MockClock};

use crate::support::{Closed, Memory, drive, three_attempts};

/// The values of `field` in the spans of that name, in the order in which they closed.
fn values<'a>(spans: &'a [Closed], name: &str, field: &str) -> Vec<Option<&'a str>> {
    spans.iter().filter(|span| span.name == name).map(|span| span.field(field)).collect()
}

#[test]
fn an_operation_says_how_often_it_was_tried_and_how_it_ended() {
    let clock = MockClock::new();
    let mut failures = 2;
    let (memory, result) = Memory::of(|| {
        let strategy = three_attempts(&clock);
        let operation = strategy.execute_with_metrics("load", || {
            failures -= 1;
            let result = if failures >= 0 { Err("down") } else { Ok(()) };
            async move { result }
        });
        drive(&clock, operation).0
    });
    assert_eq!(result, Ok(()));
    let spans = memory.spans();
    let operation = spans.last().unwrap();
    assert_eq!((operation.name, operation.parent), ("retry", None));
    assert_eq!(operation.field("operation"), Some("load"));
    assert_eq!(operation.field("attempts"), Some("3"));
    assert_eq!(operation.field("outcome"), Some("success"));
    assert_eq!(operation.field("retry.total_delay_ms"), Some("300.0"));
    assert_eq!(operation.field("otel.status_code"), None);
}

#[test]
fn each_attempt_is_a_child_with_its_number_and_its_failure() {
    let clock = MockClock::new();
    let (memory, _) = Memory::of(|| {
        drive(&clock, three_attempts(&clock).execute(|| async { Err::<(), _>(std::io::Error::other("down")) }))
    });
    let spans = memory.spans();
    assert_eq!(values(&spans, "attempt", "retry.attempt"), [Some("1"), Some("2"), Some("3")]);
    assert_eq!(values(&spans, "attempt", "error.class"), [Some("transient"); 3]);
    assert_eq!(values(&spans, "attempt", "error.type"), [Some("std::io::error::Error"); 3]);
    assert_eq!(values(&spans, "attempt", "outcome"), [Some("failure"); 3]);
    assert_eq!(values(&spans, "retry", "outcome"), [Some("exhausted")]);
    assert!(spans.iter().all(|span| span.name == "retry" || span.parent == Some("retry")), "{spans:?}");
}

#[test]
fn a_delay_is_told_by_the_attempt_after_it_and_is_no_part_of_any() {
    let clock = MockClock::new();
    let takes_a_second = || {
        clock.advance(Duration::from_secs(1));
        async { Err::<(), _>("down") }
    };
    let (memory, _) = Memory::of(|| drive(&clock, three_attempts(&clock).execute(takes_a_second)));
    let spans = memory.spans();
    assert_eq!(values(&spans, "attempt", "retry.delay_ms"), [None, Some("100.0"), Some("200.0")]);
    assert_eq!(values(&spans, "attempt", "duration_ms"), [Some("1000.0"); 3]);
}

#[test]
fn what_an_attempt_does_is_inside_of_it_and_a_sleep_is_not() {
    let clock = MockClock::new();
    let (memory, _) = Memory::of(|| {
        let strategy = three_attempts(&clock);
        let mut operation = pin!(strategy.execute(|| async {
            tracing::info!("inside");
            Err::<(), _>("down")
        }));
        let polled = operation.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        tracing::info!("asleep");
    });
    let inside: Vec<_> = memory.events().iter().map(|event| event.span).collect();
    assert_eq!(inside, [Some("attempt"), None]);
}

#[test]
fn an_operation_inside_an_attempt_is_its_child() {
    let clock = MockClock::new();
    let (memory, _) = Memory::of(|| {
        let strategy = three_attempts(&clock);
        drive(&clock, strategy.execute(|| strategy.execute(|| async { Ok::<_, String>(()) })))
    });
    let parents: Vec<_> = memory.spans().iter().map(|span| (span.name, span.parent)).collect();
    let expected =
        [("attempt", Some("retry")), ("retry", Some("attempt")), ("attempt", Some("retry")), ("retry", None)];
    assert_eq!(parents, expected);
}

#[test]
fn an_operation_that_is_dropped_was_cancelled() {
    let clock = MockClock::new();
    let (memory, ()) = Memory::of(|| {
        let strategy = three_attempts(&clock);
        let mut operation = pin!(strategy.execute(pending::<Result<(), String>>));
        assert!(operation.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
    let spans = memory.spans();
    assert_eq!(values(&spans, "attempt", "outcome"), [Some("cancelled")]);
    assert_eq!(values(&spans, "retry", "outcome"), [Some("cancelled")]);
    assert_eq!(values(&spans, "retry", "attempts"), [Some("1")]);
    assert_eq!(values(&spans, "retry", "otel.status_code"), [None]);
}

#[test]
fn an_operation_that_panicked_says_so() {
    let clock = MockClock::new();
    let (memory, _) = Memory::of(|| {
        let operation = || -> Result<(), String> { panic!("boom") };
        catch_unwind(AssertUnwindSafe(|| three_attempts(&clock).execute_sync(operation)))
    });
    let spans = memory.spans();
    assert_eq!(values(&spans, "attempt", "outcome"), [Some("panicked")]);
    assert_eq!(values(&spans, "retry", "outcome"), [Some("panicked")]);
}

#[test]
fn an_attempt_without_an_answer_timed_out() {
    let clock = MockClock::new();
    let (memory, _) = Memory::of(|| {
        let strategy = three_attempts(&clock).with_attempt_timeout(Duration::from_secs(2));
        drive(&clock, strategy.execute(pending::<Result<(), String>>))
    });
    let spans = memory.spans();
    assert_eq!(values(&spans, "attempt", "outcome"), [Some("timeout"); 3]);
    assert_eq!(values(&spans, "attempt", "duration_ms"), [Some("2000.0"); 3]);
    assert_eq!(values(&spans, "retry", "outcome"), [Some("timeout")]);
}

/// Errors that borrow, and have no traits at all, can be watched too.
#[test]
fn an_error_of_any_type_is_told_by_its_class_and_type() {
    struct Plain<'a>(&'a str);
    let (clock, text) = (MockClock::new(), "borrowed".to_owned());
    let (memory, result) = Memory::of(|| {
        let classify = |_: &Plain<'_>| Class::Permanent;
        drive(&clock, three_attempts(&clock).execute_classified(classify, || async { Err::<(), _>(Plain(&text)) }))
    });
    assert_eq!(result.unwrap_err().into_source().map(|plain| plain.0), Some("borrowed"));
    let spans = memory.spans();
    assert_eq!(values(&spans, "attempt", "error.class"), [Some("permanent")]);
    let [Some(error_type)] = values(&spans, "attempt", "error.type")[..] else { panic!("{spans:?}") };
    assert!(error_type.contains("Plain"), "{error_type}");
}
