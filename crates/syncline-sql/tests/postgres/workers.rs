//! Several workers, each with connections of its own.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use syncline_core::{
    port::{Claim, Claimed, InHand, NewItem, Pushed, QueueOutcome, QueueStats, QueueStorage, Settled},
    rt,
};
use syncline_sql::PostgresQueueStorage;
use syncline_testkit::{SeededRandom, seed};

use crate::support::{LEASE, Place, ROOM, at, done, in_lane, item, push, settle};

const ITEMS: usize = 600;
const WORKERS: usize = 6;
const LANES: u64 = 7;

/// What an observer knows who is told of a lease after it began and before it is ended.
#[derive(Debug, Default)]
struct Seen {
    live: Mutex<HashSet<String>>,
    completed: Mutex<HashMap<String, usize>>,
}

fn names(claimed: &Claimed) -> impl Iterator<Item = String> {
    let lane = claimed.partition.as_ref().map(|lane| format!("lane {lane}"));
    lane.into_iter().chain([claimed.id.clone()])
}

/// Claims and settles as the dice say, until everything is done. No lease ends by itself.
async fn work(storage: &dyn QueueStorage, seen: &Seen, random: &SeededRandom) {
    while seen.completed.lock().unwrap().len() < ITEMS {
        let most = 1 + random.index(20);
        let aging = random.once_in(2).then_some(std::time::Duration::from_secs(1));
        let claimed = storage
            .claim(Claim { most, lease: LEASE, aging, in_hand: InHand::default() }, at(0))
            .await
            .unwrap()
            .items;
        assert!(claimed.len() <= most);
        for what in claimed.iter().flat_map(names) {
            assert!(seen.live.lock().unwrap().insert(what.clone()), "{what} is in two hands");
        }
        for one in &claimed {
            for what in names(one) {
                seen.live.lock().unwrap().remove(&what);
            }
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
    let random = SeededRandom::new(seed());
    let place = Place::shared();
    let first = place.open().await;
    let items: Vec<_> = (0..ITEMS)
        .map(|n| {
            let id = format!("{n:05}");
            let lane = format!("{}", random.below(LANES));
            let item = if random.once_in(8) { in_lane(&id, &lane) } else { item(&id) };
            NewItem { max_attempts: u16::MAX, ..item }
        })
        .collect();
    push(&first, &items, at(0)).await;
    let seen = Arc::new(Seen::default());
    let mut workers = Vec::new();
    for n in 0..WORKERS {
        let (storage, seen, random) = (place.open().await, Arc::clone(&seen), random.split(n as u64));
        workers.push(rt::spawn("worker", async move { work(&storage, &seen, &random).await }));
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
