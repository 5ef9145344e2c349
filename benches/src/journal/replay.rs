//! Records replayed in a second on one core: opening, which checks every frame, and handing all records to their owner.

use std::{
    hint::black_box,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use syncline_journal::{Durability, Entry, Owner};

use super::Plan;
use crate::{
    Result,
    measure::{Measure, median},
    payload::{BATCH_MAX, Payloads},
    scratch::Scratch,
    stores::open_journal,
};

/// Counts and looks at what it is given, as any owner would at least.
#[derive(Default)]
struct Counter {
    records: AtomicU64,
    bytes: AtomicU64,
}

impl Owner for Counter {
    fn apply(&self, entry: Entry) {
        self.records.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(black_box(&entry.payload).len() as u64, Ordering::Relaxed);
    }
}

/// The rate, with its goal.
pub(super) fn run(scratch: &Scratch, plan: Plan) -> Result<Vec<Measure>> {
    eprintln!("replay");
    let room = scratch.room("replay")?;
    fill(room.path(), plan.replay_records)?;
    let all = sched_getaffinity(None)?;
    // Threads of the journal inherit the one core.
    sched_setaffinity(None, &one_of(&all)?)?;
    let rates = (0..plan.replay_rounds)
        .map(|_| replay(room.path(), plan.replay_records))
        .collect::<Result<Vec<_>>>();
    sched_setaffinity(None, &all)?;
    Ok(vec![Measure::at_least("journal.replay.records_per_s", median(rates?), 3_000_000.0)])
}

fn fill(dir: &Path, records: u64) -> Result {
    let payloads = Payloads::new();
    let (journal, stream) = open_journal(dir, Arc::new(Counter::default()))?;
    for first in (0..records).step_by(BATCH_MAX) {
        let mut transaction = journal.transaction();
        for record in payloads.batch(first, BATCH_MAX) {
            transaction.stage(&stream, record.clone())?;
        }
        transaction.commit(Durability::Buffered)?.wait()?;
    }
    Ok(journal.close()?)
}

fn replay(dir: &Path, records: u64) -> Result<f64> {
    let counter = Arc::new(Counter::default());
    let start = Instant::now();
    let (journal, _stream) = open_journal(dir, counter.clone())?;
    let took = start.elapsed();
    journal.close()?;
    match counter.records.load(Ordering::Relaxed) {
        found if found == records => Ok(records as f64 / took.as_secs_f64()),
        found => Err(format!("{records} records were written and {found} replayed").into()),
    }
}

fn one_of(all: &CpuSet) -> Result<CpuSet> {
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| all.is_set(*cpu)).ok_or("no core may be used")?;
    let mut one = CpuSet::new();
    one.set(last);
    Ok(one)
}
