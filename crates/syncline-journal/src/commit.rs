//! The answer to a submission, awaited by a task or a thread, each woken by itself.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use syncline_core::{Error, ErrorKind, Result};

use crate::{
    Seq,
    reservation::Reservations,
    sync::{Condvar, Mutex, lock, wait},
};

/// Where a submission stands in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Its first record.
    pub first: Seq,
    /// Its last record.
    pub last: Seq,
}

/// The answer to a submission: await it, or [`wait`](Self::wait) for it on a thread that may block.
///
/// # Cancel safety
///
/// Dropping it does not undo the submission: it was handed over, and will be written unless the process dies first.
#[must_use = "a submission is only durable once its commit says so"]
pub struct Commit {
    slot: Arc<Slot>,
}

/// The other end of a [`Commit`]. Dropped without an answer, it answers that the outcome is not known.
pub(crate) struct Settle {
    slot: Option<Arc<Slot>>,
    /// Kept when the answer is good, given back otherwise; before the answer, so that who has it sees its effects.
    reservations: Reservations,
}

struct Slot {
    state: Mutex<State>,
    settled: Condvar,
}

enum State {
    Open(Waiter),
    Settled(Result<Committed>),
    Taken,
}

enum Waiter {
    None,
    Thread,
    Task(Waker),
}

/// Both ends of an answer, with what is reserved for what is asked.
pub(crate) fn slot(reservations: Reservations) -> (Settle, Commit) {
    let slot = Arc::new(Slot { state: Mutex::new(State::Open(Waiter::None)), settled: Condvar::new() });
    (Settle { slot: Some(Arc::clone(&slot)), reservations }, Commit { slot })
}

impl Settle {
    /// Gives the answer and wakes who waits for it.
    pub(crate) fn settle(mut self, outcome: Result<Committed>) {
        let reservations = std::mem::take(&mut self.reservations);
        match &outcome {
            Ok(_) => reservations.into_iter().for_each(|reservation| reservation.keep()),
            Err(_) => drop(reservations),
        }
        if let Some(slot) = self.slot.take() {
            slot.settle(outcome);
        }
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        self.reservations.clear();
        if let Some(slot) = self.slot.take() {
            let message = "the journal's thread ended before it answered; the outcome is not known";
            slot.settle(Err(Error::new(ErrorKind::Poisoned, message)));
        }
    }
}

impl Slot {
    fn settle(&self, outcome: Result<Committed>) {
        let before = std::mem::replace(&mut *lock(&self.state), State::Settled(outcome));
        match before {
            State::Open(Waiter::Thread) => self.settled.notify_one(),
            State::Open(Waiter::Task(waker)) => waker.wake(),
            State::Open(Waiter::None) | State::Settled(_) | State::Taken => {}
        }
    }
}

impl Commit {
    /// Blocks until the submission is as durable as it was asked to be, and applied.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] when there was no space and nothing was written; [`ErrorKind::Poisoned`] when a write or sync
    /// failed: the outcome is not known until the journal is opened again; [`ErrorKind::Closed`].
    pub fn wait(self) -> Result<Committed> {
        let mut state = lock(&self.slot.state);
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Settled(outcome) => return outcome,
                State::Taken => return Err(taken()),
                State::Open(_) => *state = State::Open(Waiter::Thread),
            }
            state = wait(&self.slot.settled, state);
        }
    }
}

impl Future for Commit {
    type Output = Result<Committed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.slot.state);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Settled(outcome) => Poll::Ready(outcome),
            State::Taken => Poll::Ready(Err(taken())),
            State::Open(_) => {
                *state = State::Open(Waiter::Task(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

fn taken() -> Error {
    Error::new(ErrorKind::Closed, "the answer was taken already")
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commit")
    }
}

impl fmt::Debug for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settle")
    }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use super::*;

    fn committed(seq: u64) -> Committed {
        Committed { first: Seq::new(seq), last: Seq::new(seq) }
    }

    #[tokio::test]
    async fn a_task_and_a_thread_get_the_answer() {
        let (settle, commit) = slot(Vec::new());
        settle.settle(Ok(committed(3)));
        assert_eq!(commit.await.unwrap(), committed(3));
        let (settle, commit) = slot(Vec::new());
        let waiter =
            syncline_core::rt::thread("waiter", move || assert_eq!(commit.wait().unwrap(), committed(4))).unwrap();
        settle.settle(Ok(committed(4)));
        waiter.join().unwrap();
    }

    #[test]
    fn an_end_that_is_dropped_answers_that_the_outcome_is_not_known() {
        let (settle, commit) = slot(Vec::new());
        drop(settle);
        assert_eq!(commit.wait().unwrap_err().kind(), ErrorKind::Poisoned);
    }
}

#[cfg(all(test, syncline_loom))]
mod loom_models {
    use super::*;

    #[test]
    fn a_waiting_thread_always_gets_the_answer() {
        loom::model(|| {
            let (settle, commit) = slot(Vec::new());
            let waiter = loom::thread::spawn(move || commit.wait().is_ok());
            settle.settle(Ok(Committed { first: Seq::new(1), last: Seq::new(1) }));
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn a_waiting_task_always_gets_the_answer() {
        loom::model(|| {
            let (settle, commit) = slot(Vec::new());
            let waiter = loom::thread::spawn(move || loom::future::block_on(commit).is_ok());
            settle.settle(Ok(Committed { first: Seq::new(1), last: Seq::new(1) }));
            assert!(waiter.join().unwrap());
        });
    }
}
