//! Services that do what a test says.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use syncline_resilience::{MockClock, RetryStrategy};
use tower::Service;

/// Awaits `future`, stepping `clock` to the next deadline whenever it waits.
pub(crate) fn drive<F: Future>(clock: &MockClock, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
        clock.advance_to_next().expect("it waits for something other than time");
    }
}

pub(crate) fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls `service` ready and calls it.
pub(crate) fn call<S, R>(service: &mut S, request: R) -> S::Future
where
    S: Service<R>,
    S::Error: std::fmt::Debug,
{
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(ready, Poll::Ready(Ok(()))), "{ready:?}");
    service.call(request)
}

/// Three attempts, 100 ms and 200 ms apart, without jitter.
pub(crate) fn three_attempts(clock: &MockClock) -> RetryStrategy<MockClock> {
    RetryStrategy::with_clock(clock.clone())
        .with_max_attempts(3)
        .and_then(|strategy| strategy.with_base_delay(Duration::from_millis(100)))
        .unwrap()
        .with_jitter_factor(0.0)
}

/// An error that cannot be cloned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Down(pub(crate) u32);

/// Fails the first calls, and insists that each is made on the clone that was polled ready for it.
#[derive(Debug)]
pub(crate) struct Flaky {
    pub(crate) counts: Arc<Counts>,
    failures: u32,
    is_ready: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) ready: AtomicU32,
    pub(crate) calls: AtomicU32,
}

impl Counts {
    pub(crate) fn both(&self) -> (u32, u32) {
        (self.ready.load(Ordering::Relaxed), self.calls.load(Ordering::Relaxed))
    }
}

impl Flaky {
    pub(crate) fn failing(failures: u32) -> Self {
        Self { counts: Arc::default(), failures, is_ready: false }
    }
}

impl Clone for Flaky {
    fn clone(&self) -> Self {
        Self { counts: self.counts.clone(), failures: self.failures, is_ready: false }
    }
}

impl<R> Service<R> for Flaky {
    type Response = u32;
    type Error = Down;
    type Future = std::future::Ready<Result<u32, Down>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Down>> {
        self.counts.ready.fetch_add(1, Ordering::Relaxed);
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without being polled ready");
        let number = self.counts.calls.fetch_add(1, Ordering::Relaxed) + 1;
        std::future::ready(if number > self.failures { Ok(number) } else { Err(Down(number)) })
    }
}

pub(crate) fn assert_send<T: Send>(_: &T) {}
