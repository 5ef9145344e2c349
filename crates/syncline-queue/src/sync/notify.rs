//! What tokio's `Notify` promises, in the plainest way, for the model checker: it cannot look into tokio, whose authors check
//! that one themselves.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use loom::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
pub(crate) struct Notify(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Somebody was to be told, and nobody waited.
    permit: bool,
    /// How often everybody was told.
    rounds: u64,
    next: u64,
    /// Those who were enabled, longest first.
    waiting: VecDeque<(u64, Option<Waker>)>,
    /// Those who were told alone and do not know it yet.
    told: Vec<u64>,
}

impl State {
    /// Tells the one that waits for the longest time, or the next that comes.
    fn tell_one(&mut self) -> Option<Waker> {
        let Some((number, waker)) = self.waiting.pop_front() else {
            self.permit = true;
            return None;
        };
        self.told.push(number);
        waker
    }

    /// Takes the word that was for this one alone.
    fn take_word(&mut self, number: u64) -> bool {
        let at = self.told.iter().position(|told| *told == number);
        at.map(|at| self.told.swap_remove(at)).is_some()
    }
}

impl Notify {
    pub(crate) fn notified(&self) -> Notified<'_> {
        Notified { notify: self, rounds: self.state().rounds, number: None }
    }

    pub(crate) fn notify_one(&self) {
        let waker = self.state().tell_one();
        waker.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn notify_waiters(&self) {
        let waiting = {
            let mut state = self.state();
            state.rounds += 1;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().filter_map(|(_, waker)| waker).for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    /// Whoever was made before everybody was told is told with them.
    rounds: u64,
    number: Option<u64>,
}

impl Notified<'_> {
    /// Stands among those who wait; whether it was told already.
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        self.get_mut().look(None).is_ready()
    }

    fn look(&mut self, waker: Option<&Waker>) -> Poll<()> {
        let mut state = self.notify.state();
        if state.rounds != self.rounds {
            return Poll::Ready(());
        }
        let Some(number) = self.number else {
            if std::mem::take(&mut state.permit) {
                // Told for good.
                self.rounds = u64::MAX;
                return Poll::Ready(());
            }
            let number = state.next;
            state.next += 1;
            state.waiting.push_back((number, waker.cloned()));
            self.number = Some(number);
            return Poll::Pending;
        };
        if state.take_word(number) {
            (self.number, self.rounds) = (None, u64::MAX);
            return Poll::Ready(());
        }
        if let Some((_, kept)) = state.waiting.iter_mut().find(|(waits, _)| *waits == number) {
            *kept = waker.cloned();
        }
        Poll::Pending
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().look(Some(cx.waker()))
    }
}

impl Drop for Notified<'_> {
    /// Who goes away passes on what it was told alone.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let waker = {
            let mut state = self.notify.state();
            state.waiting.retain(|(waits, _)| *waits != number);
            if state.take_word(number) { state.tell_one() } else { None }
        };
        waker.into_iter().for_each(Waker::wake);
    }
}
