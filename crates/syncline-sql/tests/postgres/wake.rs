//! Those who wait hear of what others push.

use std::time::Duration;

use syncline_core::port::QueueStorage as _;
use syncline_sql::{PostgresQueueConfig, postgres::caller::sqlx::Connection as _};

use crate::support::{Place, ROOM, at, claimed_ids, item, push};

/// The next poll is an hour away: only a notice ends the wait.
#[tokio::test]
async fn a_push_of_another_one_is_heard_and_so_is_one_in_a_transaction() {
    let place = Place::shared();
    let (here, there) = (place.open().await, place.open().await);
    let changed = here.changed();
    push(&there, &[item("a")], at(0)).await;
    changed.await;
    assert_eq!(claimed_ids(&here, 9, at(0)).await, ["a"]);
    let mut connection = place.stranger().await;
    let mut tx = connection.begin().await.unwrap();
    there.push_in(&mut tx, &[item("b")], ROOM, at(0)).await.unwrap();
    let changed = here.changed();
    tx.commit().await.unwrap();
    changed.await;
    assert_eq!(claimed_ids(&here, 9, at(0)).await, ["b"]);
}

/// With its connection a notice is lost; without another look the items lay there until the next push.
#[tokio::test]
async fn without_notices_everybody_looks_again_after_the_poll() {
    let place = Place::shared();
    let config = PostgresQueueConfig { poll: Duration::from_millis(50), ..place.config.clone() };
    let storage = syncline_sql::PostgresQueueStorage::open(config).await.unwrap();
    storage.changed().await;
    place
        .tamper("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'LISTEN%'")
        .await;
    place
        .tamper(
            "insert into syncline_queue.item select nextval('syncline_queue.item_seq'), 1, 0, 2, 0, null, null, 0, 0, 3, 0, \
             null, null, true, 'silent', null, null, '{}', '', ''",
        )
        .await;
    storage.changed().await;
    storage.changed().await;
    assert!(storage.next_due(syncline_core::port::InHand::default(), at(0)).await.unwrap().is_some());
}
