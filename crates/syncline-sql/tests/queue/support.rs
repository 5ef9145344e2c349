//! What the tests share: items, moments, storages in a directory of their own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use syncline_core::{
    Instant, Priority, WallTime,
    port::{
        Admission, Claim, Claimed, InHand, Lease, Moment, NewItem, Pushed, QueueOutcome, QueueStorage, Settled,
        Settlement,
    },
};
use syncline_sql::queue::{SqliteQueueConfig, SqliteQueueStorage};
use tempfile::TempDir;

pub(crate) const LEASE: Duration = Duration::from_secs(60);
pub(crate) const ROOM: Admission = Admission { capacity: 1_000_000, unique_ids: true };

/// The moment `ms` after the beginning.
pub(crate) fn at(ms: u64) -> Moment {
    Moment {
        wall: WallTime::from_millis(1_767_225_600_000 + ms),
        steady: Instant::from_origin(Duration::from_millis(1_000 + ms)),
    }
}

pub(crate) fn item(id: &str) -> NewItem {
    NewItem {
        id: id.to_owned(),
        priority: Priority::Normal,
        due: None,
        max_attempts: 3,
        partition: None,
        dedup: None,
        expires_at: None,
        body: format!("body of {id}").into(),
    }
}

pub(crate) fn in_lane(id: &str, lane: &str) -> NewItem {
    NewItem { partition: Some(lane.to_owned()), ..item(id) }
}

pub(crate) async fn push(storage: &dyn QueueStorage, items: &[NewItem], now: Moment) {
    let told = storage.push(items, ROOM, now).await.unwrap();
    assert!(told.iter().all(|told| *told == Pushed::Inserted), "{told:?}");
}

pub(crate) async fn claim(storage: &dyn QueueStorage, most: usize, now: Moment) -> Vec<Claimed> {
    storage
        .claim(Claim { most, lease: LEASE, aging: None, in_hand: InHand::default() }, now)
        .await
        .unwrap()
        .items
}

pub(crate) async fn claimed_ids(storage: &dyn QueueStorage, most: usize, now: Moment) -> Vec<String> {
    claim(storage, most, now).await.into_iter().map(|claimed| claimed.id).collect()
}

pub(crate) async fn settle(storage: &dyn QueueStorage, of: &Claimed, outcome: QueueOutcome, now: Moment) -> Settled {
    let lease = Lease { id: of.id.clone(), token: Some(of.token) };
    storage.settle(&[Settlement { lease, outcome }], now).await.unwrap()[0]
}

pub(crate) fn done() -> QueueOutcome {
    QueueOutcome::Complete { push: Vec::new() }
}

pub(crate) fn retry(ms: u64, error: &str) -> QueueOutcome {
    QueueOutcome::Retry { at: at(ms).wall, error: error.to_owned() }
}

/// A directory for one test, and the settings of a queue in it.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) config: SqliteQueueConfig,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = SqliteQueueConfig { path: dir.path().join("queue.db"), ..SqliteQueueConfig::default() };
        Self { dir, config }
    }

    pub(crate) fn open(&self) -> SqliteQueueStorage {
        SqliteQueueStorage::open(self.config.clone()).unwrap()
    }

    /// Another queue of the same file.
    pub(crate) fn open_queue(&self, queue: &str) -> SqliteQueueStorage {
        SqliteQueueStorage::open(SqliteQueueConfig { queue: queue.to_owned(), ..self.config.clone() }).unwrap()
    }

    pub(crate) fn open_error(&self) -> syncline_core::Error {
        SqliteQueueStorage::open(self.config.clone()).unwrap_err()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.config.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A connection of somebody else's to the same file.
    pub(crate) fn stranger(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    /// Changes the file behind the storage's back.
    pub(crate) fn tamper(&self, sql: &str) {
        self.stranger().execute_batch(sql).unwrap();
    }
}
