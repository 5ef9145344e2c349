//! Spans of calls, with the fields of OpenTelemetry's conventions for messaging.
//!
//! | span | kind | operation type |
//! |---|---|---|
//! | `push <queue>` | producer | send |
//! | `pop <queue>` | client | receive |
//! | `process <queue>` | consumer | process |
//! | `complete`, `fail`, `release`, `extend`, `cancel`, `redrive` | client | settle |

use tracing::{Span, field::Empty};

use super::{About, Op};
use crate::{QueueError, SyncItem, TRACING_TARGET};

/// What kind of system it is, as the conventions ask.
pub(super) const SYSTEM: &str = "sync_queue";

impl Op {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pop => "pop",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::Release => "release",
            Self::Extend => "extend",
            Self::Cancel => "cancel",
            Self::Redrive => "redrive",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Push => "producer",
            _ => "client",
        }
    }

    const fn operation_type(self) -> &'static str {
        match self {
            Self::Push => "send",
            Self::Pop => "receive",
            Self::Complete | Self::Fail | Self::Release | Self::Extend | Self::Cancel | Self::Redrive => "settle",
        }
    }
}

/// The span of a call.
pub(super) fn of_call(queue: &str, op: Op, about: About<'_>) -> Span {
    tracing::info_span!(
        target: TRACING_TARGET,
        "queue",
        "otel.name" = format_args!("{} {queue}", op.name()),
        "otel.kind" = op.kind(),
        "otel.status_code" = Empty,
        "messaging.system" = SYSTEM,
        "messaging.operation.name" = op.name(),
        "messaging.operation.type" = op.operation_type(),
        "messaging.destination.name" = queue,
        "messaging.message.id" = about.id,
        "messaging.message.conversation_id" = about.correlation,
        "messaging.batch.message_count" = about.count.and_then(|count| i64::try_from(count).ok()),
        "error.type" = Empty,
    )
}

/// The span of a handler's work.
pub(super) fn of_processing(queue: &str, item: &SyncItem) -> Span {
    tracing::info_span!(
        target: TRACING_TARGET,
        parent: None,
        "queue",
        "otel.name" = format_args!("process {queue}"),
        "otel.kind" = "consumer",
        "messaging.system" = SYSTEM,
        "messaging.operation.name" = "process",
        "messaging.operation.type" = "process",
        "messaging.destination.name" = queue,
        "messaging.message.id" = item.id,
        "messaging.message.conversation_id" = item.correlation_id,
        "attempt" = i64::from(item.retry_count) + 1,
    )
}

/// The call of `span` failed.
pub(super) fn failed(span: &Span, error: &QueueError) {
    span.record("error.type", error.name());
    span.record("otel.status_code", "ERROR");
}
