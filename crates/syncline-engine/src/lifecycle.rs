//! The states of an engine, and who may move it on.

use std::fmt;

use syncline_core::{Error, ErrorKind, Result};
use tokio::sync::watch;

/// Where an engine stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineState {
    /// Made, and not started: every operation is refused.
    Created,
    /// Opening its streams and asking the archive for its high-water mark.
    Connecting,
    /// Reading back from the journal what was accepted and not archived.
    DrainingWal,
    /// Bringing the cache up to date. Not entered without a cache.
    SyncingRedis,
    /// Filling memory ahead of the first reads. Not entered without anything to fill.
    WarmingUp,
    /// Everything is read back; its task starts.
    Ready,
    /// Takes reads and writes.
    Running,
    /// Shut down, or about to be: every operation is refused.
    ShuttingDown,
}

impl fmt::Display for EngineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Connecting => "connecting",
            Self::DrainingWal => "draining the journal",
            Self::SyncingRedis => "syncing the cache",
            Self::WarmingUp => "warming up",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::ShuttingDown => "shut down",
        })
    }
}

/// The state, seen by all who watch it.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    state: watch::Sender<EngineState>,
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(EngineState::Created) }
    }

    pub(crate) fn state(&self) -> EngineState {
        *self.state.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<EngineState> {
        self.state.subscribe()
    }

    /// Begins a start. Until [`Starting::done`] an end of any kind, a dropped future too, leads back to `Created`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when it was started before, [`ErrorKind::Closed`] when it was shut down.
    pub(crate) fn begin_start(&self) -> Result<Starting<'_>> {
        let mut before = EngineState::Created;
        self.state.send_if_modified(|state| {
            before = *state;
            let may_start = *state == EngineState::Created;
            if may_start {
                *state = EngineState::Connecting;
            }
            may_start
        });
        match before {
            EngineState::Created => Ok(Starting { lifecycle: self, is_done: false }),
            EngineState::ShuttingDown => Err(Error::new(ErrorKind::Closed, "the engine was shut down")),
            state => Err(Error::new(ErrorKind::Conflict, format!("the engine was started already, it is {state}"))),
        }
    }

    /// Ends its life, whatever it was doing.
    pub(crate) fn shut_down(&self) {
        self.state.send_replace(EngineState::ShuttingDown);
    }

    /// Moves on, unless it was shut down meanwhile.
    fn advance(&self, to: EngineState) -> bool {
        self.state.send_if_modified(|state| {
            let may_go_on = *state != EngineState::ShuttingDown;
            if may_go_on {
                *state = to;
            }
            may_go_on
        })
    }
}

/// A start under way.
#[derive(Debug)]
pub(crate) struct Starting<'a> {
    lifecycle: &'a Lifecycle,
    is_done: bool,
}

impl Starting<'_> {
    /// Shows how far it has come.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] when the engine was shut down meanwhile.
    pub(crate) fn reach(&self, state: EngineState) -> Result<()> {
        match self.lifecycle.advance(state) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Closed, "the engine was shut down while it started")),
        }
    }

    /// Ends the start: the engine runs.
    ///
    /// # Errors
    ///
    /// As [`reach`](Self::reach).
    pub(crate) fn done(mut self) -> Result<()> {
        self.reach(EngineState::Running)?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.lifecycle.advance(EngineState::Created);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_fails_may_be_repeated_and_one_that_succeeds_may_not() {
        let lifecycle = Lifecycle::new();
        drop(lifecycle.begin_start().unwrap());
        assert_eq!(lifecycle.state(), EngineState::Created);
        let starting = lifecycle.begin_start().unwrap();
        assert_eq!(lifecycle.begin_start().unwrap_err().kind(), ErrorKind::Conflict);
        starting.done().unwrap();
        assert_eq!(lifecycle.begin_start().unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(lifecycle.state(), EngineState::Running);
    }

    #[test]
    fn shutting_down_is_final() {
        let lifecycle = Lifecycle::new();
        let starting = lifecycle.begin_start().unwrap();
        lifecycle.shut_down();
        assert_eq!(starting.reach(EngineState::Ready).unwrap_err().kind(), ErrorKind::Closed);
        drop(starting);
        assert_eq!(lifecycle.state(), EngineState::ShuttingDown);
        assert_eq!(lifecycle.begin_start().unwrap_err().kind(), ErrorKind::Closed);
    }
}
