//! The queue as its users see it. Defects of earlier queues are tests here: each says what went wrong.

mod breaker;
mod day;
mod dead;
mod durability;
mod events;
mod exported;
mod faulty;
mod health;
mod history;
mod limits;
mod list;
mod order;
mod outcomes;
mod printed;
mod schedules;
mod settings;
mod stream;
mod together;
mod waiting;
mod worker;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use serde_json::json;
use syncline_queue::{ItemFilter, ItemStatus, Priority, QueueConfig, SyncItem, SyncQueue};
use syncline_testkit::MockClock;

/// A queue in memory on a clock that stands still.
fn queue_with(config: QueueConfig) -> (SyncQueue, MockClock) {
    let clock = MockClock::new();
    let queue = SyncQueue::with_clock(config, Arc::new(clock.clone())).unwrap();
    (queue, clock)
}

fn queue() -> (SyncQueue, MockClock) {
    queue_with(QueueConfig::default())
}

fn item(id: &str) -> SyncItem {
    urgent(id, Priority::Normal)
}

fn urgent(id: &str, priority: Priority) -> SyncItem {
    SyncItem::with_id(id, json!({"of": id}), priority)
}

async fn pop_id(queue: &SyncQueue) -> Option<String> {
    queue.pop().await.unwrap().map(|item| item.id)
}

/// Polls once, with nobody to wake.
fn poll<F: Future>(future: &mut Pin<&mut F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_future_can_be_sent() {
    fn sent<T: Send>(_: T) {}
    let queue = SyncQueue::new();
    sent(queue.push(item("a")));
    sent(queue.push_batch(Vec::new()));
    sent(queue.push_wait(item("a"), SECOND));
    sent(queue.push_nowait(item("a")));
    sent(queue.pop());
    sent(queue.pop_batch(1));
    sent(queue.pop_many());
    sent(queue.pop_wait());
    sent(queue.mark_completed("a"));
    sent(queue.mark_failed("a", None));
    sent(queue.complete_and_push("a", Vec::new()));
    sent(queue.reject("a", "x"));
    sent(queue.reject_lease("a", 1, "x"));
    sent(queue.mark_failed_after("a", None, SECOND));
    sent(queue.extend_leases(&[], SECOND));
    sent(queue.requeue("a"));
    sent(queue.extend("a", SECOND));
    sent(queue.cancel("a"));
    sent(queue.get("a"));
    sent(queue.status("a"));
    sent(queue.list(&ItemFilter::of(ItemStatus::Pending), None, 1));
    sent(queue.dead_letters(None, 1));
    sent(queue.redrive_all());
    sent(queue.redrive_where(&ItemFilter::of(ItemStatus::Failed)));
    sent(queue.redrive_paced(&ItemFilter::of(ItemStatus::Failed), std::num::NonZeroU32::MIN));
    sent(queue.purge_where(&ItemFilter::of(ItemStatus::Failed)));
    sent(queue.purge_all());
    sent(queue.refresh());
    sent(queue.unschedule("a"));
    sent(queue.next_time("a"));
    sent(queue.stream());
    sent(queue.shutdown());
    sent(SyncQueue::open(QueueConfig::default()));
}
