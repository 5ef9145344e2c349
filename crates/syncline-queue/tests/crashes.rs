//! Random histories on a simulated disk, crashed again and again: what was answered stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use syncline_core::{
    Instant, Priority, WallTime,
    port::{
        Admission, Claim, Claimed, InHand, Lease, Moment, NewItem, Pushed, QueueOutcome, QueueStorage as _, Settled,
        Settlement, Standing, Stored,
    },
};
use syncline_journal::{Config, Journal};
use syncline_queue::JournalQueueStorage;
use syncline_testkit::{SeededRandom, SimDisk, seed};

const HISTORIES: u64 = 40;
const LIVES: usize = 4;
const STEPS: usize = 25;
const IMAGES: usize = 8;
const SEGMENT_BYTES: u64 = 4 * 1_024;
const MAX_ATTEMPTS: u16 = 4;
const ROOM: Admission = Admission { capacity: 10_000, unique_ids: true };

/// What was answered, by id.
#[derive(Debug, Default, Clone)]
struct Answered {
    live: BTreeMap<String, Item>,
    gone: BTreeSet<String>,
    pushes: u64,
    /// How much of what items carry is in memory.
    payload_memory_bytes: u64,
}

#[derive(Debug, Clone)]
struct Item {
    priority: Priority,
    due_ms: u64,
    number: u64,
    body: Bytes,
    /// Attempts that were handed out; a loss of power may forget those, the end of the process may not.
    attempts: u16,
    /// The number of its newest lease.
    token: u64,
    is_dead: bool,
}

/// One opening of the queue.
struct Life {
    journal: Journal,
    queue: JournalQueueStorage,
}

impl Life {
    fn open(disk: &SimDisk, payload_memory_bytes: u64) -> Self {
        // Small segments, so that a history fills several, and what is needed has to be moved forward.
        let config = Config { segment_bytes: SEGMENT_BYTES, ..Config::default() };
        let journal = Journal::open(Arc::new(disk.clone()), config).unwrap().journal;
        let queue = JournalQueueStorage::open_within(&journal, "jobs", payload_memory_bytes).unwrap();
        Self { journal, queue }
    }

    fn end(self) {
        drop(self.queue);
        self.journal.close().unwrap();
    }
}

fn at(ms: u64) -> Moment {
    Moment {
        wall: WallTime::from_millis(1_767_225_600_000 + ms),
        steady: Instant::from_origin(Duration::from_millis(1_000 + ms)),
    }
}

fn new_item(answered: &mut Answered, random: &SeededRandom, now: u64) -> NewItem {
    let number = answered.pushes;
    answered.pushes += 1;
    let due_ms = now + if random.once_in(3) { random.below(5_000) } else { 0 };
    let body = Bytes::from(vec![u8::try_from(number % 251).unwrap(); random.index(600)]);
    let priority = Priority::from_number(u8::try_from(random.below(5)).unwrap()).unwrap();
    let id = format!("item {number}");
    let item = Item {
        priority,
        due_ms,
        number,
        body: body.clone(),
        attempts: 0,
        token: 0,
        is_dead: false,
    };
    answered.live.insert(id.clone(), item);
    NewItem {
        id,
        priority,
        due: (due_ms > now).then(|| at(due_ms).wall),
        max_attempts: MAX_ATTEMPTS,
        partition: None,
        dedup: None,
        expires_at: None,
        body,
    }
}

/// Takes one step and notes what was answered.
async fn step(life: &Life, answered: &mut Answered, held: &mut Vec<Claimed>, random: &SeededRandom, now: u64) {
    match random.below(8) {
        0..=2 => {
            let items: Vec<_> = (0..=random.below(3)).map(|_| new_item(answered, random, now)).collect();
            let told = life.queue.push(&items, ROOM, at(now)).await.unwrap();
            assert!(told.iter().all(|told| *told == Pushed::Inserted));
        }
        3 | 4 => {
            let claim = Claim {
                most: 1 + random.index(3),
                lease: Duration::from_secs(600),
                aging: None,
                in_hand: InHand::default(),
            };
            for claimed in life.queue.claim(claim, at(now)).await.unwrap().items {
                let item = answered.live.get_mut(&claimed.id).unwrap();
                item.attempts += 1;
                item.token = claimed.token;
                assert!(item.due_ms <= now && claimed.body == item.body && claimed.attempt <= MAX_ATTEMPTS);
                held.push(claimed);
            }
        }
        _ if held.is_empty() => {}
        5 | 6 => {
            let claimed = held.swap_remove(random.index(held.len()));
            let mut follow = Vec::new();
            if random.once_in(3) {
                follow.push(new_item(answered, random, now));
            }
            let settled = settle(life, &claimed, QueueOutcome::Complete { push: follow }, now).await;
            assert_eq!(settled, Settled::Completed);
            answered.live.remove(&claimed.id);
            answered.gone.insert(claimed.id);
        }
        _ => {
            let claimed = held.swap_remove(random.index(held.len()));
            let due_ms = now + random.below(3_000);
            let retry = QueueOutcome::Retry { at: at(due_ms).wall, error: "failed".into() };
            let settled = settle(life, &claimed, retry, now).await;
            let item = answered.live.get_mut(&claimed.id).unwrap();
            (item.due_ms, item.is_dead) = (due_ms, settled == Settled::Dead);
        }
    }
}

async fn settle(life: &Life, claimed: &Claimed, outcome: QueueOutcome, now: u64) -> Settled {
    let lease = Lease { id: claimed.id.clone(), token: Some(claimed.token) };
    life.queue.settle(&[Settlement { lease, outcome }], at(now)).await.unwrap()[0]
}

/// Opens an image twice and compares it with what was answered. `keeps_claims` where the process ended and not the machine.
async fn check(image: &SimDisk, answered: &Answered, keeps_claims: bool, now: u64) {
    let seen = look(image, answered, keeps_claims, now).await;
    assert_eq!(look(image, answered, keeps_claims, now).await, seen, "recovered twice is recovered once");
}

async fn look(image: &SimDisk, answered: &Answered, keeps_claims: bool, now: u64) -> Vec<Stored> {
    let life = Life::open(image, answered.payload_memory_bytes);
    let mut seen = Vec::new();
    for id in &answered.gone {
        assert_eq!(life.queue.get(id, at(now)).await.unwrap(), None, "{id} was completed");
    }
    for (id, item) in &answered.live {
        let stored = life.queue.get(id, at(now)).await.unwrap();
        let stored = stored.unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
        assert_eq!((&stored.item.body, stored.item.priority), (&item.body, item.priority), "{id}");
        assert_ne!(stored.standing, Standing::Leased, "its worker is gone");
        assert!(stored.item.attempt <= item.attempts.min(MAX_ATTEMPTS), "{id}: {stored:?}, {item:?}");
        if keeps_claims {
            assert_eq!(stored.item.attempt, item.attempts, "{id}");
            assert_eq!(stored.standing == Standing::Dead, item.attempts == MAX_ATTEMPTS || item.is_dead, "{id}");
        } else if item.is_dead {
            assert_eq!(stored.standing, Standing::Dead, "{id}");
        }
        // A lease that ended with its process is counted anew once records before it are gone; the next one is greater.
        // Each opening is a little later in the queue's time, so that what was scheduled may be ready.
        let standing = match stored.standing {
            Standing::Scheduled => Standing::Ready,
            other => other,
        };
        seen.push(Stored { standing, item: Claimed { token: 0, ..stored.item }, ..stored });
    }
    let stats = life.queue.stats(at(now)).await.unwrap();
    let counted: u64 = [stats.waiting, stats.leased, stats.dead].concat().iter().sum();
    assert_eq!(counted, answered.live.len() as u64, "nothing else is there");
    life.end();
    seen
}

/// Everything that is left comes in its order.
async fn check_order(image: &SimDisk, answered: &Answered) {
    let (life, end) = (Life::open(image, answered.payload_memory_bytes), 100_000_000);
    let claim = Claim {
        most: 10_000,
        lease: Duration::from_secs(1),
        aging: None,
        in_hand: InHand::default(),
    };
    let claimed = life.queue.claim(claim, at(end)).await.unwrap().items;
    for claimed in &claimed {
        let before = answered.live[&claimed.id].token;
        assert!(claimed.token > before, "{}: {} after {before}", claimed.id, claimed.token);
    }
    let places: Vec<_> = claimed
        .iter()
        .map(|claimed| (claimed.priority, claimed.eligible_at, answered.live[&claimed.id].number))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    life.end();
}

async fn history(random: &SeededRandom) {
    let (mut disk, mut now) = (SimDisk::new(random.word()), 0);
    let payload_memory_bytes = [0, 1_000, u64::MAX][random.index(3)];
    let mut answered = Answered { payload_memory_bytes, ..Answered::default() };
    for _ in 0..LIVES {
        let (life, mut held) = (Life::open(&disk, answered.payload_memory_bytes), Vec::new());
        for _ in 0..STEPS {
            now += random.below(400);
            step(&life, &mut answered, &mut held, random, now).await;
            if random.once_in(5) {
                check(&disk.kill_image(), &answered, true, now).await;
                for image in disk.crash_images(IMAGES, random) {
                    check(&image, &answered, false, now).await;
                }
            }
            life.queue.reap(at(now)).await.unwrap();
        }
        check_order(&disk.kill_image(), &answered).await;
        // The next life begins where this one was killed: every attempt that was handed out is counted.
        disk = disk.kill_image();
        drop(life);
        for item in answered.live.values_mut() {
            item.is_dead |= item.attempts >= MAX_ATTEMPTS;
        }
    }
}

#[tokio::test]
async fn what_was_answered_survives_every_crash() {
    let random = SeededRandom::new(seed());
    for n in 0..HISTORIES {
        history(&random.split(n)).await;
    }
}
