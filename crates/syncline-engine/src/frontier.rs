//! How far the archive has come, and who waits for it.
//!
//! One number says it for all: below the frontier every record is settled. Waiters stand in its order, so that an advance
//! wakes exactly those whose place it passed, and costs nothing for the others.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use syncline_core::{Error, Result};

/// The place below which every record is settled.
#[derive(Debug, Default)]
pub(crate) struct Frontier {
    at: AtomicU64,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// Why it will not move any more.
    ended: Option<Error>,
    next_id: u64,
    /// Who waits until the frontier is above a place.
    waiters: BTreeMap<(u64, u64), Waker>,
}

impl Frontier {
    /// The lowest place that is not settled.
    pub(crate) fn at(&self) -> u64 {
        self.at.load(Ordering::Acquire)
    }

    /// Moves it to `at` and wakes those that it passed. It never moves back.
    pub(crate) fn advance(&self, at: u64) {
        if self.at.fetch_max(at, Ordering::AcqRel) >= at {
            return;
        }
        let passed = {
            let mut line = self.line();
            let ahead = line.waiters.split_off(&(at, 0));
            std::mem::replace(&mut line.waiters, ahead)
        };
        // Woken outside the lock: a waker may run its task at once.
        passed.into_values().for_each(Waker::wake);
    }

    /// Says that it will not move any more: all who wait, now and later, get `error` unless it has passed them.
    pub(crate) fn end(&self, error: Error) {
        let waiters = {
            let mut line = self.line();
            line.ended.get_or_insert(error);
            std::mem::take(&mut line.waiters)
        };
        waiters.into_values().for_each(Waker::wake);
    }

    /// Resolves once the record at `seq` is settled.
    ///
    /// # Errors
    ///
    /// Why it never will be.
    ///
    /// # Cancel safety
    ///
    /// Dropping it has no effect.
    pub(crate) fn pass(&self, seq: u64) -> Pass<'_> {
        Pass { frontier: self, seq, id: None }
    }

    /// Whether somebody waits.
    pub(crate) fn has_waiters(&self) -> bool {
        !self.line().waiters.is_empty()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Each critical section leaves the line whole, so a panic elsewhere does not spoil it.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the frontier has passed a place.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub(crate) struct Pass<'a> {
    frontier: &'a Frontier,
    seq: u64,
    id: Option<u64>,
}

impl Future for Pass<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let (frontier, seq) = (self.frontier, self.seq);
        if frontier.at() > seq {
            return Poll::Ready(Ok(()));
        }
        let mut line = frontier.line();
        // Again under the lock: an advance that came before it has taken its waiters already.
        if frontier.at() > seq {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = &line.ended {
            return Poll::Ready(Err(error.share()));
        }
        let id = self.id.unwrap_or(line.next_id);
        line.next_id = line.next_id.max(id + 1);
        line.waiters.insert((seq, id), cx.waker().clone());
        drop(line);
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.frontier.line().waiters.remove(&(self.seq, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{Arc, atomic::AtomicUsize},
        task::Wake,
    };

    use syncline_core::ErrorKind;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_advance_wakes_those_it_passed_and_no_others() {
        let (frontier, count) = (Frontier::default(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut near = pin!(frontier.pass(3));
        let mut far = pin!(frontier.pass(4));
        assert!(near.as_mut().poll(&mut cx).is_pending() && far.as_mut().poll(&mut cx).is_pending());
        frontier.advance(4);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(near.as_mut().poll(&mut cx).is_ready() && far.as_mut().poll(&mut cx).is_pending());
        frontier.advance(2);
        assert_eq!(frontier.at(), 4, "it never moves back");
    }

    #[test]
    fn a_waiter_that_goes_leaves_nothing_behind() {
        let frontier = Frontier::default();
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut pass = pin!(frontier.pass(1));
            assert!(pass.as_mut().poll(&mut cx).is_pending() && pass.as_mut().poll(&mut cx).is_pending());
            assert!(frontier.has_waiters());
        }
        assert!(!frontier.has_waiters());
    }

    #[tokio::test]
    async fn at_the_end_the_passed_are_settled_and_the_rest_get_the_error() {
        let frontier = Frontier::default();
        frontier.advance(5);
        frontier.end(Error::new(ErrorKind::Closed, "over"));
        assert!(frontier.pass(4).await.is_ok());
        assert_eq!(frontier.pass(5).await.unwrap_err().kind(), ErrorKind::Closed);
    }
}
