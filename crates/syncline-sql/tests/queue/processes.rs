//! Several processes on one file, each with a storage of its own.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use syncline_core::{
    ErrorKind, Priority,
    port::{Claim, Claimed, InHand, QueueOutcome, QueueStorage, Settled},
    rt,
};
use syncline_sql::queue::SqliteQueueStorage;
use syncline_testkit::{SeededRandom, seed};

use crate::support::{LEASE, Place, ROOM, at, claim, claimed_ids, done, in_lane, item, push, settle};

const ITEMS: usize = 3_000;
const WORKERS: usize = 4;
const LANES: u64 = 7;

/// What an observer knows who is told of a lease after it began and before it is ended.
#[derive(Debug, Default)]
struct Seen {
    /// Leases by what they are on, an item or a lane, and when they end.
    live: Mutex<HashMap<String, Vec<u64>>>,
    /// The ids of items that are done.
    completed: Mutex<Vec<String>>,
    now: AtomicU64,
    /// When each worker made the call that it waits for.
    asked: [AtomicU64; WORKERS],
}

impl Seen {
    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    /// The time at which worker `n` begins its next calls.
    fn ask(&self, n: usize) -> u64 {
        let now = self.now();
        self.asked[n].store(now, Ordering::SeqCst);
        now
    }

    /// Lets time pass, unless a call would have waited longer than its deadline lets it.
    fn pass(&self) -> bool {
        let oldest = self.asked.iter().map(|asked| asked.load(Ordering::SeqCst)).min().unwrap_or(0);
        let may_pass = self.now() < oldest + 20_000;
        if may_pass {
            self.now.fetch_add(1_000, Ordering::SeqCst);
        }
        may_pass
    }

    /// So many have it at most, but for those whose lease is over.
    fn begin(&self, what: String, most: usize, until: u64) {
        let mut live = self.live.lock().unwrap();
        let now = self.now();
        // Told of so late that it is over: another one may have it by right.
        if until <= now {
            return;
        }
        let leases = live.entry(what.clone()).or_default();
        leases.retain(|before| *before > now);
        leases.push(until);
        assert!(leases.len() <= most, "{what} is handed out at {now}, its leases last to {leases:?}");
    }

    /// Its lease is about to be ended, unless it is over and somebody else has it.
    fn end(&self, what: &str, until: u64) {
        let mut live = self.live.lock().unwrap();
        let leases = live.entry(what.to_owned()).or_default();
        if let Some(ended) = leases.iter().position(|lease| *lease == until) {
            leases.remove(ended);
        }
    }
}

/// The item, and its lane.
fn names(claimed: &Claimed) -> impl Iterator<Item = String> {
    let lane = claimed.partition.as_ref().map(|lane| format!("lane {lane}"));
    [claimed.id.clone()].into_iter().chain(lane)
}

/// Claims, settles as the dice say, and walks away from some of it.
async fn work(n: usize, storage: &dyn QueueStorage, seen: &Seen, random: &SeededRandom, of_lane: u16) {
    let _working = Working(seen, n);
    while seen.completed.lock().unwrap().len() < ITEMS {
        let now = seen.ask(n);
        let most = 1 + random.index(20);
        let aging = random.once_in(2).then_some(Duration::from_secs(1));
        let claimed = storage
            .claim(Claim { most, lease: LEASE, aging, in_hand: InHand { most: None, of_lane } }, at(now))
            .await
            .unwrap()
            .items;
        assert!(claimed.len() <= most);
        // Told of the lease with its shortest end: another one may have moved the time meanwhile.
        let until = now + 60_000;
        for (what, most) in claimed.iter().flat_map(|one| names(one).zip([1, usize::from(of_lane)])) {
            seen.begin(what, most, until);
        }
        if claimed.is_empty() {
            // Meanwhile the lock is for those who wait for it.
            while !seen.pass() {
                seen.ask(n);
                tokio::task::yield_now().await;
            }
            storage.reap(at(seen.ask(n))).await.unwrap();
        }
        for one in &claimed {
            if random.once_in(50) {
                continue;
            }
            for what in names(one) {
                seen.end(&what, until);
            }
            let outcome = match random.below(10) {
                0 => QueueOutcome::Release,
                1 => QueueOutcome::Retry { at: at(now + random.below(3_000)).wall, error: "dice".into() },
                _ => done(),
            };
            match settle(storage, one, outcome, at(now)).await {
                Settled::Completed => seen.completed.lock().unwrap().push(one.id.clone()),
                Settled::Retried | Settled::Released | Settled::Lost | Settled::Unknown => {}
                Settled::Dead => panic!("{} has attempts enough", one.id),
            }
        }
    }
}

/// A worker that is there; once it is gone, also in a panic, it holds up nobody's time.
struct Working<'a>(&'a Seen, usize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.asked[self.1].store(u64::MAX - 20_000, Ordering::SeqCst);
    }
}

/// A job was run by two workers at once, which a nightly import did three times.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_item_and_no_lane_is_ever_in_two_hands() {
    // One in ten keeps an order, so that lanes do not hold up the rest.
    all_is_done_once(1, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_lane_no_more_than_may_be_are_in_hand_and_none_is_left_behind() {
    all_is_done_once(3, 2).await;
}

/// Works through items, one in so many of them in a lane.
async fn all_is_done_once(of_lane: u16, in_lane_every: u64) {
    let random = SeededRandom::new(seed());
    let mut place = Place::new();
    // However slow the machine is.
    (place.config.patience, place.config.deadline) = (Duration::from_secs(60), Duration::from_secs(120));
    let first = place.open();
    let items: Vec<_> = (0..ITEMS)
        .map(|n| {
            let id = format!("{n:05}");
            let lane = format!("{}", random.below(LANES));
            let item = if random.once_in(in_lane_every) { in_lane(&id, &lane) } else { item(&id) };
            // Of each lane several levels have a front.
            let priority = Priority::ALL[random.index(Priority::ALL.len())];
            syncline_core::port::NewItem { max_attempts: u16::MAX, priority, ..item }
        })
        .collect();
    push(&first, &items, at(0)).await;
    let seen = Arc::new(Seen::default());
    let workers: Vec<_> = (0..WORKERS)
        .map(|n| {
            let (storage, seen, random) = (place.open(), Arc::clone(&seen), random.split(n as u64));
            rt::spawn("worker", async move { work(n, &storage, &seen, &random, of_lane).await })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let mut completed = std::mem::take(&mut *seen.completed.lock().unwrap());
    completed.sort_unstable();
    assert!(completed.iter().eq(items.iter().map(|item| &item.id)), "each was completed, and once");
    let stats = first.stats(at(seen.now())).await.unwrap();
    assert_eq!(stats, syncline_core::port::QueueStats::default());
    let left: i64 = place
        .stranger()
        .query_row("SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM content)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

/// A loser of a race was told that its job was inserted, while the winner's was rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_push_one_id_at_once_one_wins() {
    let place = Place::new();
    let storages: Vec<Arc<SqliteQueueStorage>> = (0..4).map(|_| Arc::new(place.open())).collect();
    for n in 0..25 {
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
            inserted += usize::from(push.await.unwrap() == syncline_core::port::Pushed::Inserted);
        }
        assert_eq!(inserted, 1);
    }
    assert_eq!(storages[0].stats(at(0)).await.unwrap().waiting[2], 25);
}

/// A busy database was taken for an empty queue, and the workers went to sleep.
#[tokio::test]
async fn a_lock_that_is_held_longer_than_the_patience_is_unavailable_and_never_an_empty_answer() {
    let mut place = Place::new();
    place.config.patience = Duration::from_millis(20);
    let storage = place.open();
    push(&storage, &[item("a")], at(0)).await;
    let other = place.stranger();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let claimed = storage
        .claim(Claim { most: 1, lease: LEASE, aging: None, in_hand: InHand::default() }, at(0))
        .await;
    let pushed = storage.push(&[item("b")], ROOM, at(0)).await;
    let errors = [claimed.unwrap_err(), pushed.unwrap_err(), storage.reap(at(0)).await.unwrap_err()];
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Unavailable), "{errors:?}");
    assert!(errors[0].to_string().contains("another process holds it locked"), "{}", errors[0]);
    // Questions are answered beside it, and a queue that is there can be opened.
    assert_eq!(storage.stats(at(0)).await.unwrap().waiting[2], 1);
    let beside = place.open();
    assert_eq!(beside.get("b", at(0)).await.unwrap(), None);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["a"]);
}

/// Its leases end by the calendar, which the others share.
#[tokio::test]
async fn what_a_dead_process_had_in_hand_is_taken_back_by_another_one() {
    let place = Place::new();
    let (died, lives) = (place.open(), place.open());
    push(&died, &[item("a")], at(0)).await;
    let before = claim(&died, 1, at(0)).await.remove(0);
    drop(died);
    assert_eq!(lives.reap(at(59_999)).await.unwrap().leases, 0);
    assert_eq!(lives.next_due(InHand::default(), at(59_999)).await.unwrap(), Some(Duration::from_millis(1)));
    assert_eq!(lives.reap(at(60_000)).await.unwrap().leases, 1);
    let again = claim(&lives, 1, at(60_000)).await.remove(0);
    assert_eq!((again.attempt, again.token > before.token), (2, true));
}
