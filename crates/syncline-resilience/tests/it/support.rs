//! Time that passes only when nobody has anything else to do.

use std::{
    cell::Cell,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use syncline_resilience::{
    MockClock, RetryStrategy,
    time::{Clock as _, Instant},
};

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

/// Counts calls, and says when each came.
#[derive(Debug)]
pub(crate) struct Calls {
    clock: MockClock,
    start: Instant,
    count: Cell<u32>,
    at: std::cell::RefCell<Vec<Duration>>,
}

impl Calls {
    pub(crate) fn on(clock: &MockClock) -> Self {
        Self {
            clock: clock.clone(),
            start: clock.now(),
            count: Cell::new(0),
            at: Default::default(),
        }
    }

    /// Notes a call; the number of it, from 1.
    pub(crate) fn note(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        self.at.borrow_mut().push(self.clock.now().saturating_since(self.start));
        self.count.get()
    }

    pub(crate) fn count(&self) -> u32 {
        self.count.get()
    }

    /// Since the start, in milliseconds.
    pub(crate) fn at_ms(&self) -> Vec<u128> {
        self.at.borrow().iter().map(Duration::as_millis).collect()
    }
}

/// Three attempts, 100 ms and 200 ms apart, without jitter.
pub(crate) fn three_attempts(clock: &MockClock) -> RetryStrategy<MockClock> {
    RetryStrategy::with_clock(clock.clone())
        .with_max_attempts(3)
        .and_then(|strategy| strategy.with_base_delay(ms(100)))
        .unwrap()
        .with_jitter_factor(0.0)
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
