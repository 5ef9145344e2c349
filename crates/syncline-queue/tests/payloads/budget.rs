//! How much is in memory, and that all of it comes back.

use std::collections::VecDeque;

use serde_json::json;
use syncline_core::{SecretKey, memory::MemoryDisk, port::Random as _, rt};
use syncline_journal::KeyRing;
use syncline_queue::{QueueConfig, SyncItem, SyncQueue};
use syncline_testkit::{SeededRandom, seed};

use super::{watched::Watched, *};

const ROUNDS: usize = 60;

/// Pushes and completes at random, opens anew now and then, and compares what is handed out with what was pushed.
async fn history(random: &SeededRandom, config: &Config, payload_memory_bytes: u64) {
    let disk = Arc::new(MemoryDisk::new());
    let mut pushed: VecDeque<(String, Vec<u8>)> = VecDeque::new();
    let mut opened = None;
    for round in 0..ROUNDS {
        if opened.is_none() || random.once_in(10) {
            if let Some((queue, journal)) = opened.take() {
                drop::<JournalQueueStorage>(queue);
                Journal::close(&journal).unwrap();
            }
            let journal = journal(Arc::clone(&disk) as _, config.clone());
            opened = Some((open(&journal, payload_memory_bytes), journal));
        }
        let (queue, _) = opened.as_ref().unwrap();
        let items: Vec<_> = (0..random.index(30))
            .map(|n| {
                let mut body = vec![0; random.index(if random.once_in(10) { 5_000 } else { 200 })];
                random.fill(&mut body);
                pushed.push_back((format!("{round}/{n}"), body.clone()));
                item(format!("{round}/{n}"), body)
            })
            .collect();
        push(queue, &items, 1).await;
        check_bound(queue, payload_memory_bytes, &pushed);
        for claimed in claim(queue, random.index(30), 1).await {
            let (id, body) = pushed.pop_front().unwrap();
            assert_eq!((&claimed.id, &claimed.body), (&id, &Bytes::from(body)));
            settle(queue, &[claimed], done(), 1).await;
        }
        if let Some((id, body)) = pushed.get(random.index(pushed.len().max(1))) {
            assert_eq!(queue.get(id, at(1)).await.unwrap().unwrap().item.body, body);
        }
        while queue.reap(at(1)).await.unwrap().more {}
        check_bound(queue, payload_memory_bytes, &pushed);
    }
    let (queue, journal) = opened.unwrap();
    let rest = claim(&queue, usize::MAX, 1).await;
    assert!(
        rest.iter()
            .map(|claimed| (&claimed.id, claimed.body.to_vec()))
            .eq(pushed.iter().map(|(id, body)| (id, body.clone())))
    );
    settle(&queue, &rest, done(), 1).await;
    assert_eq!(queue.payload_memory_bytes(), 0);
    drop(queue);
    journal.close().unwrap();
}

fn check_bound(queue: &JournalQueueStorage, most: u64, pushed: &VecDeque<(String, Vec<u8>)>) {
    let all = pushed.iter().map(|(_, body)| body.len() as u64).sum::<u64>();
    let in_memory = queue.payload_memory_bytes();
    assert!(in_memory <= most.min(all), "{in_memory} of {all} bytes in memory, the most is {most}");
    assert!(most < u64::MAX || in_memory == all, "{in_memory} of {all} bytes in memory");
}

#[tokio::test]
async fn all_comes_back_however_much_of_it_is_in_memory() {
    let random = SeededRandom::new(seed());
    let keys = || KeyRing { current: Some(SecretKey::new([7; 32]).unwrap()), older: Vec::new() };
    let packed = Config { compression: Some(3), keys: keys(), ..small() };
    for (n, config) in (0..).zip([small(), packed]) {
        for payload_memory_bytes in [0, 5_000, 50_000, u64::MAX] {
            history(&random.split(n), &config, payload_memory_bytes).await;
        }
    }
}

#[tokio::test]
async fn what_is_done_makes_room_for_what_comes() {
    let journal = journal(Arc::new(MemoryDisk::new()), small());
    let queue = open(&journal, 1_000);
    let of = |n: u8| item(n.to_string(), vec![n; 400]);
    push(&queue, &[of(1), of(2), of(3)], 1).await;
    assert_eq!(queue.payload_memory_bytes(), 800);
    let claimed = claim(&queue, 1, 1).await;
    settle(&queue, &claimed, done(), 1).await;
    assert_eq!(queue.payload_memory_bytes(), 400);
    push(&queue, &[of(4), of(5)], 1).await;
    assert_eq!(queue.payload_memory_bytes(), 800);
    let bodies: Vec<_> = claim(&queue, 9, 1).await.into_iter().map(|claimed| claimed.body).collect();
    assert_eq!(bodies, [2, 3, 4, 5].map(|n| vec![n; 400]));
}

#[tokio::test]
async fn queues_on_one_journal_have_a_bound_each() {
    let journal = journal(Arc::new(MemoryDisk::new()), small());
    let queues = [0, 1_000, 100_000]
        .map(|bytes| (JournalQueueStorage::open_within(&journal, &format!("with {bytes}"), bytes).unwrap(), bytes));
    for (queue, most) in &queues {
        let items: Vec<_> = (0..30).map(|n| item(n.to_string(), vec![n; 100])).collect();
        push(queue, &items, 1).await;
        assert_eq!(queue.payload_memory_bytes(), 3_000.min(*most));
    }
    for (queue, _) in &queues {
        assert!(claim(queue, 30, 1).await.iter().zip(0..).all(|(claimed, n)| claimed.body == vec![n; 100]));
    }
}

/// The setting of a queue is that of its storage: with nothing in memory the disk is read, otherwise it is not.
#[tokio::test]
async fn payload_memory_bytes_decides_whether_the_disk_is_read() {
    for (payload_memory_bytes, reads) in [(0, true), (QueueConfig::default().payload_memory_bytes, false)] {
        let disk = Arc::new(Watched::default());
        let journal = journal(Arc::clone(&disk) as _, Config::default());
        let config = QueueConfig { payload_memory_bytes, ..QueueConfig::default() };
        let queue = SyncQueue::on_journal(&journal, "jobs", config, Arc::new(rt::SystemClock)).unwrap();
        let before = disk.opened();
        queue.push(SyncItem::with_id("a", json!({"n": 1}), Priority::Normal)).await.unwrap();
        assert_eq!(queue.peek().await.unwrap().unwrap().payload, json!({"n": 1}));
        assert_eq!(queue.get("a").await.unwrap().unwrap().payload, json!({"n": 1}));
        assert_eq!(queue.pop().await.unwrap().unwrap().payload, json!({"n": 1}));
        assert_eq!(disk.opened() > before, reads, "{payload_memory_bytes} bytes in memory");
    }
    assert!(QueueConfig::high_performance().payload_memory_bytes > QueueConfig::default().payload_memory_bytes);
}
