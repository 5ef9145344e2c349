//! Queues of one directory, beside one another and beside the engine.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use syncline::{
    ErrorKind, MockClock, SecretKey, Syncline,
    engine::SyncItem as Record,
    journal,
    port::Clock as _,
    queue::{Priority, QueueConfig, QueueError, SyncItem},
};

fn item(n: u32) -> SyncItem {
    SyncItem::with_id(format!("item.{n}"), json!({ "secret-word": n }), Priority::Normal)
}

#[tokio::test]
async fn several_queues_and_the_engine_share_one_directory_and_survive_it() {
    let dir = tempfile::tempdir().unwrap();
    let syncline = Syncline::open(dir.path()).await.unwrap();
    let (mails, bills) = (syncline.queue("mails").await.unwrap(), syncline.queue("bills").await.unwrap());
    for n in 0..3 {
        mails.push(item(n)).await.unwrap();
    }
    bills.push(item(7)).await.unwrap();
    syncline.engine().submit(Record::new("users.1".into(), json!("Ada"))).await.unwrap();
    let popped = mails.pop().await.unwrap().unwrap();
    let left = syncline.shutdown().await;
    assert_eq!(left.pending_left, 0);
    let seen: Vec<_> = left
        .queues
        .iter()
        .map(|queue| (queue.name.as_str(), queue.waiting, queue.in_flight))
        .collect();
    assert_eq!(seen, [("bills", 1, 0), ("mails", 2, 1)]);
    assert!(matches!(mails.push(item(9)).await, Err(QueueError::ShuttingDown)));

    let syncline = Syncline::open(dir.path()).await.unwrap();
    let (mails, bills) = (syncline.queue("mails").await.unwrap(), syncline.queue("bills").await.unwrap());
    assert_eq!((mails.size(), bills.size()), (3, 1));
    assert_eq!(mails.get(&popped.id).await.unwrap().unwrap().retry_count, 1, "the attempt was counted");
    assert!(syncline.engine().get("users.1").await.unwrap().is_some());
    syncline.shutdown().await;
}

#[tokio::test]
async fn the_same_name_is_the_same_queue_and_other_settings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let syncline = Arc::new(Syncline::open(dir.path()).await.unwrap());
    let settings = QueueConfig { max_capacity: 200, ..QueueConfig::default() };
    let first = syncline.queue_with("jobs", settings.clone()).await.unwrap();
    first.push(item(1)).await.unwrap();
    let again = syncline.queue("jobs").await.unwrap();
    assert_eq!((again.size(), again.config().max_capacity), (1, 200));
    assert!(syncline.queue_with("jobs", settings).await.is_ok());
    let error = syncline.queue_with("jobs", QueueConfig::default()).await.unwrap_err();
    assert!(error.to_string().contains("open with other settings"), "{error}");

    let racing: Vec<_> = (0..8)
        .map(|_| {
            let syncline = Arc::clone(&syncline);
            syncline::rt::spawn("opener", async move { syncline.queue("raced").await.map(drop) })
        })
        .collect();
    for one in racing {
        one.await.unwrap().unwrap();
    }
    syncline.shutdown().await;
}

#[tokio::test]
async fn a_name_or_setting_that_cannot_be_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let syncline = Syncline::open(dir.path()).await.unwrap();
    for name in ["", "a/b", "a b", &"x".repeat(101)] {
        assert_eq!(syncline.queue(name).await.unwrap_err().kind(), ErrorKind::Invalid, "{name:?}");
    }
    let own_path = QueueConfig { persistence_path: Some("elsewhere".into()), ..QueueConfig::default() };
    let error = syncline.queue_with("jobs", own_path).await.unwrap_err();
    assert!(error.to_string().contains("persistence_path is set"), "{error}");
    let own_key = QueueConfig {
        enable_encryption: true,
        encryption_key: Some(vec![7; 32]),
        ..QueueConfig::default()
    };
    assert!(syncline.queue_with("jobs", own_key).await.is_err());
    syncline.shutdown().await;
}

#[tokio::test]
async fn the_key_of_the_directory_encrypts_its_queues() {
    let dir = tempfile::tempdir().unwrap();
    let key = SecretKey::new([7; 32]).unwrap();
    let small = journal::Config { segment_bytes: 64 * 1_024, ..journal::Config::default() };
    let syncline = Syncline::builder(dir.path()).key(key).journal(small).open().await.unwrap();
    syncline.queue("jobs").await.unwrap().push(item(1)).await.unwrap();
    syncline.shutdown().await;
    for entry in std::fs::read_dir(dir.path().join("journal")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"secret-word"));
    }
    assert_eq!(Syncline::open(dir.path()).await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn delays_of_a_queue_follow_the_clock_of_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let clock = MockClock::new();
    let syncline = Syncline::builder(dir.path()).clock(Arc::new(clock.clone())).open().await.unwrap();
    let jobs = syncline.queue("jobs").await.unwrap();
    let due = syncline::WallTime::from_millis(clock.wall().as_millis() + 60_000);
    jobs.push(item(1).with_scheduled_at(due)).await.unwrap();
    assert!(jobs.pop().await.unwrap().is_none());
    clock.advance(Duration::from_secs(61));
    assert!(jobs.pop().await.unwrap().is_some());
    syncline.shutdown().await;
}
