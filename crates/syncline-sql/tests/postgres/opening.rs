//! Opening, refusing, and what is found damaged.

use syncline_core::{
    ErrorKind,
    port::{DeadReason, QueueStorage as _},
};
use syncline_sql::{PostgresQueueConfig, PostgresQueueStorage};

use crate::support::{Place, at, claimed_ids, item, push};

async fn refusal(config: PostgresQueueConfig) -> syncline_core::Error {
    PostgresQueueStorage::open(config).await.unwrap_err()
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused_untouched() {
    let place = Place::shared();
    place.open().await.close().await;
    place.tamper("update syncline_queue.version set version = 9").await;
    let error = refusal(place.config.clone()).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("its tables have version 9 and this program knows up to 3"), "{error}");
    assert_eq!(place.count("select version::bigint from syncline_queue.version").await, 9);
}

/// Who had waited for the other one's tables looked them up by name, was told from memory that there were none, and failed.
#[tokio::test]
async fn those_who_open_at_once_make_the_tables_once_and_queues_keep_apart() {
    let place = Place::shared();
    let (one, two) = tokio::join!(place.open(), place.open());
    push(&one, &[item("a")], at(0)).await;
    let other = PostgresQueueConfig { queue: "other".to_owned(), ..place.config.clone() };
    let other = PostgresQueueStorage::open(other).await.unwrap();
    assert_eq!(claimed_ids(&other, 9, at(0)).await, [""; 0]);
    assert_eq!(claimed_ids(&two, 9, at(0)).await, ["a"]);
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let place = Place::shared();
    let missing = PostgresQueueConfig { url: place.config.url.replace("/test", "/none"), ..place.config.clone() };
    let error = refusal(missing).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("there is no such database"), "{error}");
    let nobody = PostgresQueueConfig { url: place.config.url.replace("postgres@", "nobody@"), ..place.config.clone() };
    assert_eq!(refusal(nobody).await.kind(), ErrorKind::Denied);
}

/// An acknowledged push would be lost with the power, and nobody would hear of it.
#[tokio::test]
async fn a_database_cannot_lower_synchronous_commit() {
    let place = Place::shared();
    place
        .tamper(
            "do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$",
        )
        .await;
    place.open().await.check().await.unwrap();
}

/// A bit that turned in the database was handed to a worker as its job.
#[tokio::test]
async fn a_damaged_item_is_buried_and_blocks_nobody() {
    let place = Place::shared();
    let storage = place.open().await;
    push(&storage, &[item("a"), item("b")], at(0)).await;
    place.tamper("update syncline_queue.item set body = 'other' where id = 'a'").await;
    assert_eq!(storage.get("a", at(0)).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["b"]);
    let dead = storage.dead(None, 9, at(0)).await.unwrap();
    assert_eq!((dead.len(), dead[0].dead), (1, Some(DeadReason::Corrupt)));
    let stats = storage.stats(at(0)).await.unwrap();
    assert_eq!((stats.waiting[2], stats.leased[2], stats.dead[2]), (0, 1, 1));
}

#[tokio::test]
async fn a_closed_storage_says_so() {
    let storage = Place::shared().open().await;
    storage.close().await;
    storage.close().await;
    assert_eq!(storage.reap(at(0)).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_name_with_a_zero_byte_is_refused_and_nothing_is_kept() {
    let storage = Place::shared().open().await;
    let error = storage.push(&[item("a"), item("b\0")], crate::support::ROOM, at(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(storage.get("a", at(0)).await.unwrap(), None);
}
