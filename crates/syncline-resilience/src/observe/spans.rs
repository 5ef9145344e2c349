//! A span for each operation, and inside of it a child for each attempt.
//!
//! | span | field | says |
//! |---|---|---|
//! | `retry` | `operation` | its name, where it has one |
//! | | `attempts` | how many ran |
//! | | `retry.total_delay_ms` | all delays between them |
//! | | `outcome` | `success`, or why it failed: the reasons of the metrics |
//! | `attempt` | `retry.attempt` | its number, 1 for the first |
//! | | `retry.delay_ms` | the delay before it, which is no part of it |
//! | | `outcome` | `success`, `failure`, `timeout`, `cancelled`, `panicked` |
//! | | `error.class`, `error.type` | of what it failed with: how it was judged, and its Rust type |
//! | | `duration_ms` | how long it took, by the clock of the strategy |
//!
//! Spans of what failed say `otel.status_code` too, by which OpenTelemetry marks them. The level is `INFO`. Counts are signed,
//! because OpenTelemetry has no other integers and would be given text.

use std::{any::type_name, fmt::Display, mem, time::Duration};

use tracing::{Span, field::Empty};

use super::{Outcome, outcome::Reason};
use crate::{
    Class, TRACING_TARGET,
    time::{Clock, Instant},
};

/// The span of an operation, until it ended.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    span: Span,
    clock: &'a dyn Clock,
    attempts: u32,
    total_delay: Duration,
    /// Before the attempt that comes next.
    delay: Option<Duration>,
}

impl<'a> Operation<'a> {
    pub(super) fn begin(name: Option<&'a str>, clock: &'a dyn Clock) -> Self {
        let span = tracing::info_span!(
            target: TRACING_TARGET,
            "retry",
            operation = name,
            attempts = Empty,
            outcome = Empty,
            "retry.total_delay_ms" = Empty,
            "otel.status_code" = Empty,
        );
        Self { span, clock, attempts: 0, total_delay: Duration::ZERO, delay: None }
    }

    pub(super) fn attempt(&mut self, number: u32) -> Attempt<'a> {
        self.attempts = number;
        let delay_ms = self.delay.take().map(millis);
        // A child of a span that nobody sees would look like a root.
        let span = if self.span.is_disabled() {
            Span::none()
        } else {
            tracing::info_span!(
                target: TRACING_TARGET,
                parent: &self.span,
                "attempt",
                "retry.attempt" = i64::from(number),
                "retry.delay_ms" = delay_ms,
                outcome = Empty,
                "error.class" = Empty,
                "error.type" = Empty,
                "error.message" = Empty,
                duration_ms = Empty,
                "otel.status_code" = Empty,
            )
        };
        let began = (!span.is_disabled()).then(|| self.clock.now());
        Attempt { span, clock: self.clock, began }
    }

    pub(super) fn waits(&mut self, delay: Duration) {
        self.total_delay = self.total_delay.saturating_add(delay);
        self.delay = Some(delay);
    }

    pub(super) fn ended(&mut self, outcome: Outcome) {
        // Its end is now, however long its owner lives.
        let span = mem::replace(&mut self.span, Span::none());
        if span.is_disabled() {
            return;
        }
        span.record("attempts", i64::from(self.attempts));
        span.record("retry.total_delay_ms", millis(self.total_delay));
        match outcome {
            Outcome::Succeeded => {
                span.record("outcome", "success");
            }
            Outcome::Failed(reason) => {
                span.record("outcome", reason.label());
                mark(&span, reason);
            }
        }
    }
}

impl Drop for Operation<'_> {
    fn drop(&mut self) {
        self.ended(Outcome::Failed(Reason::of_drop()));
    }
}

/// The span of an attempt, until it ended. One that is dropped before was cancelled.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    span: Span,
    clock: &'a dyn Clock,
    /// `None` where nobody sees the span.
    began: Option<Instant>,
}

/// While it lives, what happens on this thread belongs to the attempt.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    _span: tracing::span::Entered<'a>,
}

impl Attempt<'_> {
    /// Around each poll or call of the attempt.
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered { _span: self.span.enter() }
    }

    pub(crate) fn succeeded(mut self) {
        self.end("success");
    }

    pub(crate) fn failed<E>(mut self, class: Class, text: Option<&dyn Display>) {
        self.span.record("error.class", name_of(class));
        if let Some(text) = text {
            self.span.record("error.message", tracing::field::display(text));
        }
        self.span.record("error.type", type_name::<E>());
        self.span.record("otel.status_code", "ERROR");
        self.end("failure");
    }

    pub(crate) fn timed_out(mut self) {
        self.span.record("otel.status_code", "ERROR");
        self.end(Reason::Timeout.label());
    }

    fn end(&mut self, outcome: &str) {
        let Some(began) = self.began.take() else { return };
        self.span.record("outcome", outcome);
        self.span.record("duration_ms", millis(self.clock.now().saturating_since(began)));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.began.is_some() {
            let reason = Reason::of_drop();
            mark(&self.span, reason);
            self.end(reason.label());
        }
    }
}

/// Marks what failed. To be cancelled is no failure.
fn mark(span: &Span, reason: Reason) {
    if reason != Reason::Cancelled {
        span.record("otel.status_code", "ERROR");
    }
}

const fn name_of(class: Class) -> &'static str {
    match class {
        Class::Transient => "transient",
        Class::Throttled { .. } => "throttled",
        Class::Permanent => "permanent",
        Class::NotSent => "not_sent",
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
