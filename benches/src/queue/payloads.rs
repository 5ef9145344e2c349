//! A backlog larger than what a queue keeps in memory: what of it is resident, how fast it is opened again beside reading its
//! files from front to end, and how fast it is drained.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rustix::fs::{Advice, fadvise};
use syncline_core::{
    Priority,
    port::{
        Admission, Claim, Clock as _, InHand, Lease, Moment, NewItem, QueueOutcome, QueueStorage as _, Settled,
        Settlement,
    },
    rt::SystemClock,
};
use syncline_journal::{Config, FileDisk, Journal};
use syncline_queue::JournalQueueStorage;
use tokio::runtime::Runtime;

use super::{alone, resident};
use crate::{Result, measure::Measure, scratch::Scratch};

const BODY_BYTES: usize = 1_024;
/// Most bytes of bodies in memory: the default of a queue.
const PAYLOAD_MEMORY_BYTES: u64 = 64 * 1_024 * 1_024;
/// Items of one push, claim and settlement.
const BATCH: u64 = 1_000;
const READ_BYTES: usize = 1_024 * 1_024;
const MIB: f64 = 1_024.0 * 1_024.0;
const ROOM: Admission = Admission { capacity: u64::MAX, unique_ids: true };

/// How long it may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) items: u64,
    /// Items that are taken and completed at the end.
    pub(super) drained: u64,
    /// Times that the backlog is read and opened.
    pub(super) rounds: usize,
}

/// Pushes a backlog, opens it again and drains a part of it; ends the run where an item is missing or not what was pushed.
pub(super) fn run(scratch: &Scratch, runtime: &Runtime, size: Size) -> Result<Vec<Measure>> {
    let room = scratch.room("backlog")?;
    let (queue, journal) = open(room.path())?;
    let pushed = runtime.block_on(push(&queue, size.items))?;
    let mut measures = vec![
        Measure::context("queue.payloads.push_items_per_s", per_second(size.items, pushed)),
        Measure::at_most("queue.payloads.resident_pushed_mib", resident::bytes()? as f64 / MIB, 1_024.0),
    ];
    close((queue, journal))?;

    eprintln!(
        "backlog: reopened beside reading its files; with _cold both from disk, without both from the page cache"
    );
    // Whatever the disk was told to keep in memory is there from here on, for both.
    read(room.path())?;
    let warm = reopen(room.path(), size, Cache::Warm)?;
    measures.push(Measure::at_most("queue.payloads.resident_reopened_mib", warm.resident as f64 / MIB, 1_024.0));
    measures.push(Measure::at_least("queue.payloads.reopen_per_read", warm.ratio, 0.5));
    measures.extend(warm.speeds(""));
    let cold = reopen(room.path(), size, Cache::Cold)?;
    measures.push(Measure::context("queue.payloads.reopen_per_read_cold", cold.ratio));
    measures.extend(cold.speeds("_cold"));

    let (queue, journal) = open(room.path())?;
    is_whole(size.items, runtime.block_on(queue.stats(now()))?.waiting.iter().sum())?;
    let drained = runtime.block_on(drain(&queue, size.drained))?;
    measures.push(Measure::context("queue.payloads.drain_items_per_s", per_second(size.drained, drained)));
    close((queue, journal))?;
    Ok(measures)
}

/// Ends the run where items are missing.
fn is_whole(pushed: u64, waiting: u64) -> Result {
    if pushed == waiting {
        Ok(())
    } else {
        Err(format!("{pushed} items were pushed, and {waiting} wait").into())
    }
}

/// Whether the files are in the page cache before each turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    Warm,
    Cold,
}

/// The turn in the middle, and most that was resident.
struct Reopened {
    ratio: f64,
    read_mib_per_s: f64,
    reopen_mib_per_s: f64,
    resident: u64,
}

impl Reopened {
    fn speeds(&self, end: &str) -> [Measure; 2] {
        [("read", self.read_mib_per_s), ("reopen", self.reopen_mib_per_s)]
            .map(|(what, speed)| Measure::context(format!("queue.payloads.{what}_mib_per_s{end}"), speed))
    }
}

/// Reads the files and has them opened, in turns.
fn reopen(dir: &Path, size: Size, cache: Cache) -> Result<Reopened> {
    let (mut turns, mut resident) = (Vec::new(), 0);
    for _ in 0..size.rounds {
        let drop_them = || if cache == Cache::Cold { drop_from_cache(dir) } else { Ok(()) };
        drop_them()?;
        let (bytes, reading) = read(dir)?;
        drop_them()?;
        let alone = alone::open(dir)?;
        is_whole(size.items, alone.waiting)?;
        resident = resident.max(alone.resident);
        let [reading, opening] = [reading, alone.opening].map(|time| bytes as f64 / MIB / time.as_secs_f64());
        turns.push((opening / reading, reading, opening));
    }
    turns.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, read_mib_per_s, reopen_mib_per_s) = turns[turns.len() / 2];
    Ok(Reopened { ratio, read_mib_per_s, reopen_mib_per_s, resident })
}

pub(super) fn open(dir: &Path) -> Result<(JournalQueueStorage, Journal)> {
    let disk = Arc::new(FileDisk::open(dir)?);
    let (queue, opened) =
        JournalQueueStorage::open_with_journal(disk, Config::default(), "backlog", PAYLOAD_MEMORY_BYTES)?;
    Ok((queue, opened.journal))
}

pub(super) fn close((queue, journal): (JournalQueueStorage, Journal)) -> Result {
    drop(queue);
    Ok(journal.close()?)
}

/// The segments of the journal.
fn segments(dir: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "seg") && !path.ends_with("spare.seg");
    let mut segments: Vec<_> = paths.into_iter().filter(is_segment).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// Has the system forget what it keeps of the files.
fn drop_from_cache(dir: &Path) -> Result {
    for path in segments(dir)? {
        let file = File::open(path)?;
        // What is not on disk yet would be kept.
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

async fn push(queue: &JournalQueueStorage, items: u64) -> Result<Duration> {
    let begun = SystemClock.now();
    for first in (0..items).step_by(usize::try_from(BATCH)?) {
        let batch: Vec<_> = (first..items.min(first + BATCH)).map(item).collect();
        queue.push(&batch, ROOM, now()).await?;
    }
    Ok(SystemClock.now().saturating_since(begun))
}

/// Takes and completes items, in the order in which they were pushed.
async fn drain(queue: &JournalQueueStorage, items: u64) -> Result<Duration> {
    let begun = SystemClock.now();
    let mut expected = 0;
    while expected < items {
        let claim = Claim {
            most: usize::try_from(BATCH)?,
            lease: Duration::from_hours(1),
            aging: None,
            in_hand: InHand::default(),
        };
        let mut settlements = Vec::new();
        for claimed in queue.claim(claim, now()).await?.items {
            if claimed.body != body(expected) || claimed.id != id(expected) {
                return Err(format!("item {expected} is not what was pushed: {}", claimed.id).into());
            }
            expected += 1;
            let lease = Lease { id: claimed.id, token: Some(claimed.token) };
            settlements.push(Settlement { lease, outcome: QueueOutcome::Complete { push: Vec::new() } });
        }
        if settlements.is_empty() {
            return Err(format!("nothing is left after {expected} items").into());
        }
        let settled = queue.settle(&settlements, now()).await?;
        if settled.iter().any(|settled| *settled != Settled::Completed) {
            return Err("an item was not completed".into());
        }
        while queue.reap(now()).await?.more {}
    }
    Ok(SystemClock.now().saturating_since(begun))
}

/// Reads all segments from front to end; how many bytes, and how long it took.
fn read(dir: &Path) -> Result<(u64, Duration)> {
    let (mut bytes, mut buffer) = (0, vec![0; READ_BYTES]);
    let begun = SystemClock.now();
    for path in segments(dir)? {
        let mut file = File::open(path)?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => bytes += read as u64,
            }
        }
    }
    Ok((bytes, SystemClock.now().saturating_since(begun)))
}

fn item(number: u64) -> NewItem {
    NewItem {
        id: id(number),
        priority: Priority::Normal,
        due: None,
        max_attempts: 5,
        partition: None,
        dedup: None,
        expires_at: None,
        body: body(number),
    }
}

/// As long as the ids that a queue draws.
fn id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn body(number: u64) -> Bytes {
    number.to_le_bytes().repeat(BODY_BYTES / size_of::<u64>()).into()
}

pub(super) fn now() -> Moment {
    Moment { wall: SystemClock.wall(), steady: SystemClock.now() }
}

fn per_second(items: u64, time: Duration) -> f64 {
    items as f64 / time.as_secs_f64()
}
