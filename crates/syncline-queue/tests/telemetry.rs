//! Calls as OpenTelemetry exports them.

use std::time::Duration;

use opentelemetry::{
    Value,
    metrics::MeterProvider as _,
    trace::{SpanKind, Status, TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider},
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};
use serde_json::{Value as Json, json};
use syncline_queue::{JobContext, JobError, Priority, QueueResult, SyncItem, SyncQueue, Worker};
use tracing::{Instrument as _, subscriber::DefaultGuard};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// Exports what this thread does until the guard is dropped.
fn exporting() -> (InMemorySpanExporter, DefaultGuard) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
    (exporter, tracing::subscriber::set_default(tracing_subscriber::registry().with(layer)))
}

fn attribute(span: &SpanData, name: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|pair| pair.key.as_str() == name);
    found.map(|pair| pair.value.clone())
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"))
}

fn item(id: &str) -> SyncItem {
    SyncItem::with_id(id, json!({}), Priority::Normal)
}

#[tokio::test]
async fn work_is_linked_to_the_trace_that_pushed_it_and_is_no_child_of_it() -> QueueResult<()> {
    let (exporter, _guard) = exporting();
    let queue = SyncQueue::new();
    let request = tracing::info_span!("request");
    let trace = request.context().span().span_context().trace_id();
    queue.push(item("a").with_correlation_id("order 7")).instrument(request).await?;
    let kept = queue.get("a").await?.unwrap();
    assert!(kept.metadata["traceparent"].contains(&trace.to_string()), "{:?}", kept.metadata);

    let worker = Worker::builder(&queue, |_: Json, job: JobContext| async move {
        if job.item().id == "a" {
            job.follow(item("b"));
        }
        Ok::<_, JobError>(())
    })
    .start()?;
    while !queue.is_idle() {
        tokio::task::yield_now().await;
    }
    worker.shutdown().await?;

    let spans = exporter.get_finished_spans().unwrap();
    let push = named(&spans, "push queue");
    assert_eq!((push.span_kind.clone(), push.span_context.trace_id()), (SpanKind::Producer, trace));
    assert_eq!(attribute(push, "messaging.message.id"), Some("a".into()));
    assert_eq!(attribute(push, "messaging.message.conversation_id"), Some("order 7".into()));
    assert_eq!(attribute(push, "messaging.system"), Some("sync_queue".into()));
    let worked: Vec<_> = spans.iter().filter(|span| span.name == "process queue").collect();
    assert_eq!(worked.len(), 2, "{spans:#?}");
    for (work, cause) in [(worked[0], push), (worked[1], worked[0])] {
        assert_eq!(work.span_kind, SpanKind::Consumer);
        assert_ne!(work.span_context.trace_id(), cause.span_context.trace_id(), "a link and no parent");
        let links: Vec<_> = work.links.iter().map(|link| link.span_context.trace_id()).collect();
        assert_eq!(links, [cause.span_context.trace_id()]);
    }
    assert_eq!(worked[0].links[0].span_context.span_id(), push.span_context.span_id());
    assert_eq!(named(&spans, "complete queue").span_kind, SpanKind::Client);
    Ok(())
}

#[tokio::test]
async fn a_call_that_fails_is_marked_with_its_error() {
    let (exporter, _guard) = exporting();
    let queue = SyncQueue::new();
    queue.mark_completed("nobody").await.unwrap_err();
    queue.push_batch(vec![item("a"), item("b")]).await.unwrap();
    let spans = exporter.get_finished_spans().unwrap();
    let failed = named(&spans, "complete queue");
    assert_eq!(attribute(failed, "error.type"), Some("ItemNotFound".into()));
    assert!(matches!(failed.status, Status::Error { .. }), "{:?}", failed.status);
    let push = named(&spans, "push queue");
    assert_eq!(attribute(push, "messaging.batch.message_count"), Some(2.into()));
    assert_eq!((attribute(push, "error.type"), &push.status), (None, &Status::Unset));
}

#[tokio::test]
async fn a_trace_that_an_item_carries_is_kept_and_without_one_none_is_added() {
    let queue = SyncQueue::new();
    queue.push(item("plain")).await.unwrap();
    assert!(queue.get("plain").await.unwrap().unwrap().metadata.is_empty());
    let (_exporter, _guard) = exporting();
    let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    queue.push(item("theirs").with_metadata("traceparent", theirs)).await.unwrap();
    assert_eq!(queue.get("theirs").await.unwrap().unwrap().metadata["traceparent"], theirs);
}

#[tokio::test]
async fn a_meter_measures_calls_and_work_under_the_conventions_names() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).with_interval(Duration::from_hours(1)).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let queue = SyncQueue::new();
    assert!(queue.measure(&provider.meter("tests")));
    assert!(!queue.measure(&provider.meter("others")), "the first meter stays");
    queue.push_batch(vec![item("a"), item("b")]).await.unwrap();
    let popped = queue.pop_batch(2).await.unwrap();
    assert_eq!(popped.len(), 2);
    queue.mark_completed("a").await.unwrap();
    queue.mark_failed("b", None).await.unwrap();
    provider.force_flush().unwrap();
    let seen = format!("{:?}", exporter.get_finished_metrics().unwrap());
    for name in [
        "messaging.client.operation.duration",
        "messaging.process.duration",
        "messaging.client.sent.messages",
        "messaging.client.consumed.messages",
        "sync_queue",
    ] {
        assert!(seen.contains(name), "{name} in {seen}");
    }
}
