//! The one connection that writes: a batch, a transaction.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use syncline_core::{
    Error, ErrorKind, Record, Result, WallTime,
    port::{Clock, Outcome, Random},
};

use super::{
    FeedRetention, SqliteConfig,
    checkpoint::{self, Checkpoints},
    connect::{self, PAGE_BYTES},
    error::{self, failed},
    feed,
    keys::{self, Keys},
    put::{self, Fate, Put},
    state::State,
};

/// Owned by the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    retention: FeedRetention,
    busy_timeout: Duration,
    checkpoints: Checkpoints,
    /// After a failed sync; only opening again, into a state read from the disk, may write.
    poisoned: Option<Error>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        config: &SqliteConfig,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            connection,
            keys,
            clock,
            random,
            retention: config.feed,
            busy_timeout: config.busy_timeout,
            checkpoints: Checkpoints::new(config.checkpoint_bytes / PAGE_BYTES),
            poisoned: None,
        }
    }

    /// Writes what is newer of `batch`, in one transaction.
    pub(super) fn apply(&mut self, batch: &[Record]) -> Result<Vec<Outcome>> {
        self.check_usable()?;
        let ordered = put::order(batch)?;
        let now = self.clock.wall();
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = tx.map_err(failed("no transaction can begin"))?;
        let write = Write { keys: &self.keys, random: &*self.random, retention: &self.retention, now };
        let fates = write.batch(&tx, batch, &ordered)?;
        if let Err(source) = tx.commit() {
            return Err(self.note(error::commit_failed(source)));
        }
        Ok(fates.into_iter().map(Outcome::from).collect())
    }

    /// Moves finished transactions into the file. Called when the answer is given already, so it delays nobody who waits.
    pub(super) fn tidy(&mut self) {
        if self.poisoned.is_some() {
            return;
        }
        if let Err(error) = self.checkpoints.run(&self.connection, self.busy_timeout) {
            // What it would have moved stands safe in the WAL, and the next batch tries again.
            tracing::warn!(target: "syncline::sql", %error, "finished transactions stay in the WAL");
            self.note(error);
        }
    }

    /// Leaves everything in one file.
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

/// What the transaction of one batch needs.
struct Write<'a> {
    keys: &'a Keys,
    random: &'a dyn Random,
    retention: &'a FeedRetention,
    now: WallTime,
}

impl Write<'_> {
    /// What became of each record, in the order of the batch.
    fn batch(&self, tx: &Transaction<'_>, batch: &[Record], ordered: &[(usize, &Record)]) -> Result<Vec<Fate>> {
        let mut state = State::load(tx)?;
        let mut put = Put::new(tx, self.keys, self.random)?;
        let mut fates = Vec::with_capacity(batch.len());
        for (place, record) in ordered {
            fates.push((*place, put.put(record, &mut state)?));
        }
        fates.sort_unstable_by_key(|(place, _)| *place);
        for (number, by) in put.sealed() {
            keys::count(tx, number, by)?;
        }
        let fates: Vec<Fate> = fates.into_iter().map(|(_, fate)| fate).collect();
        let written = batch.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Written);
        feed::append(tx, &mut state, written.map(|(record, _)| record), self.now)?;
        feed::trim(tx, &mut state, self.retention, self.now)?;
        state.save(tx)?;
        Ok(fates)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;
    use syncline_core::rt::{SystemClock, SystemRandom};

    use super::*;
    use crate::sqlite::migrate;

    fn writer(dir: &tempfile::TempDir) -> Writer {
        let config = SqliteConfig { path: dir.path().join("archive.db"), ..SqliteConfig::default() };
        connect::create_file(&config.path).unwrap();
        let mut connection = connect::open_writer(&config.path, &config).unwrap();
        migrate::migrate(&mut connection).unwrap();
        connect::make_durable(&connection, &config).unwrap();
        let keys = Arc::new(Keys::open(&mut connection, &config.keys, &SystemRandom).unwrap());
        Writer::new(connection, &config, keys, Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    #[test]
    fn after_a_failed_sync_nothing_is_written_until_it_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut poisoned = writer(&dir);
        let sync_failed = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None);
        let error = poisoned.note(error::commit_failed(sync_failed));
        assert_eq!(error.kind(), ErrorKind::Unknown);
        let errors = [poisoned.apply(&[]).unwrap_err(), poisoned.check().unwrap_err(), poisoned.finish().unwrap_err()];
        assert!(errors.iter().all(|error| error.kind() == ErrorKind::Poisoned), "{errors:?}");
        assert!(
            errors[0]
                .to_string()
                .starts_with("an earlier write failed and it has to be opened again: ")
        );
        drop(poisoned);
        writer(&dir).apply(&[]).unwrap();
    }

    #[test]
    fn a_full_disk_does_not_poison() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = writer(&dir);
        let full = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None);
        assert_eq!(writer.note(error::commit_failed(full)).kind(), ErrorKind::Full);
        writer.apply(&[]).unwrap();
        writer.check().unwrap();
    }

    #[test]
    fn a_durability_that_was_lowered_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        writer.check().unwrap();
        writer.connection.execute_batch("PRAGMA synchronous = NORMAL").unwrap();
        let error = writer.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.to_string(), "SQLite answers synchronous=1, it must be 2");
    }
}
