//! Work that is pushed in a transaction of the caller's own, on a real PostgreSQL server.
#![cfg(feature = "postgres")]

use std::{sync::Arc, time::Duration};

use serde_json::json;
use syncline::{
    queue::{PostgresQueueConfig, PostgresQueueStorage, Priority, QueueConfig, QueueError, SyncItem, SyncQueue},
    sql::postgres::caller::sqlx::{self, Connection as _, PgConnection},
};
use syncline_testkit::PostgresServer;

fn mail(id: &str) -> SyncItem {
    SyncItem::with_id(id, json!({ "to": "ada@example.org" }), Priority::High)
}

async fn queue(url: &str, config: QueueConfig) -> (Arc<PostgresQueueStorage>, SyncQueue) {
    let config_of_storage = PostgresQueueConfig {
        url: url.to_owned(),
        // Only what a test is about may end a call, however slow the machine is.
        deadline: Duration::from_secs(120),
        ..PostgresQueueConfig::default()
    };
    let storage = Arc::new(PostgresQueueStorage::open(config_of_storage).await.unwrap());
    let queue = SyncQueue::on(Arc::clone(&storage) as _, config).unwrap();
    (storage, queue)
}

/// What went wrong: a transaction took items of the port, and nothing public made one of an item of a queue, so that what was
/// pushed that way could not be read by those who popped it.
#[tokio::test]
async fn an_item_that_is_pushed_in_a_transaction_is_popped_as_any_other() {
    let url = PostgresServer::shared().unwrap().database().unwrap();
    let (storage, queue) = queue(&url, QueueConfig { max_capacity: 2, batch_size: 2, ..Default::default() }).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("create table orders (id bigint)").execute(&mut connection).await.unwrap();
    for (order, is_kept) in [(1, false), (2, true)] {
        let mut tx = connection.begin().await.unwrap();
        sqlx::query("insert into orders values ($1)").bind(order).execute(&mut *tx).await.unwrap();
        let push = queue.prepare(&[mail(&format!("order {order}"))]).unwrap();
        storage.push_in(&mut tx, &push.items, push.admission, push.now).await.unwrap();
        if is_kept { tx.commit().await.unwrap() } else { tx.rollback().await.unwrap() }
    }
    let popped = queue.pop_wait().await.unwrap();
    assert_eq!((popped.id.as_str(), popped.priority), ("order 2", Priority::High));
    assert_eq!(popped.payload, json!({ "to": "ada@example.org" }));
    queue.mark_completed("order 2").await.unwrap();
    assert!(queue.pop().await.unwrap().is_none());
}

/// The capacity and the check of ids are the queue's; so is the bound of one item.
#[tokio::test]
async fn a_push_that_is_prepared_finds_what_a_push_would() {
    let url = PostgresServer::shared().unwrap().database().unwrap();
    let (storage, queue) = queue(&url, QueueConfig { max_capacity: 2, batch_size: 2, ..Default::default() }).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    let push = queue.prepare(&[mail("a"), mail("a"), mail("b")]).unwrap();
    let told = storage.push_in(&mut tx, &push.items, push.admission, push.now).await.unwrap();
    assert_eq!(told.iter().filter(|told| **told == syncline::port::Pushed::Inserted).count(), 2);
    let push = queue.prepare(&[mail("c")]).unwrap();
    assert!(storage.push_in(&mut tx, &push.items, push.admission, push.now).await.is_err(), "two live");
    tx.commit().await.unwrap();
    let large = SyncItem::with_id("large", json!("x".repeat(9 * 1_024 * 1_024)), Priority::Low);
    assert!(matches!(queue.prepare(&[large]), Err(QueueError::ItemTooLarge { .. })));
    queue.lock().unwrap();
    assert!(matches!(queue.prepare(&[mail("d")]), Err(QueueError::Locked)));
}
