//! The one connection that writes: a call, a transaction.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, TransactionBehavior};
use syncline_core::{Error, ErrorKind, Result, port::Moment};

use super::{
    SqliteConfig,
    checkpoint::{self, Checkpoints},
    clock::QueueClock,
    connect::{self, PAGE_BYTES},
    error::{self, failed},
    step::Step,
};

/// Statements that stay prepared: all that there are.
const STATEMENTS_MAX: usize = 64;

/// Owned by the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    queue: i64,
    clock: Arc<QueueClock>,
    patience: Duration,
    checkpoints: Checkpoints,
    /// After a failed sync; only opening again, into a state read from the disk, may write.
    poisoned: Option<Error>,
}

impl Writer {
    pub(super) fn new(connection: Connection, config: &SqliteConfig, queue: i64, clock: Arc<QueueClock>) -> Self {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Self {
            connection,
            queue,
            clock,
            patience: config.busy_timeout,
            checkpoints: Checkpoints::new(config.checkpoint_bytes / PAGE_BYTES),
            poisoned: None,
        }
    }

    /// The answer of `call`, its changes committed; none is there after an error whose kind is not `Unknown`.
    ///
    /// The transaction has the write lock from its beginning: one that took it only to write what it had read would be
    /// refused at once, without waiting, where another process wrote meanwhile.
    pub(super) fn write<T>(&mut self, now: Moment, call: impl FnOnce(&mut Step<'_>) -> Result<T>) -> Result<T> {
        self.check_usable()?;
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = tx.map_err(failed("no transaction can begin"))?;
        let mut step = Step::begin(&tx, self.queue, &self.clock, now)?;
        let answer = call(&mut step)?;
        step.finish()?;
        if let Err(source) = tx.commit() {
            return Err(self.note(error::commit_failed(source)));
        }
        Ok(answer)
    }

    /// Moves finished transactions into the file. Called when the answer is given already, so it delays nobody who waits.
    pub(super) fn tidy(&mut self) {
        if self.poisoned.is_some() {
            return;
        }
        if let Err(error) = self.checkpoints.run(&self.connection, self.patience) {
            // What it would have moved stands safe in the WAL, and the next call tries again.
            tracing::warn!(target: "syncline::sql", %error, "finished transactions stay in the WAL");
            self.note(error);
        }
    }

    /// Leaves everything in one file, unless another process is at it.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.check_usable()?;
        checkpoint::finish(&self.connection).map_err(|error| self.note(error))
    }

    /// Whether the settings that durability rests on still stand.
    pub(super) fn check(&self) -> Result<()> {
        self.check_usable()?;
        connect::check_durable(&self.connection)
    }

    fn check_usable(&self) -> Result<()> {
        self.poisoned.as_ref().map_or(Ok(()), |error| Err(error.share()))
    }

    /// Takes note of `error`: after a failed sync nothing more is written.
    fn note(&mut self, error: Error) -> Error {
        if error::poisons(&error) {
            let why = error.share();
            let message = format!("an earlier write failed and it has to be opened again: {why}");
            self.poisoned = Some(Error::new(ErrorKind::Poisoned, message));
        }
        error
    }
}
