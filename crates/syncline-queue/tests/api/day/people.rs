//! Those who push, those who work, and whoever sets the calendar.

use std::{cell::RefCell, rc::Rc, time::Duration};

use serde_json::json;
use syncline_core::{
    Instant,
    port::{Clock as _, Sleep},
};
use syncline_queue::{QueueError, SyncItem, SyncQueue, WallTime};
use syncline_testkit::SeededRandom;

use super::{
    PRODUCERS,
    fate::{Ending, Plan, Turn, error},
    ledger::{LEASE, Ledger, is_last, number_of},
    stepped::Tasks,
    time::{Millis, Time, ms},
};

/// The calendar is set so often.
const SET_EVERY: Duration = Duration::from_mins(20);
/// Furthest that it is set at once.
const SET_MAX_MS: u64 = 3_600_000;

pub(super) struct Day {
    pub(super) queue: SyncQueue,
    pub(super) time: Time,
    pub(super) tasks: Tasks,
    pub(super) ledger: RefCell<Ledger>,
    pub(super) plan: Rc<Plan>,
}

impl Day {
    /// Ends when so much time has passed.
    fn after(&self, length: Duration) -> Sleep {
        self.at(self.time.clock.now() + length)
    }

    fn at(&self, moment: Instant) -> Sleep {
        self.time.clock.sleep_until(moment)
    }

    /// The item of this number, and from when on it may be handed out.
    fn item(&self, n: usize) -> (SyncItem, Millis) {
        let (fate, wall) = (&self.plan.fates[n], self.time.clock.wall());
        let mut item =
            SyncItem::with_id(n.to_string(), json!({"n": n}), fate.priority).with_max_retries(fate.max_attempts);
        item.scheduled_at = fate.delay.map(|delay| wall + delay);
        item.expires_at = fate.delay.filter(|_| fate.is_too_late).map(|delay| wall + delay / 2);
        item.partition_key = fate.lane.map(|lane| format!("lane {lane}"));
        let due = item.scheduled_at.map_or(0, WallTime::as_millis);
        (item, due.max(self.time.now()))
    }
}

/// Pushes its share of the batches, each at its time.
pub(super) async fn produce(day: Rc<Day>, producer: usize) {
    for batch in day.plan.batches.iter().skip(producer).step_by(PRODUCERS) {
        day.at(Instant::from_origin(batch.at)).await;
        let (items, eligible): (Vec<_>, Vec<_>) = batch.items.clone().map(|n| day.item(n)).unzip();
        let kept = day.queue.push_batch(items).await.unwrap();
        assert_eq!(kept.len(), batch.items.len());
        let mut ledger = day.ledger.borrow_mut();
        batch.items.clone().zip(eligible).for_each(|(n, at)| ledger.pushed(n, at, &day.time));
    }
}

/// Takes what is next and does with it what it is to do, for ever.
pub(super) async fn work(day: Rc<Day>) {
    loop {
        let item = day.queue.pop_wait().await.unwrap();
        let turn = day.ledger.borrow_mut().took(&item, &day.time);
        match turn.ending {
            Ending::Vanish => day.ledger.borrow_mut().left(number_of(&item)),
            Ending::ComeTooLate => {
                day.ledger.borrow_mut().left(number_of(&item));
                day.tasks.begin(come_too_late(Rc::clone(&day), item));
            }
            _ => {
                day.after(turn.works).await;
                settle(&day, &item, turn).await;
            }
        }
    }
}

async fn settle(day: &Day, item: &SyncItem, turn: Turn) {
    let (n, queue, time) = (number_of(item), &day.queue, &day.time);
    let (id, token, error) = (item.id.as_str(), item.lease_token.unwrap(), error(item.retry_count + 1));
    match turn.ending {
        Ending::Complete => {
            queue.mark_completed_lease(id, token).await.unwrap();
            day.ledger.borrow_mut().ended(n, time);
        }
        Ending::CompleteAndPush(next) => {
            let (follows, eligible_at) = day.item(next);
            queue.complete_and_push_lease(id, token, vec![follows]).await.unwrap();
            let mut ledger = day.ledger.borrow_mut();
            ledger.ended(n, time);
            ledger.pushed(next, eligible_at, time);
        }
        Ending::Reject => {
            queue.reject_lease(id, token, error).await.unwrap();
            day.ledger.borrow_mut().ended(n, time);
        }
        Ending::GiveBack => {
            queue.requeue_lease(id, token).await.unwrap();
            day.ledger.borrow_mut().given_back(n, time);
        }
        Ending::Fail => {
            let can_retry = queue.mark_failed_lease(id, token, Some(error)).await.unwrap();
            assert_eq!(can_retry, !is_last(item), "{item:?}");
            let at = if can_retry {
                queue.get(id).await.unwrap().unwrap().next_retry_at
            } else {
                None
            };
            failed(day, item, at.map(WallTime::as_millis));
        }
        Ending::FailAfter(delay) => {
            let can_retry = queue.mark_failed_after_lease(id, token, Some(error), delay).await.unwrap();
            assert_eq!(can_retry, !is_last(item), "{item:?}");
            failed(day, item, can_retry.then_some(time.now() + ms(delay)));
        }
        Ending::Vanish | Ending::ComeTooLate => {}
    }
}

fn failed(day: &Day, item: &SyncItem, again_at: Option<Millis>) {
    let mut ledger = day.ledger.borrow_mut();
    match again_at {
        Some(at) => ledger.retried(number_of(item), at, &day.time),
        None => ledger.ended(number_of(item), &day.time),
    }
}

/// Says that it is done when the queue has long taken it back.
async fn come_too_late(day: Rc<Day>, item: SyncItem) {
    day.after(LEASE * 2).await;
    let told = day.queue.mark_completed_lease(&item.id, item.lease_token.unwrap()).await;
    assert!(matches!(told, Err(QueueError::LeaseLost(_) | QueueError::ItemNotFound(_))), "{told:?}");
}

/// Sets the calendar forward and back while the day lasts.
pub(super) async fn set_calendar(day: Rc<Day>, length: Duration, random: SeededRandom) {
    while day.time.steady() < ms(length) {
        day.after(SET_EVERY / 2 + Duration::from_millis(random.below(ms(SET_EVERY)))).await;
        let (wall, by) = (day.time.clock.wall().as_millis(), random.below(SET_MAX_MS));
        let wall = if random.once_in(2) { wall + by } else { wall - by };
        day.time.set(WallTime::from_millis(wall));
        // A queue hears of it with the next call, whatever it is.
        day.queue.get("nobody").await.unwrap();
    }
}
