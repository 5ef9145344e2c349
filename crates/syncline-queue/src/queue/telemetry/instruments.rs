//! What OpenTelemetry's conventions for messaging measure of a client.

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};

use super::{Op, span::SYSTEM};
use crate::{QueueError, SyncQueue};

/// Seconds, as the conventions ask.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Made once for a queue.
#[derive(Debug)]
pub(in crate::queue) struct Instruments {
    queue: String,
    operations: Histogram<f64>,
    processing: Histogram<f64>,
    sent: Counter<u64>,
    consumed: Counter<u64>,
}

impl SyncQueue {
    /// Measures this queue with `meter` from now on, by OpenTelemetry's conventions for messaging:
    /// `messaging.client.operation.duration` and `messaging.process.duration` in seconds, `messaging.client.sent.messages` and
    /// `messaging.client.consumed.messages`. The conventions may still change. Returns whether it does: the first meter stays.
    pub fn measure(&self, meter: &Meter) -> bool {
        self.inner.instruments.set(Instruments::new(self.name(), meter)).is_ok()
    }
}

impl Instruments {
    fn new(queue: &str, meter: &Meter) -> Self {
        let seconds = |name, description: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(BOUNDS.to_vec()).build()
        };
        let messages = |name, description: &'static str| {
            meter.u64_counter(name).with_unit("{message}").with_description(description).build()
        };
        Self {
            queue: queue.to_owned(),
            operations: seconds("messaging.client.operation.duration", "How long calls of the queue took."),
            processing: seconds("messaging.process.duration", "How long items were in hand."),
            sent: messages("messaging.client.sent.messages", "Items that were pushed."),
            consumed: messages("messaging.client.consumed.messages", "Items that were handed out."),
        }
    }

    /// A call took so long.
    pub(super) fn called(&self, op: Op, took: Duration, error: Option<&QueueError>) {
        self.operations
            .record(took.as_secs_f64(), &self.attributes(op.name(), error.map(QueueError::name)));
    }

    pub(in crate::queue) fn sent(&self, count: u64) {
        self.sent.add(count, &self.attributes(Op::Push.name(), None));
    }

    pub(in crate::queue) fn consumed(&self, count: u64) {
        self.consumed.add(count, &self.attributes(Op::Pop.name(), None));
    }

    /// An item was in hand so long, until it was completed, or not.
    pub(in crate::queue) fn processed(&self, took: Duration, is_completed: bool) {
        let error = (!is_completed).then_some("failed");
        self.processing.record(took.as_secs_f64(), &self.attributes("process", error));
    }

    fn attributes(&self, operation: &'static str, error: Option<&'static str>) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new("messaging.system", SYSTEM),
            KeyValue::new("messaging.operation.name", operation),
            KeyValue::new("messaging.destination.name", self.queue.clone()),
        ];
        attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
        attributes
    }
}
