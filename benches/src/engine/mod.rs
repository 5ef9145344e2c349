//! The engine's room: durable submits that reach an SQLite archive, beside SQLite alone; their latency, beside a bare sync.

mod bare;
mod latency;
mod reads;
mod rows;
mod spine;
mod throughput;

use std::time::Duration;

use tokio::runtime::Builder;

use crate::{Result, measure::Measure, scratch::Scratch};

/// How long it may take.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Rows of each turn.
    rows: u64,
    /// Turns that each side has in each order of keys.
    rounds: usize,
    /// Latency is measured in turns as long as this, and as many.
    window: Duration,
    windows: usize,
    /// Reads from memory.
    reads: u64,
}

impl Plan {
    const FULL: Self = Self {
        rows: 400_000,
        rounds: 7,
        window: Duration::from_millis(1_000),
        windows: 9,
        reads: 2_000_000,
    };
    const QUICK: Self = Self {
        rows: 100_000,
        rounds: 3,
        window: Duration::from_millis(500),
        windows: 5,
        reads: 500_000,
    };
}

/// All figures of the room.
pub(crate) fn run(scratch: &Scratch, quick: bool) -> Result<Vec<Measure>> {
    let plan = if quick { Plan::QUICK } else { Plan::FULL };
    let runtime = Builder::new_multi_thread().enable_time().build()?;
    let mut measures = throughput::run(scratch, &runtime, plan)?;
    measures.extend(latency::run(scratch, &runtime, plan)?);
    measures.extend(reads::run(scratch, &runtime, plan)?);
    Ok(measures)
}
