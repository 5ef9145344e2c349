//! Items as a stream.

use std::sync::atomic::Ordering::SeqCst;

use futures_util::{Stream, StreamExt as _};
use syncline_core::port::QueueStorage;
use syncline_queue::{ItemStream, QueueConfig};
use tempfile::tempdir;

use super::{faulty::Faulty, *};

fn next_now(items: &mut ItemStream) -> Option<String> {
    match Pin::new(items).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(item) => item.map(|item| item.unwrap().id),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_stream_yields_items_as_they_become_ready_and_ends_with_the_queue() {
    let (queue, clock) = queue();
    let mut items = queue.stream();
    assert_eq!(next_now(&mut items), None);
    queue.push(item("a")).await.unwrap();
    queue.push(urgent("b", Priority::Critical)).await.unwrap();
    assert_eq!(next_now(&mut items).as_deref(), Some("b"));
    assert_eq!(next_now(&mut items).as_deref(), Some("a"));
    queue.mark_failed("a", None).await.unwrap();
    assert_eq!(next_now(&mut items), None);
    clock.advance(SECOND);
    let again = items.next().await.unwrap().unwrap();
    assert_eq!((again.id.as_str(), again.retry_count), ("a", 1));
    queue.shutdown().await.unwrap();
    assert!(items.next().await.is_none());
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn a_stream_claims_a_batch_at_once() {
    for batch_size in [1, 7] {
        let (queue, _) = queue_with(QueueConfig { batch_size, ..Default::default() });
        queue.push_batch((0..20).map(|n| item(&n.to_string())).collect()).await.unwrap();
        let mut items = queue.stream();
        items.next().await.unwrap().unwrap();
        assert_eq!(queue.in_flight(), batch_size);
    }
}

#[tokio::test]
async fn a_dropped_stream_gives_back_what_it_has_not_yielded_and_no_attempt_is_counted() {
    let (queue, _) = queue_with(QueueConfig { batch_size: 3, ..Default::default() });
    queue
        .push_batch((0..4).map(|n| item(&n.to_string()).with_max_retries(1)).collect())
        .await
        .unwrap();
    let mut items = queue.stream();
    assert_eq!(items.next().await.unwrap().unwrap().id, "0");
    drop(items);
    assert_eq!((queue.in_flight(), queue.size()), (1, 3));
    let next = queue.pop().await.unwrap().unwrap();
    assert_eq!((next.id.as_str(), next.retry_count), ("1", 0), "it has its old place and all its attempts");
}

#[tokio::test]
async fn what_a_dropped_stream_gives_back_wakes_who_waits_on_a_journal_too() {
    let dir = tempdir().unwrap();
    let config = QueueConfig { persistence_path: Some(dir.path().join("q")), ..Default::default() };
    let queue = SyncQueue::open(config).await.unwrap();
    queue.push_batch(vec![item("a"), item("b")]).await.unwrap();
    let mut items = queue.stream();
    assert_eq!(items.next().await.unwrap().unwrap().id, "a");
    drop(items);
    assert_eq!(queue.pop_wait().await.unwrap().id, "b");
    queue.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_error_of_the_storage_is_yielded_and_the_next_poll_tries_again() {
    let storage = Faulty::new();
    let queue = SyncQueue::on(Arc::clone(&storage) as Arc<dyn QueueStorage>, QueueConfig::default()).unwrap();
    let mut items = queue.stream();
    storage.is_down.store(true, SeqCst);
    assert!(items.next().await.unwrap().is_err());
    storage.is_down.store(false, SeqCst);
    queue.push(item("a")).await.unwrap();
    assert_eq!(items.next().await.unwrap().unwrap().id, "a");
}
