//! Turns: in each round each load is given to each store, a new one in an empty directory, and what it holds is compared.

use std::{collections::BTreeSet, sync::Arc};

use tokio::runtime::Runtime;

use super::{
    Plan,
    jobs::Jobs,
    load::{self, Deed, Outcome},
    rows::{PEERS, ROWS, Row},
    store::{Kind, Store},
    stores::{JOURNAL, OURS},
};
use crate::{
    Result, fsync,
    latency::Latencies,
    measure::{Measure, median},
    scratch::Scratch,
};

/// Jobs that are pushed after a turn and not worked on, so that every store has something to give back.
const LEFT: usize = 100;

/// What one store did under one load, round by round.
struct Cell {
    kind: Kind,
    /// By round, so that ratios are taken inside a round.
    rates: Vec<f64>,
    sharing: Vec<f64>,
    latencies: Latencies,
}

/// All rates, times and ratios.
pub(super) fn run(
    scratch: &Scratch,
    runtime: &Runtime,
    plan: Plan,
    is_there: fn(Kind) -> bool,
) -> Result<Vec<Measure>> {
    let jobs = Arc::new(Jobs::new());
    let empty = |kind: &Kind| Cell {
        kind: *kind,
        rates: Vec::new(),
        sharing: Vec::new(),
        latencies: Latencies::default(),
    };
    let of_row = |row: &Row| row.kinds.iter().filter(|kind| is_there(**kind)).map(empty).collect();
    let mut cells: Vec<Vec<Cell>> = ROWS.iter().map(of_row).collect();
    let mut syncs = Latencies::default();
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for (row, cells) in ROWS.iter().zip(&mut cells) {
            syncs.merge(fsync::probe(scratch.path(), jobs.text(0).as_bytes(), plan.window / 4)?);
            // Whoever comes first finds the disk as the row before left it: each store has that place in turn.
            let first = round % cells.len();
            let (late, early) = cells.split_at_mut(first);
            for cell in early.iter_mut().chain(late) {
                let outcome = turn(scratch, runtime, &jobs, row, cell.kind, plan);
                let named = |error| format!("{} under {}: {error}", cell.kind.name, row.name);
                cell.note(outcome.map_err(named)?, row);
            }
        }
    }
    let mut measures = vec![
        Measure::context("queue.disk.fsync_p50_us", syncs.micros(500)),
        Measure::context("queue.disk.fsync_p99_us", syncs.micros(990)),
    ];
    for (row, cells) in ROWS.iter().zip(&mut cells) {
        measures.extend(cells.iter_mut().flat_map(|cell| cell.context(row)));
        measures.extend(ratios(row, cells));
        measures.extend(sharing(row, cells));
    }
    Ok(measures)
}

/// Opens, loads, leaves some jobs, closes, reopens and compares.
fn turn(scratch: &Scratch, runtime: &Runtime, jobs: &Arc<Jobs>, row: &Row, kind: Kind, plan: Plan) -> Result<Outcome> {
    let room = scratch.room(kind.name)?;
    let store: Arc<dyn Store> = Arc::from(runtime.block_on((kind.open)(room.path(), jobs))?);
    let outcome = load::run(runtime, kind, &store, row.shape, plan.window)?;
    let left = runtime.block_on(async {
        store.rest().await?;
        store.client().await?.push(outcome.pushed, LEFT).await?;
        store.close().await?;
        drop(store);
        (kind.left)(room.path(), jobs).await
    })?;
    let after = outcome.pushed + LEFT as u64;
    let first = if row.shape.deed == Deed::Push { 0 } else { outcome.pushed };
    compare(first..after, left)?;
    Ok(outcome)
}

/// Whether exactly these jobs are left, each once.
fn compare(wanted: std::ops::Range<u64>, left: Vec<u64>) -> Result {
    let count = left.len();
    let found: BTreeSet<u64> = left.into_iter().collect();
    let lost = wanted.clone().filter(|number| !found.contains(number)).count();
    let back = found.iter().filter(|number| !wanted.contains(number)).count();
    if (lost, back) == (0, 0) && found.len() == count {
        Ok(())
    } else {
        Err(format!("after reopening {lost} jobs are lost, {back} that were done are back, {count} are there").into())
    }
}

impl Cell {
    fn note(&mut self, outcome: Outcome, row: &Row) {
        self.rates.push(outcome.jobs_per_s);
        self.sharing.extend(outcome.deeds_per_sync.map(|deeds| deeds / row.shape.clients as f64));
        self.latencies.merge(outcome.latencies);
    }

    fn context(&mut self, row: &Row) -> [Measure; 3] {
        let prefix = format!("queue.{}.{}", row.name, self.kind.name);
        [
            Measure::context(format!("{prefix}.jobs_per_s"), median(self.rates.clone())),
            Measure::context(format!("{prefix}.p50_us"), self.latencies.micros(500)),
            Measure::context(format!("{prefix}.p99_us"), self.latencies.micros(990)),
        ]
    }
}

/// Our rate to that of each other, and to the best of the peers: medians over rounds of what was taken inside a round.
fn ratios(row: &Row, cells: &[Cell]) -> Vec<Measure> {
    let rates = |name: &str| cells.iter().find(|cell| cell.kind.name == name).map_or(&[][..], |cell| &cell.rates);
    let to = |others: &[&str]| {
        let best =
            |round: usize| others.iter().filter_map(|name| rates(name).get(round)).copied().fold(f64::NAN, f64::max);
        median(rates(OURS.name).iter().enumerate().map(|(round, rate)| rate / best(round)).collect())
    };
    let measure = |other: &str, value: f64, goal: Option<f64>| {
        let name = format!("queue.{}.vs_{other}", row.name);
        goal.map_or_else(|| Measure::context(&name, value), |goal| Measure::at_least(&name, value, goal))
    };
    let others = cells.iter().map(|cell| cell.kind.name).filter(|name| *name != OURS.name);
    let of_each = others.map(|name| measure(name, to(&[name]), row.vs_journal.filter(|_| name == JOURNAL.name)));
    let peers: Vec<_> = PEERS.iter().map(|kind| kind.name).collect();
    of_each.chain([measure("best_peer", to(&peers), row.vs_best)]).collect()
}

/// Deeds for each sync and client, where clients should share syncs.
fn sharing(row: &Row, cells: &[Cell]) -> Option<Measure> {
    let cell = cells.iter().find(|cell| cell.kind.name == OURS.name)?;
    let name = format!("queue.{}.ops_per_sync_per_client", row.name);
    row.sharing.map(|goal| Measure::at_least(name, median(cell.sharing.clone()), goal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_or_back_or_twice_there_is_noticed() {
        compare(3..5, vec![4, 3]).unwrap();
        for wrong in [vec![3], vec![3, 4, 2], vec![3, 4, 4]] {
            assert!(compare(3..5, wrong).is_err());
        }
    }
}
