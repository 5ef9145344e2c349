//! Hand-overs whose callers went away: the journal's answer still decides whether their room is given back.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use syncline_journal::Commit;

use crate::admit::Admission;

/// The least number that is worth a look.
const SWEEP_MIN: usize = 64;

/// Answers that nobody waits for. Bounded by the room that each of them holds.
#[derive(Debug, Default)]
pub(crate) struct Abandoned {
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    waiting: Vec<(Commit, u32)>,
    /// Length from which to look again: twice what the last look left, so that the cost of looking stays constant a piece.
    sweep_at: usize,
}

impl Abandoned {
    /// Takes over the answer of a hand-over that holds `units`.
    pub(crate) fn adopt(&self, mut commit: Commit, units: u32, admission: &Admission) {
        if !is_waiting(&mut commit, units, admission) {
            return;
        }
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.waiting.push((commit, units));
        if list.waiting.len() >= list.sweep_at.max(SWEEP_MIN) {
            list.sweep(admission);
        }
    }

    /// Looks which answers have come.
    pub(crate) fn sweep(&self, admission: &Admission) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).sweep(admission);
    }
}

impl List {
    fn sweep(&mut self, admission: &Admission) {
        self.waiting.retain_mut(|(commit, units)| is_waiting(commit, *units, admission));
        self.sweep_at = self.waiting.len() * 2;
    }
}

/// Whether the answer is still to come. A refusal gives the units back; what landed is the record's own affair.
fn is_waiting(commit: &mut Commit, units: u32, admission: &Admission) -> bool {
    match Pin::new(commit).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => true,
        Poll::Ready(Ok(_)) => false,
        Poll::Ready(Err(_)) => {
            admission.give_back(units as usize);
            false
        }
    }
}
