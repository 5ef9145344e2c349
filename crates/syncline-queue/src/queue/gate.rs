//! Who may still enter, and who is inside: one word.

use std::pin::pin;

use crate::{
    QueueError, QueueResult,
    sync::{
        Notify,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// No more pushes and pops.
const DRAINING: u64 = 1 << 62;
/// No more calls at all.
const CLOSED: u64 = 1 << 63;
const INSIDE: u64 = DRAINING - 1;

/// The door of a queue.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Two bits of stage, the rest counts calls inside.
    word: AtomicU64,
    empty: Notify,
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// New work: refused from the beginning of a shutdown on.
    Work,
    /// Ending work that was begun: refused once the queue is closed.
    Settle,
}

/// A call is inside until this is dropped.
#[derive(Debug)]
#[must_use = "dropped at once it holds nothing open"]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
}

impl Gate {
    pub(super) fn enter(&self, errand: Errand) -> QueueResult<Pass<'_>> {
        // Entered before the stage is looked at: who closes either sees this call inside, or is seen by it.
        let word = self.word.fetch_add(1, SeqCst);
        let pass = Pass { gate: self };
        let refusing = match errand {
            Errand::Work => DRAINING | CLOSED,
            Errand::Settle => CLOSED,
        };
        if word & refusing == 0 { Ok(pass) } else { Err(QueueError::ShuttingDown) }
    }

    pub(super) fn drain(&self) {
        self.word.fetch_or(DRAINING, SeqCst);
    }

    pub(super) fn close(&self) {
        self.word.fetch_or(DRAINING | CLOSED, SeqCst);
    }

    pub(super) fn is_open(&self) -> bool {
        self.word.load(SeqCst) & (DRAINING | CLOSED) == 0
    }

    /// Nobody is inside.
    pub(super) async fn emptied(&self) {
        loop {
            let mut empty = pin!(self.empty.notified());
            empty.as_mut().enable();
            if self.word.load(SeqCst) & INSIDE == 0 {
                return;
            }
            empty.await;
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let before = self.gate.word.fetch_sub(1, SeqCst);
        if before & INSIDE == 1 && before & (DRAINING | CLOSED) != 0 {
            self.gate.empty.notify_waiters();
        }
    }
}

#[cfg(all(test, syncline_loom))]
mod loom_models {
    use loom::sync::Arc;

    use super::*;

    /// Calls that are inside when it drains are waited for, others are refused, and who waits is woken by the last that leaves.
    #[test]
    fn it_is_empty_when_nobody_is_inside_and_says_so() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let (gate, inside) = (Arc::new(Gate::default()), Arc::new(AtomicU64::new(0)));
            let callers: Vec<_> = (0..2)
                .map(|_| {
                    let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
                    loom::thread::spawn(move || {
                        if let Ok(pass) = gate.enter(Errand::Work) {
                            inside.fetch_add(1, SeqCst);
                            inside.fetch_sub(1, SeqCst);
                            drop(pass);
                        }
                    })
                })
                .collect();
            gate.drain();
            loom::future::block_on(gate.emptied());
            assert_eq!(inside.fetch_add(0, SeqCst), 0, "somebody was let in, and is inside still");
            for caller in callers {
                caller.join().unwrap();
            }
        });
    }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn work_is_refused_while_it_drains_and_outcomes_until_it_is_closed() {
        let gate = Gate::default();
        assert!(gate.enter(Errand::Work).is_ok() && gate.is_open());
        gate.drain();
        assert!(gate.enter(Errand::Work).is_err() && gate.enter(Errand::Settle).is_ok());
        gate.close();
        assert!(gate.enter(Errand::Settle).is_err() && !gate.is_open());
    }

    #[test]
    fn it_is_empty_when_the_last_call_has_left() {
        let gate = Gate::default();
        let passes = [gate.enter(Errand::Work).unwrap(), gate.enter(Errand::Settle).unwrap()];
        gate.drain();
        let mut emptied = pin!(gate.emptied());
        let mut cx = Context::from_waker(Waker::noop());
        for pass in passes {
            assert!(emptied.as_mut().poll(&mut cx).is_pending());
            drop(pass);
        }
        assert!(emptied.as_mut().poll(&mut cx).is_ready());
    }
}
