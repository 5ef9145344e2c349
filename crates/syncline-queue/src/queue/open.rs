//! How a queue is made.

use std::sync::Arc;

use syncline_core::{
    Error, ErrorKind,
    port::{Clock, Moment, QueueStorage},
    rt::{self, SystemClock},
};
use syncline_journal::{FileDisk, KeyRing};
use zeroize::Zeroizing;

use super::{Store, SyncQueue};
use crate::{
    Durability, JournalQueueStorage, MemoryQueueStorage, QueueConfig, QueueError, QueueResult, config,
    original::{self, Target},
};

/// The name of a queue that was given none.
const NAME: &str = "queue";

impl SyncQueue {
    /// A queue in memory, with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::in_memory(QueueConfig::default(), Arc::new(SystemClock))
    }

    /// A queue in memory, or with everything that was pushed to the journal at
    /// [`persistence_path`](QueueConfig::persistence_path). Works outside any runtime. With a path it blocks; in a task
    /// [`open`](Self::open) does not.
    ///
    /// A file of the original queue at that path is taken over once: what waits, what was in hand and what had failed, in the
    /// order in which it was made, is durable in the directory that stands there then, and the file is kept beside it with
    /// `.v1.bak` after its name. Whether it is compressed or encrypted is read from it; a key that it needs has to be given.
    ///
    /// Items that were in hand when their process ended are back in their places, or dead after their last attempt.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig); [`AlreadyOpen`](QueueError::AlreadyOpen) naming who has the directory;
    /// [`Corrupted`](QueueError::Corrupted) naming what is damaged; [`EncryptionError`](QueueError::EncryptionError) for a
    /// wrong key or none; [`StorageFull`](QueueError::StorageFull); [`PersistenceError`](QueueError::PersistenceError). What
    /// stands in the directory is not changed then, nor is a file that cannot be taken over, which is named.
    pub fn with_config(config: QueueConfig) -> QueueResult<Self> {
        Self::with_clock(config, Arc::new(SystemClock))
    }

    /// [`with_config`](Self::with_config) on this clock.
    ///
    /// # Errors
    ///
    /// As [`with_config`](Self::with_config).
    pub fn with_clock(mut config: QueueConfig, clock: Arc<dyn Clock>) -> QueueResult<Self> {
        config.validate()?;
        let given = config.encryption_key.take().map(Zeroizing::new);
        let key = given.as_deref().cloned().map(config::secret).transpose()?;
        let Some(path) = &config.persistence_path else { return Ok(Self::in_memory(config, clock)) };
        let keys = KeyRing { current: key.filter(|_| config.enable_encryption), older: Vec::new() };
        let journal = settings(&config, keys);
        let target = Target {
            config: &config,
            key: given.as_ref().map(|key| key.as_slice()),
            journal: journal.clone(),
            queue: NAME,
            now: Moment { wall: clock.wall(), steady: clock.now() },
        };
        original::take_over(path, &target)?;
        let disk = Arc::new(FileDisk::open(path).map_err(QueueError::of_storage)?);
        let (retention, payload_memory_bytes) = (config.retention(), config.payload_memory_bytes);
        let (storage, opened) =
            JournalQueueStorage::open_with_journal_keeping(disk, journal, NAME, retention, payload_memory_bytes)
                .map_err(of_opening)?;
        let (storage, journal) = (storage.answering(config.durability), opened.journal);
        Ok(Self::of(NAME, Store::Journal { storage, journal, is_shared: false }, config, clock))
    }

    /// [`with_config`](Self::with_config) for tasks: the disk is waited for on a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`with_config`](Self::with_config).
    ///
    /// # Cancel safety
    ///
    /// A queue whose opening is not waited for is opened, and closed again at once.
    pub async fn open(config: QueueConfig) -> QueueResult<Self> {
        on_thread("syncline-queue-open", move || Self::with_config(config)).await?
    }

    /// A queue on this storage. Encryption, compression and syncing are the storage's own affair.
    ///
    /// Where other processes use the same storage, [`pop_wait`](Self::pop_wait) hears of what they push when the storage
    /// [tells](QueueStorage::changed) or something is due here, and not before. Numbers of [`metrics`](Self::metrics) that are the storage's are those of the last
    /// [`refresh`](Self::refresh).
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig), also where a path or encryption is asked for.
    pub fn on(storage: Arc<dyn QueueStorage>, config: QueueConfig) -> QueueResult<Self> {
        Self::on_with_clock(storage, config, Arc::new(SystemClock))
    }

    /// [`on`](Self::on) on this clock.
    ///
    /// # Errors
    ///
    /// As [`on`](Self::on).
    pub fn on_with_clock(
        storage: Arc<dyn QueueStorage>,
        config: QueueConfig,
        clock: Arc<dyn Clock>,
    ) -> QueueResult<Self> {
        check_given(&config)?;
        Ok(Self::of(NAME, Store::Given(storage), config, clock))
    }

    fn in_memory(config: QueueConfig, clock: Arc<dyn Clock>) -> Self {
        Self::of(NAME, Store::Memory(Box::new(MemoryQueueStorage::keeping(config.retention()))), config, clock)
    }
}

impl Default for SyncQueue {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether these settings suit a storage that is given: what is its own affair must not be asked for.
pub(super) fn check_given(config: &QueueConfig) -> QueueResult<()> {
    config.validate()?;
    let refused = [
        ("durability", config.durability != Durability::Sync),
        ("persistence_path", config.persistence_path.is_some()),
        ("enable_encryption", config.enable_encryption),
    ];
    match refused.into_iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => Err(QueueError::InvalidConfig(format!("{name} is set, and the storage is given"))),
        None => Ok(()),
    }
}

/// What the settings of a queue are for its journal.
pub(crate) fn settings(config: &QueueConfig, keys: KeyRing) -> syncline_journal::Config {
    let level = i32::try_from(config.compression_level).ok();
    syncline_journal::Config {
        flush_interval: Some(config.persistence_interval)
            .filter(|interval| !interval.is_zero() && config.durability != Durability::Buffered),
        compression: level.filter(|level| config.enable_compression && *level > 0),
        keys,
        ..Default::default()
    }
}

pub(super) fn of_opening(error: Error) -> QueueError {
    match error.kind() {
        ErrorKind::Conflict => QueueError::AlreadyOpen(error),
        ErrorKind::Denied => QueueError::EncryptionError(error),
        _ => QueueError::of_storage(error),
    }
}

/// What `work` returns, done on a thread of its own.
pub(super) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> QueueResult<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let failed = |message: &str| QueueError::PersistenceError(Error::new(ErrorKind::Unavailable, message.to_owned()));
    // Who asked may have gone: then nobody needs the answer.
    let thread = rt::thread(name, move || drop(tell.send(work())));
    let thread = thread.map_err(|error| failed(&format!("there is no thread for {name}: {error}")))?;
    let answer = told.await.map_err(|_| failed(&format!("the thread {name} ended without an answer")))?;
    thread.join().map_err(QueueError::of_storage)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn settings_of_a_queue_are_those_of_its_journal() {
        let of = |config: QueueConfig| {
            let settings = settings(&config, KeyRing::default());
            (settings.flush_interval, settings.compression)
        };
        let config = QueueConfig::default();
        assert_eq!(of(config.clone()), (Some(Duration::from_secs(30)), Some(6)));
        assert_eq!(of(QueueConfig { persistence_interval: Duration::ZERO, ..config.clone() }), (None, Some(6)));
        assert_eq!(of(QueueConfig { compression_level: 0, ..config.clone() }).1, None);
        assert_eq!(of(QueueConfig { enable_compression: false, ..config }).1, None);
    }
}
