//! The journal alone: a counter whose steps survive loss of power, rebuilt by the same code that runs live.
//!
//! `cargo run --release -p syncline --example durable_log [DIR]`

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use syncline::journal::{Config, Durability, Entry, FileDisk, Journal, Owner};

/// Sums what the stream holds, in recovery and live alike.
#[derive(Default)]
struct Sum(AtomicU64);

impl Owner for Sum {
    fn apply(&self, entry: Entry) {
        let step = entry.payload.as_ref().try_into().map_or(0, u64::from_le_bytes);
        self.0.fetch_add(step, Ordering::Relaxed);
    }
}

fn main() -> syncline::Result<()> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "durable-log".to_owned());
    let opened = Journal::open(Arc::new(FileDisk::open(dir)?), Config::default())?;
    let sum = Arc::new(Sum::default());
    let steps = opened.journal.stream("steps", sum.clone())?;
    let before = sum.0.load(Ordering::Relaxed);

    // Submissions wait together for one sync: this costs a few, not a hundred.
    let commits: Vec<_> = (1..=100_u64)
        .map(|step| steps.append(step.to_le_bytes().to_vec(), Durability::Sync))
        .collect::<syncline::Result<_>>()?;
    for commit in commits {
        commit.wait()?;
    }

    let (after, syncs) = (sum.0.load(Ordering::Relaxed), opened.journal.stats().syncs);
    // A closed standard output ends nothing here: the journal is what matters.
    let _unheard = writeln!(std::io::stdout(), "recovered {before}, now {after}, with {syncs} syncs");
    opened.journal.close()
}
