//! Bytes that reach the disk for each byte of a record: opening, allocating, metadata and closing included.
//!
//! Whatever else writes to the disk at the time can only add, so the least of the rounds is the truest; what the disk was
//! asked for while nothing of ours ran is printed beside it.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::Plan;
use crate::{
    Result, device,
    measure::Measure,
    payload::{Payloads, RECORD_BYTES},
    scratch::Scratch,
    store::Kind,
    stores::JOURNAL,
};

/// How long the disk is watched.
const IDLE: Duration = Duration::from_millis(500);
/// Batches, with the most bytes aimed at.
const GOALS: [(usize, f64); 2] = [(100, 1.45), (1_000, 1.1)];

/// The journal's figures with their goals, those of the others beside them.
pub(super) fn run(scratch: &Scratch, payloads: &Payloads, plan: Plan) -> Result<Vec<Measure>> {
    eprintln!("device bytes");
    let Some(background) = background(scratch)? else {
        eprintln!("SKIPPED device bytes: no one disk holds {}", scratch.path().display());
        return Ok(Vec::new());
    };
    let mut measures = vec![Measure::context("journal.disk.background_bytes_per_s", background)];
    for (batch, goal) in GOALS {
        let name = format!("journal.b{batch}.device_bytes_per_user_byte");
        measures.push(Measure::at_most(name, least(scratch, payloads, JOURNAL, batch, plan)?, goal));
        for kind in plan.device_beside {
            let name = format!("journal.b{batch}.{}.device_bytes_per_user_byte", kind.name);
            measures.push(Measure::context(name, least(scratch, payloads, *kind, batch, plan)?));
        }
    }
    Ok(measures)
}

fn background(scratch: &Scratch) -> Result<Option<f64>> {
    let Some(before) = device::counters(scratch.path())? else { return Ok(None) };
    let start = Instant::now();
    thread::sleep(IDLE);
    let after = device::counters(scratch.path())?.ok_or("the disk is gone")?;
    Ok(Some(after.since(before).bytes as f64 / start.elapsed().as_secs_f64()))
}

fn least(scratch: &Scratch, payloads: &Payloads, kind: Kind, batch: usize, plan: Plan) -> Result<f64> {
    let records = plan.device_records.min(plan.device_commits_max * batch as u64);
    let mut rounds = (0..plan.device_rounds).map(|_| once(scratch, payloads, kind, batch, records));
    rounds.try_fold(f64::INFINITY, |least, round| Ok(least.min(round?)))
}

fn once(scratch: &Scratch, payloads: &Payloads, kind: Kind, batch: usize, records: u64) -> Result<f64> {
    let room = scratch.room("device-bytes")?;
    let before = device::counters(room.path())?.ok_or("the disk is gone")?;
    let store = (kind.open)(room.path())?;
    {
        let mut writer = store.writer()?;
        for first in (0..records).step_by(batch) {
            writer.commit(first, payloads.batch(first, batch))?;
        }
    }
    store.close()?;
    fs::File::open(room.path())?.sync_all()?;
    let written = device::counters(room.path())?.ok_or("the disk is gone")?.since(before).bytes;
    Ok(written as f64 / (records as f64 * RECORD_BYTES as f64))
}
