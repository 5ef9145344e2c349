//! Calls as traces and OpenTelemetry metrics see them. Without the features a call is what it is about and nothing else.

#[cfg(feature = "otel")]
mod instruments;
#[cfg(feature = "tracing")]
mod span;
#[cfg(feature = "otel")]
mod trace_context;

use std::borrow::Cow;

#[cfg(feature = "otel")]
pub(super) use self::instruments::Instruments;
use super::Inner;
use crate::{QueueResult, SyncItem};

/// What a call does, in the words of OpenTelemetry's conventions for messaging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Push,
    Pop,
    Complete,
    Fail,
    Release,
    Extend,
    Cancel,
    Redrive,
}

/// What a call is about.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only spans tell it"))]
pub(super) struct About<'a> {
    pub(super) id: Option<&'a str>,
    /// What the item belongs to.
    pub(super) correlation: Option<&'a str>,
    /// Items, of a call that takes several.
    pub(super) count: Option<usize>,
}

impl<'a> About<'a> {
    pub(super) fn item(item: &'a SyncItem) -> Self {
        Self { id: Some(&item.id), correlation: item.correlation_id.as_deref(), count: None }
    }

    pub(super) fn id(id: &'a str) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    pub(super) fn batch(count: usize) -> Self {
        Self { count: Some(count), ..Self::default() }
    }
}

impl Inner {
    /// Carries out a call, with a span around it and its time measured where that is asked for.
    #[cfg(feature = "tracing")]
    pub(super) async fn traced<T>(
        &self,
        op: Op,
        about: About<'_>,
        call: impl Future<Output = QueueResult<T>>,
    ) -> QueueResult<T> {
        use tracing::Instrument as _;

        let span = span::of_call(&self.name, op, about);
        #[cfg(feature = "otel")]
        let began = self.clock.now();
        let answer = call.instrument(span.clone()).await;
        if let Err(error) = &answer {
            span::failed(&span, error);
        }
        #[cfg(feature = "otel")]
        if let Some(instruments) = self.instruments.get() {
            instruments.called(op, self.clock.now().saturating_since(began), answer.as_ref().err());
        }
        answer
    }

    /// Carries out a call.
    #[cfg(not(feature = "tracing"))]
    pub(super) fn traced<T, C: Future<Output = QueueResult<T>>>(&self, _op: Op, _about: About<'_>, call: C) -> C {
        call
    }

    /// Carries out a handler's work on `item`, in a span that is linked to the one in which it was pushed.
    #[cfg(feature = "tracing")]
    pub(super) fn processing<F: Future + Send>(
        &self,
        item: &SyncItem,
        work: F,
    ) -> impl Future<Output = F::Output> + Send + use<F> {
        use tracing::Instrument as _;

        let span = span::of_processing(&self.name, item);
        #[cfg(feature = "otel")]
        trace_context::link(&span, item);
        work.instrument(span)
    }

    /// Carries out a handler's work on `item`.
    #[cfg(not(feature = "tracing"))]
    pub(super) fn processing<F: Future + Send>(
        &self,
        _item: &SyncItem,
        work: F,
    ) -> impl Future<Output = F::Output> + Send + use<F> {
        work
    }
}

/// The item with the trace that it is pushed in, where there is one and it has none.
pub(super) fn with_trace(item: &SyncItem) -> Cow<'_, SyncItem> {
    #[cfg(feature = "otel")]
    if let Some(item) = trace_context::carried(item) {
        return Cow::Owned(item);
    }
    Cow::Borrowed(item)
}

/// The same of several.
pub(super) fn with_traces(items: &[SyncItem]) -> Cow<'_, [SyncItem]> {
    #[cfg(feature = "otel")]
    if items.iter().any(|item| trace_context::carried(item).is_some()) {
        return items.iter().map(|item| with_trace(item).into_owned()).collect();
    }
    Cow::Borrowed(items)
}
