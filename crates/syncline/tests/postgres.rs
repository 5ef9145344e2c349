//! Queues of several processes on one PostgreSQL server, as an application holds them.
#![cfg(feature = "postgres")]

use std::{sync::Arc, time::Duration};

use serde_json::json;
use syncline::{
    MockClock,
    port::Clock as _,
    queue::{
        ItemStatus, PostgresQueueConfig, PostgresQueueStorage, Priority, QueueConfig, QueueStorage, SyncItem, SyncQueue,
    },
    sql::postgres::QueueTime,
};
use syncline_core::rt;
use syncline_testkit::PostgresServer;

/// Nobody looks by himself within it: a wait that ends was woken.
const POLL: Duration = Duration::from_secs(3_600);

/// A queue on storage of its own, as in another process, and that storage.
async fn queue(url: &str, clock: &MockClock) -> (SyncQueue, Arc<PostgresQueueStorage>) {
    let config = PostgresQueueConfig {
        url: url.to_owned(),
        // Only what the test is about may end a call, however slow the machine is.
        deadline: Duration::from_secs(120),
        poll: POLL,
        time: QueueTime::Caller,
        ..PostgresQueueConfig::default()
    };
    let storage = Arc::new(PostgresQueueStorage::open(config).await.unwrap());
    let port = Arc::clone(&storage) as Arc<dyn QueueStorage>;
    (SyncQueue::on_with_clock(port, QueueConfig::default(), Arc::new(clock.clone())).unwrap(), storage)
}

fn item(id: &str) -> SyncItem {
    SyncItem::with_id(id, json!(id), Priority::Normal)
}

/// The waiter sleeps on a clock that stands still, and the storage polls in an hour: only the notice of the other one's push
/// wakes it, and without that the test does not end.
#[tokio::test]
async fn a_waiter_is_woken_by_what_another_process_pushes() {
    let url = PostgresServer::shared().unwrap().database().unwrap();
    let clock = MockClock::new();
    let (here, storage) = queue(&url, &clock).await;
    let (there, _) = queue(&url, &clock).await;
    // Something is due tomorrow, so that who waits has an alarm: that shows when it sleeps.
    let heard = storage.changed();
    there
        .push(item("tomorrow").with_scheduled_at(clock.wall() + Duration::from_hours(24)))
        .await
        .unwrap();
    heard.await;
    for n in 0..10 {
        let waiter = here.clone();
        let wait = rt::spawn("waiter", async move { waiter.pop_wait().await });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        there.push(item(&n.to_string())).await.unwrap();
        let popped = wait.await.unwrap().unwrap();
        assert_eq!(popped.id, n.to_string());
        here.mark_completed(&popped.id).await.unwrap();
    }
}

/// What went wrong: what another process had completed was unknown here, and what was completed here was forgotten with the
/// process.
#[tokio::test]
async fn what_one_process_ended_is_told_by_all() {
    let url = PostgresServer::shared().unwrap().database().unwrap();
    let clock = MockClock::new();
    let (here, _) = queue(&url, &clock).await;
    let (there, _) = queue(&url, &clock).await;
    here.push_batch(vec![item("a"), item("b"), item("c")]).await.unwrap();
    assert_eq!(there.pop().await.unwrap().unwrap().id, "a");
    there.mark_completed("a").await.unwrap();
    here.cancel("b").await.unwrap();
    drop(there);
    let (again, _) = queue(&url, &clock).await;
    for one in [&here, &again] {
        let ended = one.history(None, 9).await.unwrap().items;
        let told: Vec<_> = ended.iter().map(|item| (item.id.as_str(), item.ending.to_string())).collect();
        assert_eq!(told, [("b", "cancelled".to_owned()), ("a", "completed".to_owned())]);
        assert_eq!(one.status("a").await.unwrap(), Some(ItemStatus::Completed));
        assert_eq!(one.status("b").await.unwrap(), Some(ItemStatus::Cancelled));
        assert_eq!(one.status("c").await.unwrap(), Some(ItemStatus::Pending));
    }
}
