//! The one connection that writes: a call, a transaction.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, TransactionBehavior};
use syncline_core::{
    Error, ErrorKind, Result,
    port::{Moment, Retention},
};

use super::{
    SqliteConfig,
    checkpoint::{self, Checkpoints},
    clock::QueueClock,
    connect::{self, PAGE_BYTES},
    error::{self, failed},
    step::Step,
};
use crate::kept::Keeps;

/// Statements that stay prepared: all that there are.
const STATEMENTS_MAX: usize = 96;

/// Owned by the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    queue: i64,
    clock: Arc<QueueClock>,
    keeps: Arc<Keeps>,
    patience: Duration,
    checkpoints: Checkpoints,
    /// After a failed sync; only opening again, into a state read from the disk, may write.
    poisoned: Option<Error>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        config: &SqliteConfig,
        queue: i64,
        (clock, keeps): (Arc<QueueClock>, Arc<Keeps>),
    ) -> Self {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Self {
            connection,
            queue,
            clock,
            keeps,
            patience: config.busy_timeout,
            checkpoints: Checkpoints::new(config.checkpoint_bytes / PAGE_BYTES),
            poisoned: None,
        }
    }

    /// The answer of `call`, its changes committed; none is there after an error whose kind is not `Unknown`. Where there is
    /// no room for what is to be remembered of items that end, they end all the same.
    pub(super) fn write<T>(&mut self, now: Moment, call: impl Fn(&mut Step<'_>) -> Result<T>) -> Result<T> {
        let retention = self.keeps.get();
        let mut has_ends = false;
        match self.write_once(now, retention, |step| {
            let answer = call(step);
            has_ends = step.has_ends;
            answer
        }) {
            Err(error) if error.kind() == ErrorKind::Full && has_ends => self.write_once(now, None, call),
            answer => answer,
        }
    }

    /// The transaction has the write lock from its beginning: one that took it only to write what it had read would be
    /// refused at once, without waiting, where another process wrote meanwhile.
    fn write_once<T>(
        &mut self,
        now: Moment,
        retention: Option<Retention>,
        call: impl FnOnce(&mut Step<'_>) -> Result<T>,
    ) -> Result<T> {
        self.check_usable()?;
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = tx.map_err(failed("no transaction can begin"))?;
        let mut step = Step::begin(&tx, self.queue, &self.clock, now)?;
        step.retention = retention;
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

#[cfg(test)]
mod tests {
    use rusqlite::ffi;
    use syncline_core::{Instant, WallTime};

    use super::*;
    use crate::queue::{SqliteQueueConfig, schema};

    const NOW: fn() -> Moment = || Moment { wall: WallTime::from_millis(1_000), steady: Instant::default() };

    fn writer(dir: &tempfile::TempDir) -> Writer {
        let path = dir.path().join("queue.db");
        let config = SqliteQueueConfig { path, ..SqliteQueueConfig::default() }.connections();
        connect::create_file(&config.path).unwrap();
        let mut connection = connect::open_writer(&config.path, &config).unwrap();
        let queue = schema::prepare(&mut connection, "jobs").unwrap();
        connect::make_durable(&connection, &config).unwrap();
        Writer::new(connection, &config, queue, Default::default())
    }

    fn write_half(step: &mut Step<'_>) -> Result<usize> {
        step.run("INSERT INTO content VALUES (1, x'00', x'00')", [])
    }

    #[test]
    fn a_call_that_fails_or_panics_in_the_middle_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = writer(&dir);
        let failed =
            writer.write(NOW(), |step| write_half(step).and(Err::<(), _>(Error::new(ErrorKind::Full, "full"))));
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Full);
        let panics = std::panic::AssertUnwindSafe(|| {
            writer.write(NOW(), |step| -> Result<()> {
                write_half(step).unwrap();
                panic!("in the middle")
            })
        });
        std::panic::catch_unwind(panics).unwrap_err();
        assert_eq!(writer.write(NOW(), write_half).unwrap(), 1, "its place is free");
    }

    #[test]
    fn after_a_failed_sync_nothing_is_written_until_it_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut poisoned = writer(&dir);
        let sync_failed = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None);
        assert_eq!(poisoned.note(error::commit_failed(sync_failed)).kind(), ErrorKind::Unknown);
        let errors = [
            poisoned.write(NOW(), write_half).unwrap_err(),
            poisoned.check().unwrap_err(),
            poisoned.finish().unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind() == ErrorKind::Poisoned), "{errors:?}");
        drop(poisoned);
        writer(&dir).write(NOW(), write_half).unwrap();
    }

    #[test]
    fn a_durability_that_was_lowered_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        writer.check().unwrap();
        writer.connection.execute_batch("PRAGMA synchronous = NORMAL").unwrap();
        let error = writer.check().unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Unavailable, "SQLite answers synchronous=1, it must be 2")
        );
    }
}
