//! Spans as OpenTelemetry exports them.

use opentelemetry::{
    Value,
    trace::{SpanId, Status, TracerProvider as _},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use syncline_resilience::MockClock;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{drive, three_attempts};

/// What is exported of what this thread does in `what`, in the order in which it ended.
fn exported(what: impl FnOnce()) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), what);
    exporter.get_finished_spans().unwrap()
}

fn attribute(span: &SpanData, name: &str) -> Option<Value> {
    let mut found = span.attributes.iter().filter(|pair| pair.key.as_str() == name);
    let value = found.next().map(|pair| pair.value.clone());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

fn is_failed(span: &SpanData) -> bool {
    matches!(span.status, Status::Error { .. })
}

/// Two attempts of an operation that takes 40 ms each, the first of which fails.
fn a_retried_operation() -> Vec<SpanData> {
    let clock = MockClock::new();
    exported(|| {
        let mut results = [Err("down"), Ok(())].into_iter();
        let strategy = three_attempts(&clock);
        let operation = strategy.execute_with_metrics("load", || {
            clock.advance(std::time::Duration::from_millis(40));
            let result = results.next().unwrap();
            async move { result }
        });
        drive(&clock, operation).0.unwrap();
    })
}

#[test]
fn an_exported_operation_has_its_outcome_and_its_accumulated_delay() {
    let spans = a_retried_operation();
    let operation = spans.last().unwrap();
    assert_eq!((&*operation.name, operation.parent_span_id), ("retry", SpanId::INVALID));
    assert_eq!(attribute(operation, "operation"), Some("load".into()));
    assert_eq!(attribute(operation, "attempts"), Some(2.into()));
    assert_eq!(attribute(operation, "outcome"), Some("success".into()));
    assert_eq!(attribute(operation, "retry.total_delay_ms"), Some(100.0.into()));
    assert!(!is_failed(operation));
}

#[test]
fn exported_attempts_are_children_with_number_duration_and_reason() {
    let spans = a_retried_operation();
    let [first, second, operation] = &spans[..] else { panic!("{spans:?}") };
    for (number, attempt) in [(1, first), (2, second)] {
        assert_eq!(attempt.parent_span_id, operation.span_context.span_id());
        assert_eq!(attempt.span_context.trace_id(), operation.span_context.trace_id());
        assert_eq!(attribute(attempt, "retry.attempt"), Some(number.into()));
        assert_eq!(attribute(attempt, "duration_ms"), Some(40.0.into()));
    }
    assert_eq!(attribute(first, "outcome"), Some("failure".into()));
    assert_eq!(attribute(first, "error.class"), Some("transient".into()));
    assert_eq!(attribute(first, "error.type"), Some("&str".into()));
    assert_eq!(attribute(first, "error.message"), Some("down".into()));
    assert_eq!(attribute(second, "outcome"), Some("success".into()));
    assert_eq!(attribute(second, "retry.delay_ms"), Some(100.0.into()));
    assert_eq!((is_failed(first), is_failed(second)), (true, false));
}

#[test]
fn an_exported_exhaustion_is_marked_as_an_error() {
    let clock = MockClock::new();
    let spans = exported(|| {
        drive(&clock, three_attempts(&clock).execute(|| async { Err::<(), _>("down") })).unwrap_err();
    });
    let operation = spans.last().unwrap();
    assert_eq!(attribute(operation, "outcome"), Some("exhausted".into()));
    assert_eq!(spans.iter().filter(|span| is_failed(span)).count(), 4);
}
