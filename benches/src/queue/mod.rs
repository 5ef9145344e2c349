//! The queue's room: durable pushes and whole job cycles beside hand-written queues on SQLite, fjall and redb, and beside
//! yaque and Redis; calls in memory, and the scheduler alone; a backlog whose payloads are on disk.

pub(crate) mod alone;
mod api;
mod clock;
mod jobs;
mod load;
mod payloads;
mod resident;
mod rounds;
mod rows;
mod scheduler;
mod store;
mod stores;

use std::time::Duration;

use tokio::runtime::Builder;

use crate::{Result, measure::Measure, scratch::Scratch};

/// How long it may take.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Turns that each store has in each row.
    rounds: usize,
    /// How long a turn is.
    window: Duration,
    /// Turns of what needs no disk.
    memory_rounds: usize,
    /// Items that wait while the scheduler is measured, and pairs of each turn.
    backlog: u64,
    pairs: usize,
    /// The backlog whose payloads are on disk.
    payloads: payloads::Size,
}

impl Plan {
    const FULL: Self = Self {
        rounds: 5,
        window: Duration::from_millis(1_000),
        memory_rounds: 9,
        backlog: 5_000_000,
        pairs: 1_000_000,
        payloads: payloads::Size { items: 5_000_000, drained: 1_000_000, rounds: 5 },
    };
    const QUICK: Self = Self {
        rounds: 2,
        window: Duration::from_millis(150),
        memory_rounds: 3,
        backlog: 5_000_000,
        pairs: 200_000,
        payloads: payloads::Size { items: 200_000, drained: 50_000, rounds: 3 },
    };
}

/// All figures of the room.
pub(crate) fn run(scratch: &Scratch, quick: bool) -> Result<Vec<Measure>> {
    let plan = if quick { Plan::QUICK } else { Plan::FULL };
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    for (name, reason) in stores::missing() {
        eprintln!("SKIPPED {name}: {reason}");
    }
    let mut measures = scheduler::run(plan)?;
    // Before what leaves more behind than it needs itself: what is resident is that of the process.
    measures.extend(payloads::run(scratch, &runtime, plan.payloads)?);
    measures.extend(api::run(&runtime, plan)?);
    measures.extend(rounds::run(scratch, &runtime, plan, stores::is_there)?);
    Ok(measures)
}
