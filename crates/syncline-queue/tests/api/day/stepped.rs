//! Tasks on a clock that stands still while one of them can go on, and then goes to the next moment that somebody sleeps for.

use std::{
    cell::RefCell,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use syncline_testkit::MockClock;

/// Tasks that are begun while others run.
#[derive(Default)]
pub(super) struct Tasks(RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>);

impl Tasks {
    pub(super) fn begin(&self, task: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(Box::pin(task));
    }

    /// Runs until nobody can go on and nobody sleeps. No clock but this one moves, and nothing is polled that was not woken.
    pub(super) fn run(&self, clock: &MockClock) {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let mut tasks = FuturesUnordered::new();
        loop {
            tasks.extend(self.0.borrow_mut().drain(..));
            let is_idle = match tasks.poll_next_unpin(&mut cx) {
                Poll::Ready(Some(())) => false,
                Poll::Ready(None) | Poll::Pending => !woken.0.swap(false, SeqCst) && self.0.borrow().is_empty(),
            };
            if is_idle && clock.advance_to_next().is_none() {
                return;
            }
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}
