//! A hand-over that the journal has not answered yet, awaited by any number of tasks.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use syncline_core::{Error, Result};

use crate::{ingest::Handed, spine::Spine};

/// Whether a write is on this node's disk.
#[derive(Debug)]
pub(crate) struct Local {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Boxed, so that the receipts of what is done stay small.
    Waiting(Box<Asked>),
    Done(u64),
    Failed(Error),
}

/// An answer to come, and who waits for it: the journal knows the waker of who asked last, `others` wait as well.
#[derive(Debug)]
struct Asked {
    handover: Handover,
    last: Option<Waker>,
    others: Vec<Waker>,
}

/// A journal's answer to come, and the units that are given back when it is a refusal.
#[derive(Debug)]
#[must_use = "a write is durable once its hand-over says so"]
pub(crate) struct Handover {
    spine: Arc<Spine>,
    /// Answered at once where there is no journal; `None` once the journal answered.
    handed: Option<Handed>,
    units: u32,
}

impl Handover {
    pub(crate) fn new(spine: &Arc<Spine>, handed: Handed, units: u32) -> Self {
        Self { spine: Arc::clone(spine), handed: Some(handed), units }
    }
}

impl Future for Handover {
    /// The place of the first record.
    type Output = Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        let answer = match &mut self.handed {
            Some(Handed::Direct { first }) => return Poll::Ready(Ok(*first)),
            Some(Handed::Journal(commit)) => match Pin::new(commit).poll(cx) {
                Poll::Ready(answer) => answer,
                Poll::Pending => return Poll::Pending,
            },
            None => return Poll::Pending,
        };
        self.handed = None;
        if answer.is_err() {
            self.spine.store.admission.give_back(self.units as usize);
        }
        Poll::Ready(answer.map(|committed| committed.first.get()))
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if let Some(Handed::Journal(commit)) = self.handed.take() {
            self.spine.abandoned.adopt(commit, self.units, &self.spine.store.admission);
        }
    }
}

impl Local {
    pub(crate) fn new(handover: Handover) -> Self {
        let asked = Asked { handover, last: None, others: Vec::new() };
        Self { state: Mutex::new(State::Waiting(Box::new(asked))) }
    }

    pub(crate) fn done(seq: u64) -> Self {
        Self { state: Mutex::new(State::Done(seq)) }
    }

    /// Resolves to the write's place once it is on disk.
    pub(crate) fn wait(&self) -> Wait<'_> {
        Wait { local: self, is_waiting: false }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each critical section leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait, so that each asks the journal again.
    fn wake_all(&self) {
        let wakers = match &mut *self.state() {
            State::Waiting(asked) => std::mem::take(&mut asked.others).into_iter().chain(asked.last.take()),
            State::Done(_) | State::Failed(_) => return,
        };
        wakers.for_each(Waker::wake);
    }
}

/// Waits for the journal's answer.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub(crate) struct Wait<'a> {
    local: &'a Local,
    is_waiting: bool,
}

impl Future for Wait<'_> {
    type Output = Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        let local = self.local;
        let mut state = local.state();
        let (answer, others) = match &mut *state {
            State::Done(seq) => return Poll::Ready(Ok(*seq)),
            State::Failed(error) => return Poll::Ready(Err(error.share())),
            State::Waiting(asked) => match Pin::new(&mut asked.handover).poll(cx) {
                Poll::Ready(answer) => (answer, std::mem::take(&mut asked.others)),
                Poll::Pending => {
                    let before = asked.last.replace(cx.waker().clone());
                    asked.others.extend(before.filter(|waker| !waker.will_wake(cx.waker())));
                    drop(state);
                    self.is_waiting = true;
                    return Poll::Pending;
                }
            },
        };
        let shared = answer.as_ref().map_err(Error::share).copied();
        *state = match answer {
            Ok(seq) => State::Done(seq),
            Err(error) => State::Failed(error),
        };
        drop(state);
        self.is_waiting = false;
        others.into_iter().for_each(Waker::wake);
        Poll::Ready(shared)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        // It may be the one whose waker the journal knows: another has to ask again.
        if self.is_waiting {
            self.local.wake_all();
        }
    }
}
