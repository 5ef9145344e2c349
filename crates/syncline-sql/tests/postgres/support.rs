//! What the tests share: items, moments, storages in a database of their own.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use syncline_core::{
    Instant, Priority, WallTime,
    port::{
        Admission, Claim, Claimed, InHand, Lease, Moment, NewItem, Pushed, QueueOutcome, QueueStorage, Settled,
        Settlement,
    },
};
use syncline_sql::{
    PostgresQueueConfig, PostgresQueueStorage,
    postgres::{QueueTime, caller::sqlx},
};
use syncline_testkit::PostgresServer;

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

pub(crate) fn settlement(of: &Claimed, outcome: QueueOutcome) -> Settlement {
    Settlement { lease: Lease { id: of.id.clone(), token: Some(of.token) }, outcome }
}

pub(crate) async fn settle(storage: &dyn QueueStorage, of: &Claimed, outcome: QueueOutcome, now: Moment) -> Settled {
    storage.settle(&[settlement(of, outcome)], now).await.unwrap()[0]
}

pub(crate) fn done() -> QueueOutcome {
    QueueOutcome::Complete { push: Vec::new() }
}

/// A database for one test, and the settings of a queue in it.
pub(crate) struct Place {
    pub(crate) config: PostgresQueueConfig,
}

impl Place {
    /// On the server that the tests of this process share.
    pub(crate) fn shared() -> Self {
        Self::on(PostgresServer::shared().unwrap())
    }

    /// On a server of the test's own, which it may hurt.
    pub(crate) fn on(server: &PostgresServer) -> Self {
        let config = PostgresQueueConfig {
            url: server.database().unwrap(),
            // Only what a test is about may end a call, however slow the machine is.
            deadline: Duration::from_secs(120),
            poll: Duration::from_secs(3_600),
            time: QueueTime::Caller,
            ..PostgresQueueConfig::default()
        };
        Self { config }
    }

    pub(crate) async fn open(&self) -> PostgresQueueStorage {
        PostgresQueueStorage::open(self.config.clone()).await.unwrap()
    }

    /// A connection of somebody else's to the same database.
    pub(crate) async fn stranger(&self) -> PgConnection {
        PgConnection::connect(&self.config.url).await.unwrap()
    }

    /// Changes the database behind the storage's back.
    pub(crate) async fn tamper(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.stranger().await)
            .await
            .unwrap();
    }

    /// One number that the database answers.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut self.stranger().await)
            .await
            .unwrap()
    }
}
