//! A subscriber that remembers, and time that passes only when nobody has anything else to do.

use std::{
    collections::BTreeMap,
    fmt,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use syncline_resilience::{MockClock, RetryStrategy};
use tracing::{
    Event, Id, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
};
use tracing_subscriber::{Layer, layer, layer::SubscriberExt as _, registry::LookupSpan};

/// Awaits `future`, stepping `clock` to the next deadline whenever it waits.
pub(crate) fn drive<F: Future>(clock: &MockClock, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        clock.advance_to_next().expect("it waits for something other than time");
    }
}

/// Three attempts, 100 ms and 200 ms apart, without jitter.
pub(crate) fn three_attempts(clock: &MockClock) -> RetryStrategy<MockClock> {
    RetryStrategy::with_clock(clock.clone())
        .with_max_attempts(3)
        .and_then(|strategy| strategy.with_base_delay(Duration::from_millis(100)))
        .unwrap()
        .with_jitter_factor(0.0)
}

/// Fields as text, by name.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// What a span was, when it closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) name: &'static str,
    pub(crate) parent: Option<&'static str>,
    pub(crate) fields: Fields,
}

impl Closed {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// An event, and the span that it was in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) level: tracing::Level,
    pub(crate) span: Option<&'static str>,
}

/// Remembers spans in the order in which they closed, and events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<(Vec<Closed>, Vec<Seen>)>>);

impl Memory {
    /// Remembers what this thread does in `what`.
    pub(crate) fn of<T>(what: impl FnOnce() -> T) -> (Self, T) {
        let memory = Self::default();
        let subscriber = tracing_subscriber::registry().with(memory.clone());
        let output = tracing::subscriber::with_default(subscriber, what);
        (memory, output)
    }

    pub(crate) fn spans(&self) -> Vec<Closed> {
        self.0.lock().unwrap().0.clone()
    }

    pub(crate) fn events(&self) -> Vec<Seen> {
        self.0.lock().unwrap().1.clone()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Memory {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let mut fields = Text::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: layer::Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        values.record(extensions.get_mut::<Text>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: layer::Context<'_, S>) {
        let metadata = event.metadata();
        let span = context.event_span(event).map(|span| span.name());
        let seen = Seen { target: metadata.target().to_owned(), level: *metadata.level(), span };
        self.0.lock().unwrap().1.push(seen);
    }

    fn on_close(&self, id: Id, context: layer::Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let fields = span.extensions_mut().remove::<Text>().unwrap().0;
        let closed = Closed { name: span.name(), parent: span.parent().map(|parent| parent.name()), fields };
        self.0.lock().unwrap().0.push(closed);
    }
}

#[derive(Default)]
struct Text(Fields);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
