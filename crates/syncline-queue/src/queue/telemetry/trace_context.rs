//! The trace in which an item was pushed, carried in its metadata: W3C Trace Context, `traceparent`.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::SyncItem;

/// The note that carries it.
const TRACEPARENT: &str = "traceparent";

/// The item with the current trace; `None` where there is none, or the item has one.
pub(super) fn carried(item: &SyncItem) -> Option<SyncItem> {
    if item.metadata.contains_key(TRACEPARENT) {
        return None;
    }
    let context = Span::current().context();
    let text = format(context.span().span_context())?;
    Some(item.clone().with_metadata(TRACEPARENT, text))
}

/// Links `span` to the trace in which `item` was pushed: a link and no parent, for between the two may lie days.
pub(super) fn link(span: &Span, item: &SyncItem) {
    if let Some(context) = item.metadata.get(TRACEPARENT).and_then(|text| parse(text)) {
        span.add_link(context);
    }
}

fn format(context: &SpanContext) -> Option<String> {
    context.is_valid().then(|| {
        let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags().to_u8());
        format!("00-{trace}-{span}-{flags:02x}")
    })
}

/// What version 00 says, and what a later version says of the same fields.
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_known = version != "ff" && (version != "00" || parts.next().is_none());
    let is_hex =
        |text: &str, len: usize| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !(is_known && is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2)) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_written_is_read() {
        let context = parse(TEXT).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(format(&context).as_deref(), Some(TEXT));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known_and_nonsense_is_none() {
        assert!(parse(&format!("01{}-more", &TEXT[2..])).is_some());
        for text in [
            "",
            "00",
            &TEXT[1..],
            &TEXT.to_uppercase(),
            &format!("{TEXT}-more"),
            &format!("ff{}", &TEXT[2..]),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0é",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
