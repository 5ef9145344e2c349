//! The queue before the two threads, and whose turn it is.
//!
//! Both threads run the same loop: take what waits, write it, sync it, answer. One may write while the other syncs, so that
//! the next batch is on its way before the last is answered. Turns to sync are numbered in the order of the writes, and so
//! are the answers. While a sync runs, what waits for one is left to collect, unless it has grown large or somebody waits
//! for the write alone.

#[cfg(all(test, syncline_loom))]
mod loom_models;

use std::{collections::VecDeque, time::Duration};

use syncline_core::{Error, ErrorKind, Result};

use crate::sync::{Condvar, Mutex, lock, wait};

/// Waiting bytes from which a batch is written although a sync still runs.
const OVERLAP_BYTES: usize = 128 * 1_024;
/// Most submissions and bytes that one turn takes.
const TURN_COUNT_MAX: usize = 16_384;
const TURN_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Most submissions that may wait, however small: each takes memory beyond its bytes.
const WAITING_COUNT_MAX: usize = 1_024 * 1_024;

/// What waits for the threads.
#[derive(Debug)]
pub(crate) struct Hub<T> {
    state: Mutex<State<T>>,
    /// There may be something to take.
    work: Condvar,
    /// It may be another's turn to sync.
    turn: Condvar,
    bytes_max: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<Waiting<T>>,
    bytes: usize,
    /// How many of the waiting want to be written at once.
    urgent: usize,
    /// Whether a thread is writing.
    writing: bool,
    /// Number of the next turn to sync, and of the one that may sync now.
    next_turn: u64,
    current_turn: u64,
    /// Threads that wait for work.
    parked: usize,
    /// Whether there is housekeeping to do.
    chores: bool,
    /// Whether time may bring work: something is not synced, or not witnessed.
    restless: bool,
    closing: bool,
    /// Why nothing more is taken.
    ended: Option<Error>,
}

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    bytes: usize,
    urgent: bool,
}

/// What a thread does next. Every turn but `Exit` holds the right to write until [`Hub::written`].
#[derive(Debug)]
pub(crate) enum Turn<T> {
    /// Write these, in order.
    Write(Vec<T>),
    /// Do what may be done at leisure.
    Chores,
    /// Nothing came for a while.
    Idle,
    /// Everything is answered; close the log.
    Close,
    /// There will be no more.
    Exit,
}

impl<T> Hub<T> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            urgent: 0,
            writing: false,
            next_turn: 0,
            current_turn: 0,
            parked: 0,
            chores: false,
            restless: false,
            closing: false,
            ended: None,
        };
        Self { state: Mutex::new(state), work: Condvar::new(), turn: Condvar::new(), bytes_max }
    }

    /// Adds an item of `bytes`; `urgent` ones do not wait for a sync that runs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] when too much waits, or why nothing more is taken.
    pub(crate) fn submit(&self, item: T, bytes: usize, urgent: bool) -> Result<()> {
        let mut state = lock(&self.state);
        if let Some(error) = &state.ended {
            return Err(error.share());
        }
        if state.closing {
            return Err(closed());
        }
        if state.bytes > 0 && state.bytes + bytes > self.bytes_max {
            let message = format!("{} bytes wait to be written, the most is {}", state.bytes, self.bytes_max);
            return Err(Error::new(ErrorKind::Full, message));
        }
        if state.waiting.len() >= WAITING_COUNT_MAX {
            let message = format!("{WAITING_COUNT_MAX} submissions wait to be written, the most there may be");
            return Err(Error::new(ErrorKind::Full, message));
        }
        state.waiting.push_back(Waiting { item, bytes, urgent });
        state.bytes += bytes;
        state.urgent += usize::from(urgent);
        let wake = state.parked > 0 && state.is_ready();
        drop(state);
        if wake {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Why nothing more is taken.
    pub(crate) fn ended(&self) -> Option<Error> {
        lock(&self.state).ended.as_ref().map(Error::share)
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        lock(&self.state).bytes
    }

    /// Whether nothing waits, nothing runs and nothing is to be done before somebody submits.
    #[cfg(feature = "planted")]
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = lock(&self.state);
        state.ended.is_some() || !state.writing && !state.is_syncing() && !state.chores && state.waiting.is_empty()
    }

    /// Asks for a turn of housekeeping.
    pub(crate) fn ask_for_chores(&self) {
        let mut state = lock(&self.state);
        state.chores = true;
        if state.parked > 0 && !state.writing {
            self.work.notify_one();
        }
    }

    /// Asks the threads to answer all that waits, close and end.
    pub(crate) fn close(&self) {
        lock(&self.state).closing = true;
        self.work.notify_all();
    }

    /// Ends everything: nothing more is taken. Returns what waited, to be answered with the error.
    pub(crate) fn end(&self, error: Error) -> Vec<T> {
        let mut state = lock(&self.state);
        state.ended.get_or_insert(error);
        state.bytes = 0;
        state.urgent = 0;
        let left = state.waiting.drain(..).map(|waiting| waiting.item).collect();
        drop(state);
        self.work.notify_all();
        self.turn.notify_all();
        left
    }

    /// Waits for something to do. `idle` bounds the wait where time may bring work.
    pub(crate) fn take(&self, idle: Option<Duration>) -> Turn<T> {
        let mut state = lock(&self.state);
        loop {
            if state.ended.is_some() {
                return Turn::Exit;
            }
            if let Some(turn) = state.next_turn() {
                state.writing = true;
                return turn;
            }
            state.parked += 1;
            let (next, timed_out) = self.park(state, idle);
            state = next;
            state.parked -= 1;
            if timed_out && state.restless && !state.writing && state.ended.is_none() && !state.is_ready() {
                state.restless = false;
                state.writing = true;
                return Turn::Idle;
            }
        }
    }

    #[cfg(not(syncline_loom))]
    fn park<'a>(
        &self,
        state: crate::sync::MutexGuard<'a, State<T>>,
        idle: Option<Duration>,
    ) -> (crate::sync::MutexGuard<'a, State<T>>, bool) {
        match idle.filter(|_| state.restless) {
            Some(idle) => {
                let (state, timeout) =
                    self.work.wait_timeout(state, idle).unwrap_or_else(std::sync::PoisonError::into_inner);
                (state, timeout.timed_out())
            }
            None => (wait(&self.work, state), false),
        }
    }

    /// The model checker has no time.
    #[cfg(syncline_loom)]
    fn park<'a>(
        &self,
        state: crate::sync::MutexGuard<'a, State<T>>,
        _idle: Option<Duration>,
    ) -> (crate::sync::MutexGuard<'a, State<T>>, bool) {
        (wait(&self.work, state), false)
    }

    /// Gives back the right to write. With `sync`, draws the number of this thread's turn to sync; otherwise `None`.
    pub(crate) fn written(&self, sync: bool, restless: bool) -> Option<u64> {
        let mut state = lock(&self.state);
        state.writing = false;
        state.restless |= restless;
        let turn = sync.then_some(state.next_turn);
        state.next_turn += u64::from(sync);
        let wake = state.parked > 0 && (state.is_ready() || state.closing);
        drop(state);
        if wake {
            self.work.notify_one();
        }
        turn
    }

    /// Waits until it is the turn `turn` to sync and answer.
    ///
    /// # Errors
    ///
    /// Why everything ended: what was not answered before is not answered well, and a turn before may never end, because
    /// its thread died.
    pub(crate) fn await_turn(&self, turn: u64) -> Result<()> {
        let mut state = lock(&self.state);
        loop {
            if let Some(error) = &state.ended {
                return Err(error.share());
            }
            if state.current_turn == turn {
                return Ok(());
            }
            state = wait(&self.turn, state);
        }
    }

    /// Ends the turn to sync that runs.
    pub(crate) fn synced(&self, restless: bool) {
        let mut state = lock(&self.state);
        state.current_turn += 1;
        state.restless |= restless;
        // Work that waited for this is taken by the caller itself, which is awake.
        let others = state.current_turn != state.next_turn;
        let closing = state.closing;
        drop(state);
        if others {
            self.turn.notify_one();
        }
        if closing {
            self.work.notify_all();
        }
    }
}

impl<T> State<T> {
    fn is_syncing(&self) -> bool {
        self.current_turn != self.next_turn
    }

    /// Whether the waiting should be written now.
    fn is_ready(&self) -> bool {
        let collected = !self.is_syncing() || self.urgent > 0 || self.bytes >= OVERLAP_BYTES || self.closing;
        !self.writing && !self.waiting.is_empty() && collected
    }

    fn next_turn(&mut self) -> Option<Turn<T>> {
        if self.is_ready() {
            return Some(Turn::Write(self.drain()));
        }
        if self.writing {
            return None;
        }
        if std::mem::take(&mut self.chores) {
            return Some(Turn::Chores);
        }
        let finished = self.closing && self.waiting.is_empty() && !self.is_syncing();
        finished.then_some(Turn::Close)
    }

    fn drain(&mut self) -> Vec<T> {
        let (mut taken, mut bytes) = (Vec::with_capacity(self.waiting.len().min(TURN_COUNT_MAX)), 0);
        while taken.len() < TURN_COUNT_MAX && (taken.is_empty() || bytes < TURN_BYTES_MAX) {
            let Some(waiting) = self.waiting.pop_front() else { break };
            bytes += waiting.bytes;
            self.bytes = self.bytes.saturating_sub(waiting.bytes);
            self.urgent = self.urgent.saturating_sub(usize::from(waiting.urgent));
            taken.push(waiting.item);
        }
        taken
    }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the journal is closed")
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_bound_is_refused_but_one_always_fits() {
        let hub = Hub::new(100);
        hub.submit(1, 500, false).unwrap();
        assert_eq!(hub.submit(2, 1, false).unwrap_err().kind(), ErrorKind::Full);
        assert!(matches!(hub.take(None), Turn::Write(batch) if batch == [1]));
        hub.submit(3, 1, false).unwrap();
    }

    #[test]
    fn while_a_sync_runs_the_next_batch_collects_until_it_is_large_or_urgent() {
        let hub = Hub::new(usize::MAX);
        hub.submit(1, 1, false).unwrap();
        assert!(matches!(hub.take(None), Turn::Write(_)));
        assert_eq!(hub.written(true, false), Some(0));
        hub.submit(2, 1, false).unwrap();
        assert!(!lock(&hub.state).is_ready());
        hub.submit(3, 1, true).unwrap();
        assert!(matches!(hub.take(None), Turn::Write(batch) if batch == [2, 3]));
        assert_eq!(hub.written(true, false), Some(1));
        hub.submit(4, OVERLAP_BYTES, false).unwrap();
        assert!(lock(&hub.state).is_ready());
    }

    #[test]
    fn however_small_only_so_many_may_wait() {
        let hub = Hub::new(usize::MAX);
        assert!((0..WAITING_COUNT_MAX).all(|_| hub.submit((), 0, false).is_ok()));
        assert_eq!(hub.submit((), 0, false).unwrap_err().kind(), ErrorKind::Full);
    }

    #[test]
    fn what_waited_is_handed_back_when_everything_ends() {
        let hub = Hub::new(100);
        hub.submit(1, 1, false).unwrap();
        assert_eq!(hub.end(closed()), [1]);
        assert_eq!(hub.submit(2, 1, false).unwrap_err().kind(), ErrorKind::Closed);
        assert!(matches!(hub.take(None), Turn::<i32>::Exit));
    }
}
