//! What a read from memory costs.

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use syncline_engine::SyncItem;
use tokio::runtime::Runtime;

use super::{
    Plan,
    rows::{Order, Rows},
    spine,
};
use crate::{Result, measure::Measure, scratch::Scratch};

/// Items that are read, in turn.
const ITEMS: u64 = 10_000;

/// The mean time of one read.
pub(super) fn run(scratch: &Scratch, runtime: &Runtime, plan: Plan) -> Result<Vec<Measure>> {
    eprintln!("reads");
    let room = scratch.room("reads")?;
    let took = runtime.block_on(timed(room.path(), plan.reads))?;
    Ok(vec![Measure::context("engine.get.memory_ns", took.as_secs_f64() * 1e9 / plan.reads as f64)])
}

async fn timed(dir: &Path, reads: u64) -> Result<Duration> {
    let rows = Rows::new(Order::Random, ITEMS);
    let keys: Vec<String> = (0..ITEMS).map(|place| rows.key(place)).collect();
    let items = (0..).zip(&keys).map(|(place, key)| SyncItem::binary(key, rows.content(place).clone()));
    let spine = spine::start(dir).await?;
    for receipt in spine.engine.submit_many(items.collect()).await {
        drop(receipt?);
    }
    spine.engine.flush().await?;
    let start = Instant::now();
    for (_, key) in (0..reads).zip(keys.iter().cycle()) {
        if black_box(spine.engine.get(key).await?).is_none() {
            return Err(format!("{key} is not there").into());
        }
    }
    let took = start.elapsed();
    spine.stop().await?;
    Ok(took)
}
