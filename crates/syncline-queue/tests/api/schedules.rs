//! What is pushed again and again: once each time, whatever ends in between.

use std::pin::pin;

use syncline_core::{
    memory::MemoryDisk,
    port::{Claim, Clock as _, InHand, Moment, QueueStorage},
};
use syncline_journal::{Config, Journal};
use syncline_queue::{ItemStatus, MemoryQueueStorage, MissedRuns, QueueConfig, QueueError, Recurring, Schedule};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// An item a minute.
fn beat() -> Recurring {
    Recurring::new("beat", Schedule::cron("* * * * *").unwrap(), item("template"))
}

/// Minutes since the clock's beginning of the times whose items are popped, each of them completed.
async fn run(queue: &SyncQueue) -> Vec<u64> {
    let mut minutes = Vec::new();
    while let Some(item) = queue.pop().await.unwrap() {
        let at = item.scheduled_at.unwrap();
        assert_eq!(
            (item.id.as_str(), &item.payload),
            (&*format!("beat@{}", at.as_millis()), &json!({"of": "template"}))
        );
        queue.mark_completed(&item.id).await.unwrap();
        minutes.push(at.as_millis().saturating_sub(MockClock::new().wall().as_millis()) / 60_000);
    }
    minutes
}

#[tokio::test]
async fn each_time_is_pushed_once_and_wakes_who_waits() {
    let (queue, clock) = queue();
    let next = queue.schedule(&beat()).await.unwrap();
    assert_eq!(next, clock.wall() + MINUTE);
    assert_eq!((run(&queue).await, queue.size()), (vec![], 1));
    clock.advance(MINUTE);
    assert_eq!(run(&queue).await, [1]);
    assert_eq!(run(&queue).await, [0_u64; 0]);
    let mut wait = pin!(queue.pop_wait());
    assert!(poll(&mut wait).is_pending());
    clock.advance(MINUTE);
    assert_eq!(wait.await.unwrap().scheduled_at, Some(clock.wall()));
    assert_eq!(queue.next_time("beat").await.unwrap(), Some(clock.wall() + MINUTE));
    let shown = queue.get("schedule:beat").await.unwrap().unwrap();
    assert_eq!((shown.status, &shown.payload["when"]), (ItemStatus::Scheduled, &json!("* * * * *")));
    let metrics = queue.metrics();
    assert_eq!((metrics.total_enqueued, metrics.total_dequeued), (2, 2), "only items are counted");
}

/// A journal that is closed and opened again, and the queue on it.
struct Restarts {
    disk: Arc<MemoryDisk>,
    clock: MockClock,
    opened: Option<(Journal, SyncQueue)>,
}

impl Restarts {
    fn queue(&mut self) -> SyncQueue {
        if let Some((journal, _)) = self.opened.take() {
            journal.close().unwrap();
        }
        let journal = Journal::open(Arc::clone(&self.disk) as _, Config::default()).unwrap().journal;
        let clock = Arc::new(self.clock.clone());
        let queue = SyncQueue::on_journal(&journal, "jobs", QueueConfig::default(), clock).unwrap();
        self.opened = Some((journal, queue.clone()));
        queue
    }
}

#[tokio::test]
async fn a_schedule_survives_restarts_and_no_time_is_lost_or_repeated() {
    let mut restarts = Restarts { disk: Arc::new(MemoryDisk::new()), clock: MockClock::new(), opened: None };
    let all = beat().with_missed(MissedRuns::RunAll { most: 5 });
    restarts.queue().schedule(&all).await.unwrap();
    let mut ran = Vec::new();
    for minutes in [1, 0, 3, 1, 0, 1] {
        restarts.clock.advance(MINUTE * minutes);
        let queue = restarts.queue();
        // Whoever starts says again what is to be.
        queue.schedule(&all).await.unwrap();
        ran.extend(run(&queue).await);
    }
    assert_eq!(ran, [1, 2, 3, 4, 5, 6]);
    // An item that was popped when its process ended is back, and its time is not pushed again.
    restarts.clock.advance(MINUTE);
    let queue = restarts.queue();
    assert!(queue.pop().await.unwrap().unwrap().id.starts_with("beat@"));
    drop(queue);
    assert_eq!(run(&restarts.queue()).await, [7]);
}

#[tokio::test]
async fn of_several_who_run_the_same_schedule_one_pushes_each_time() {
    let (storage, clock) = (Arc::new(MemoryQueueStorage::new()), MockClock::new());
    // Ids of items that live may repeat here; those of schedules never do.
    let config = QueueConfig { enable_deduplication: false, ..Default::default() };
    let open = || {
        let port = Arc::clone(&storage) as Arc<dyn QueueStorage>;
        SyncQueue::on_with_clock(port, config.clone(), Arc::new(clock.clone())).unwrap()
    };
    let queues = [open(), open()];
    for queue in &queues {
        queue.schedule(&beat()).await.unwrap();
    }
    let mut ran = Vec::new();
    for round in 0..6 {
        clock.advance(MINUTE);
        ran.extend(run(&queues[round % 2]).await);
        ran.extend(run(&queues[(round + 1) % 2]).await);
    }
    assert_eq!(ran, [1, 2, 3, 4, 5, 6]);
    // Somebody takes the tick and is never heard of again: it comes back, and fires once.
    clock.advance(MINUTE);
    let claim = Claim { most: 9, lease: MINUTE * 5, aging: None, in_hand: InHand::default() };
    let now = Moment { wall: clock.wall(), steady: clock.now() };
    assert_eq!(storage.claim(claim, now).await.unwrap().items[0].id, "schedule:beat");
    assert_eq!(run(&queues[0]).await, [0_u64; 0]);
    clock.advance(MINUTE * 5);
    assert_eq!(run(&queues[1]).await, [12]);
}

#[tokio::test]
async fn missed_runs_are_run_as_their_policy_says() {
    let skip = MissedRuns::Skip { after: SECOND * 10 };
    for (missed, late, expected) in [
        (MissedRuns::RunOnce, MINUTE * 10, vec![10]),
        (MissedRuns::RunAll { most: 3 }, MINUTE * 10, vec![8, 9, 10]),
        (MissedRuns::RunAll { most: 64 }, MINUTE * 4, vec![1, 2, 3, 4]),
        (skip, MINUTE * 10 + SECOND * 10, vec![10]),
        (skip, MINUTE * 10 + SECOND * 11, vec![]),
    ] {
        let (queue, clock) = queue();
        queue.schedule(&beat().with_missed(missed)).await.unwrap();
        clock.advance(late);
        assert_eq!(run(&queue).await, expected, "{missed:?}");
        clock.advance(MINUTE - Duration::from_secs(late.as_secs() % 60));
        assert_eq!(run(&queue).await, [late.as_secs() / 60 + 1], "it goes on after them: {missed:?}");
    }
}

#[tokio::test]
async fn a_calendar_that_is_set_back_repeats_nothing_and_one_set_forward_misses_runs() {
    let (queue, clock) = queue();
    queue.schedule(&beat()).await.unwrap();
    clock.advance(MINUTE * 5);
    assert_eq!(run(&queue).await, [5]);
    let begin = MockClock::new().wall();
    clock.set_wall(begin);
    assert_eq!(run(&queue).await, [0_u64; 0]);
    // Also for who sets it again, in another form.
    queue.schedule(&beat().with_missed(MissedRuns::RunAll { most: 9 })).await.unwrap();
    clock.advance(MINUTE);
    assert_eq!(run(&queue).await, [6]);
    clock.set_wall(begin + MINUTE * 10);
    assert_eq!(run(&queue).await, [7, 8, 9, 10]);
}

#[tokio::test]
async fn a_schedule_is_replaced_and_removed() {
    let (queue, clock) = queue();
    let yearly = Recurring { schedule: Schedule::cron("@yearly").unwrap(), ..beat() };
    queue.schedule(&yearly).await.unwrap();
    let again = queue.schedule(&yearly).await.unwrap();
    assert_eq!((queue.next_time("beat").await.unwrap(), queue.size()), (Some(again), 1));
    queue.schedule(&beat()).await.unwrap();
    clock.advance(MINUTE);
    assert_eq!((run(&queue).await, queue.size()), (vec![1], 1));
    assert!(queue.unschedule("beat").await.unwrap());
    assert!(!queue.unschedule("beat").await.unwrap());
    clock.advance(MINUTE * 5);
    assert_eq!((run(&queue).await, queue.next_time("beat").await.unwrap()), (vec![], None));
    assert!(queue.is_idle());
}

#[tokio::test]
async fn an_item_that_dies_stops_nothing() {
    let (queue, clock) = queue();
    queue.schedule(&beat()).await.unwrap();
    clock.advance(MINUTE);
    let first = queue.pop().await.unwrap().unwrap();
    queue.reject(&first.id, "it never works").await.unwrap();
    clock.advance(MINUTE);
    assert_eq!(run(&queue).await, [2]);
    assert_eq!(queue.dead_letters(None, 9).await.unwrap()[0].item.id, first.id);
}

/// What was missed must not grow a queue beyond its bound.
#[tokio::test]
async fn a_full_queue_takes_one_of_several_that_were_missed() {
    let (queue, clock) = queue_with(QueueConfig { max_capacity: 2, batch_size: 1, ..Default::default() });
    queue.schedule(&beat().with_missed(MissedRuns::RunAll { most: 9 })).await.unwrap();
    queue.push(item("other")).await.unwrap();
    assert!(matches!(queue.push(item("more")).await, Err(QueueError::CapacityExceeded(2))));
    clock.advance(MINUTE * 5);
    let first = queue.pop_batch(9).await.unwrap();
    let second = queue.pop_batch(9).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&second).map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["other", &format!("beat@{}", clock.wall().as_millis())]);
}

#[tokio::test]
async fn what_cannot_be_a_schedule_is_refused() {
    let (queue, clock) = queue();
    let refused = async |recurring: Recurring| queue.schedule(&recurring).await.unwrap_err().to_string();
    assert!(refused(Recurring { name: "a b".into(), ..beat() }).await.contains("the name"));
    let own_time = item("x").with_scheduled_at(clock.wall());
    assert!(
        refused(Recurring { item: own_time, ..beat() })
            .await
            .contains("a time or a key of its own")
    );
    assert!(
        refused(beat().with_missed(MissedRuns::RunAll { most: 65 }))
            .await
            .contains("from 1 to 64")
    );
    queue.push(item("schedule:beat")).await.unwrap();
    assert!(matches!(queue.schedule(&beat()).await, Err(QueueError::DuplicateItem(_))));
    assert!(!queue.unschedule("beat").await.unwrap());
    assert_eq!(queue.size(), 1);
}
