//! Several workers, each with connections of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use syncline_core::{
    Priority,
    port::{Claim, Claimed, InHand, NewItem, Pushed, QueueOutcome, QueueStats, QueueStorage, Settled},
    rt,
};
use syncline_sql::{PostgresQueueConfig, PostgresQueueStorage, postgres::caller::sqlx};
use syncline_testkit::{SeededRandom, seed};

use crate::support::{LEASE, Place, ROOM, at, done, in_lane, item, push, settle};

const ITEMS: usize = 600;
const WORKERS: usize = 6;
const LANES: u64 = 7;

/// What an observer knows who is told of a lease after it began and before it is ended.
#[derive(Debug, Default)]
struct Seen {
    live: Mutex<HashMap<String, usize>>,
    completed: Mutex<HashMap<String, usize>>,
}

impl Seen {
    /// Somebody has it, and no more do than may.
    fn begin(&self, claimed: &Claimed, of_lane: u16) {
        for (what, most) in names(claimed).zip([1, usize::from(of_lane)]) {
            let mut live = self.live.lock().unwrap();
            let hands = live.entry(what.clone()).or_default();
            *hands += 1;
            assert!(*hands <= most, "{what} is in {hands} hands");
        }
    }

    fn end(&self, claimed: &Claimed) {
        for what in names(claimed) {
            *self.live.lock().unwrap().entry(what).or_default() -= 1;
        }
    }
}

/// The item, and its lane.
fn names(claimed: &Claimed) -> impl Iterator<Item = String> {
    let lane = claimed.partition.as_ref().map(|lane| format!("lane {lane}"));
    [claimed.id.clone()].into_iter().chain(lane)
}

/// Claims and settles as the dice say, until everything is done. No lease ends by itself.
async fn work(storage: &dyn QueueStorage, seen: &Seen, random: &SeededRandom, bounds: &[u16]) {
    while seen.completed.lock().unwrap().len() < ITEMS {
        let (most, of_lane) = (1 + random.index(20), bounds[random.index(bounds.len())]);
        let aging = random.once_in(2).then_some(Duration::from_secs(1));
        let claimed = storage
            .claim(Claim { most, lease: LEASE, aging, in_hand: InHand { most: None, of_lane } }, at(0))
            .await
            .unwrap()
            .items;
        assert!(claimed.len() <= most);
        claimed.iter().for_each(|one| seen.begin(one, bounds[bounds.len() - 1]));
        for one in &claimed {
            seen.end(one);
            let outcome = match random.below(10) {
                0 => QueueOutcome::Release,
                1 => QueueOutcome::Retry { at: at(0).wall, error: "dice".into() },
                _ => done(),
            };
            match settle(storage, one, outcome, at(0)).await {
                Settled::Completed => *seen.completed.lock().unwrap().entry(one.id.clone()).or_default() += 1,
                Settled::Retried | Settled::Released => {}
                other => panic!("{} is {other:?}", one.id),
            }
        }
        tokio::task::yield_now().await;
    }
}

/// A job was run by two workers at once, and one that was asked for twice was run by nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_item_and_no_lane_is_ever_in_two_hands_and_none_is_lost() {
    all_is_done_once(&[1], 8).await;
}

/// Two who each took the last place of a lane would both have had it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_lane_no_more_than_may_be_are_in_hand_and_none_is_left_behind() {
    all_is_done_once(&[3], 2).await;
}

/// Each rearranges what the others rely on; none of them waits for ever, and no lane is left as it was for another bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_ask_for_different_bounds_get_everything_done() {
    all_is_done_once(&[1, 2, 3], 2).await;
}

/// Works through items, one in so many of them in a lane.
async fn all_is_done_once(bounds: &'static [u16], in_lane_every: u64) {
    let random = SeededRandom::new(seed());
    let place = Place::shared();
    let first = place.open().await;
    let items: Vec<_> = (0..ITEMS)
        .map(|n| {
            let id = format!("{n:05}");
            let lane = format!("{}", random.below(LANES));
            let item = if random.once_in(in_lane_every) { in_lane(&id, &lane) } else { item(&id) };
            // Of each lane several levels have a front.
            let priority = Priority::ALL[random.index(Priority::ALL.len())];
            NewItem { max_attempts: u16::MAX, priority, ..item }
        })
        .collect();
    push(&first, &items, at(0)).await;
    let seen = Arc::new(Seen::default());
    let mut workers = Vec::new();
    for n in 0..WORKERS {
        let (storage, seen, random) = (place.open().await, Arc::clone(&seen), random.split(n as u64));
        workers.push(rt::spawn("worker", async move { work(&storage, &seen, &random, bounds).await }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let completed = std::mem::take(&mut *seen.completed.lock().unwrap());
    assert_eq!(completed.len(), ITEMS);
    assert!(completed.values().all(|times| *times == 1), "each was completed, and once");
    first.reap(at(0)).await.unwrap();
    assert_eq!(first.stats(at(0)).await.unwrap(), QueueStats::default());
    assert_eq!(place.count("select count(*) from syncline_queue.item").await, 0);
}

/// A claim with aging looked at the first of each level again and again, as long as others had their hands on three of them. Of
/// lanes that it did not hold it never ended.
#[tokio::test]
async fn a_claim_passes_over_what_others_have_their_hands_on_and_ends() {
    let place = Place::shared();
    let config = PostgresQueueConfig { deadline: Duration::from_secs(20), ..place.config.clone() };
    let storage = PostgresQueueStorage::open(config).await.unwrap();
    let items = Priority::ALL.map(|priority| NewItem { priority, ..item(&format!("{priority:?}")) });
    push(&storage, &items, at(0)).await;
    let mut other = place.stranger().await;
    let lock = "begin; select from syncline_queue.item where priority > 0 for update";
    sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
    for of_lane in [1, 2] {
        let aging = Some(Duration::from_millis(1));
        let claim = Claim { most: 2, lease: LEASE, aging, in_hand: InHand { most: None, of_lane } };
        let claimed = storage.claim(claim, at(0)).await.unwrap().items;
        let expected: &[&str] = if of_lane == 1 { &["Critical"] } else { &[] };
        assert_eq!(claimed.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), expected);
    }
}

/// A loser of a race was told that its job was inserted, while the winner's was rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_push_one_id_at_once_one_wins() {
    let place = Place::shared();
    let mut storages: Vec<Arc<PostgresQueueStorage>> = Vec::new();
    for _ in 0..4 {
        storages.push(Arc::new(place.open().await));
    }
    for n in 0..10 {
        let id = n.to_string();
        let pushes: Vec<_> = storages
            .iter()
            .map(|storage| {
                let (storage, item) = (Arc::clone(storage), item(&id));
                rt::spawn("pusher", async move { storage.push(&[item], ROOM, at(0)).await.unwrap().remove(0) })
            })
            .collect();
        let mut inserted = 0;
        for push in pushes {
            inserted += usize::from(push.await.unwrap() == Pushed::Inserted);
        }
        assert_eq!(inserted, 1);
    }
    assert_eq!(storages[0].stats(at(0)).await.unwrap().waiting[2], 10);
}
