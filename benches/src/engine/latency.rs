//! How long one submit takes while others do the same, against a bare sync of this disk in the same run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use syncline_engine::{Engine, SyncItem};
use tokio::runtime::Runtime;

use super::{
    Plan,
    rows::{Order, Rows},
    spine,
};
use crate::{Result, fsync, latency::Latencies, measure::Measure, scratch::Scratch};

/// Tasks that each await one submit after the other.
const TASKS: u64 = 4;
/// Rows that each task goes through in turn; new ones each, as far as any window reaches.
const ROWS: u64 = 1 << 32;

/// Times and their ratio.
pub(super) fn run(scratch: &Scratch, runtime: &Runtime, plan: Plan) -> Result<Vec<Measure>> {
    eprintln!("latency");
    let room = scratch.room("latency")?;
    let (mut submits, mut syncs) = (Latencies::default(), Latencies::default());
    runtime.block_on(async {
        let spine = spine::start(room.path()).await?;
        let rows = Arc::new(Rows::new(Order::Random, ROWS));
        for window in 0..plan.windows as u64 {
            syncs.merge(fsync::probe(room.path(), rows.content(window), plan.window)?);
            submits.merge(submit(&spine.engine, &rows, window, plan.window).await?);
            // The next probe must find the disk at rest.
            spine.engine.flush().await?;
        }
        spine.stop().await
    })?;
    let ratio = submits.micros(990) / syncs.micros(990);
    Ok(vec![
        Measure::context("engine.disk.fsync_p50_us", syncs.micros(500)),
        Measure::context("engine.disk.fsync_p99_us", syncs.micros(990)),
        Measure::context("engine.submit_p50_us", submits.micros(500)),
        Measure::context("engine.submit_p99_us", submits.micros(990)),
        Measure::at_most("engine.submit_p99.vs_fdatasync", ratio, 3.0),
    ])
}

async fn submit(engine: &Engine, rows: &Arc<Rows>, window: u64, length: Duration) -> Result<Latencies> {
    let end = Instant::now() + length;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (engine, rows) = (engine.clone(), rows.clone());
            let first = (window * TASKS + task) << 24;
            tokio::spawn(async move {
                let mut times = Latencies::default();
                for place in first.. {
                    let item = SyncItem::binary(rows.key(place), rows.content(place).clone());
                    let begun = Instant::now();
                    drop(engine.submit(item).await?);
                    times.push(begun.elapsed());
                    if Instant::now() >= end {
                        break;
                    }
                }
                Ok::<_, syncline_core::Error>(times)
            })
        })
        .collect();
    let mut all = Latencies::default();
    for task in tasks {
        all.merge(task.await??);
    }
    Ok(all)
}
