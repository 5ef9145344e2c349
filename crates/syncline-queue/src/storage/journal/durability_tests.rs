//! What loss of power takes back, by what was asked for.

use std::{sync::Arc, time::Duration};

use syncline_core::port::{Admission, Moment, QueueStorage as _};
use syncline_journal::{Config, Journal};
use syncline_testkit::{SimDisk, seed};

use super::JournalQueueStorage;
use crate::{
    Durability, QueueConfig,
    queue::settings,
    storage::sample::{at, item},
};

const NOW: Moment = at(1_000);
/// Far more than are needed until a sync was due.
const PUSHES_MAX: usize = 100_000;

struct Life {
    queue: JournalQueueStorage,
    journal: Journal,
}

fn open(disk: &SimDisk, config: &QueueConfig) -> Life {
    let settings = Config { segment_bytes: 16 * 1_024 * 1_024, ..settings(config, Default::default()) };
    let journal = Journal::open(Arc::new(disk.clone()), settings).unwrap().journal;
    let queue = JournalQueueStorage::open(&journal, "jobs").unwrap().answering(config.durability);
    Life { queue, journal }
}

async fn push(life: &Life, id: &str) {
    life.queue
        .push(&[item(id)], Admission { capacity: u64::MAX, unique_ids: true }, NOW)
        .await
        .unwrap();
}

/// Whether the first item is found on this disk.
async fn has_first(disk: &SimDisk) -> bool {
    let life = open(disk, &QueueConfig::default());
    let found = life.queue.get("first", NOW).await.unwrap().is_some();
    drop(life.queue);
    life.journal.close().unwrap();
    found
}

fn with(durability: Durability, persistence_interval: Duration) -> QueueConfig {
    QueueConfig {
        durability,
        persistence_interval,
        enable_compression: false,
        ..Default::default()
    }
}

#[tokio::test]
async fn what_is_synced_survives_loss_of_power_and_what_is_buffered_the_end_of_the_process() {
    let seed = seed();
    for (durability, survives_power) in [(Durability::Sync, true), (Durability::Buffered, false)] {
        let disk = SimDisk::new(seed);
        let life = open(&disk, &with(durability, Duration::from_hours(1)));
        push(&life, "first").await;
        assert_eq!(has_first(&disk.synced_image()).await, survives_power, "{durability:?}, seed {seed}");
        assert!(has_first(&disk.kill_image()).await, "{durability:?}, seed {seed}");
        drop(life.queue);
        life.journal.close().unwrap();
        assert!(has_first(&disk.synced_image()).await, "{durability:?}, closed, seed {seed}");
    }
}

#[tokio::test]
async fn what_is_older_than_the_interval_survives_loss_of_power() {
    let seed = seed();
    let disk = SimDisk::new(seed);
    let life = open(&disk, &with(Durability::Interval, Duration::from_millis(1)));
    push(&life, "first").await;
    let mut is_safe = false;
    for number in 0..PUSHES_MAX {
        push(&life, &number.to_string()).await;
        if has_first(&disk.synced_image()).await {
            is_safe = true;
            break;
        }
    }
    assert!(is_safe, "{:?}, seed {seed}", life.journal.stats());
}
