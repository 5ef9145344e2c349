//! The journal's room: durable records beside a bare loop, SQLite, redb and fjall; bytes that reach the disk; replay.

mod device_bytes;
mod replay;
mod rounds;
mod rows;

use std::time::Duration;

use crate::{
    Result,
    measure::Measure,
    payload::Payloads,
    scratch::Scratch,
    store::Kind,
    stores::{BARE, FJALL, REDB, SQLITE},
};

/// How long it may take.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Turns that each store has in each row.
    rounds: usize,
    /// How long a turn is.
    window: Duration,
    /// Whether to wait for stores that take seconds to come to rest.
    patient: bool,
    /// Records of each count of device bytes, or fewer when that makes too many commits, and how often it is taken.
    device_records: u64,
    device_commits_max: u64,
    device_rounds: usize,
    /// Stores counted beside the journal.
    device_beside: &'static [Kind],
    /// Records replayed, and how often.
    replay_records: u64,
    replay_rounds: usize,
}

impl Plan {
    const FULL: Self = Self {
        rounds: 9,
        window: Duration::from_millis(1_000),
        patient: true,
        device_records: 200_000,
        device_commits_max: 2_000,
        device_rounds: 5,
        device_beside: &[BARE, SQLITE, REDB, FJALL],
        replay_records: 2_000_000,
        replay_rounds: 5,
    };
    const QUICK: Self = Self {
        rounds: 3,
        window: Duration::from_millis(250),
        patient: false,
        device_records: 100_000,
        device_commits_max: 800,
        device_rounds: 2,
        device_beside: &[BARE],
        replay_records: 2_000_000,
        replay_rounds: 2,
    };
}

/// All figures of the room.
pub(crate) fn run(scratch: &Scratch, quick: bool) -> Result<Vec<Measure>> {
    let plan = if quick { Plan::QUICK } else { Plan::FULL };
    let payloads = Payloads::new();
    let mut measures = rounds::run(scratch, &payloads, plan)?;
    measures.extend(device_bytes::run(scratch, &payloads, plan)?);
    measures.extend(replay::run(scratch, plan)?);
    Ok(measures)
}
