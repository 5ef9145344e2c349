//! Turns: in each round each load is given to each store, a new one in an empty directory, and what it holds is compared.

use super::{
    Plan,
    rows::{Goal, ROWS, Row},
};
use crate::{
    Result, fsync,
    latency::Latencies,
    load::{self, Outcome},
    measure::{Measure, median},
    payload::Payloads,
    scratch::Scratch,
    store::Kind,
    stores::JOURNAL,
};

/// What one store did under one load, round by round.
struct Cell {
    kind: Kind,
    /// By round, so that ratios are taken inside a round.
    rates: Vec<f64>,
    sharing: Vec<f64>,
    latencies: Latencies,
}

/// All rates, times and ratios.
pub(super) fn run(scratch: &Scratch, payloads: &Payloads, plan: Plan) -> Result<Vec<Measure>> {
    let empty = |kind: &Kind| Cell {
        kind: *kind,
        rates: Vec::new(),
        sharing: Vec::new(),
        latencies: Latencies::default(),
    };
    let mut cells: Vec<Vec<Cell>> = ROWS.iter().map(|row| row.kinds(plan.patient).map(empty).collect()).collect();
    let mut syncs = Latencies::default();
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for (row, cells) in ROWS.iter().zip(&mut cells) {
            syncs.merge(fsync::probe(scratch.path(), &payloads.batch(0, 1)[0], plan.window / 4)?);
            // Whoever comes first finds the disk as the row before left it: each store has that place in turn.
            let first = round % cells.len();
            let (late, early) = cells.split_at_mut(first);
            for cell in early.iter_mut().chain(late) {
                cell.note(turn(scratch, payloads, row, cell.kind, plan)?, row);
            }
        }
    }
    let mut measures = vec![
        Measure::context("journal.disk.fsync_p50_us", syncs.micros(500)),
        Measure::context("journal.disk.fsync_p99_us", syncs.micros(990)),
    ];
    for (row, cells) in ROWS.iter().zip(&mut cells) {
        measures.extend(cells.iter_mut().flat_map(|cell| cell.context(row)));
        measures.extend(row.goals.iter().map(|goal| ratio(row, goal, cells)));
        measures.extend(sharing(row, cells));
    }
    Ok(measures)
}

/// Opens, loads, closes, reopens and compares.
fn turn(scratch: &Scratch, payloads: &Payloads, row: &Row, kind: Kind, plan: Plan) -> Result<Outcome> {
    let room = scratch.room(kind.name)?;
    let named = |error| format!("{} under {}: {error}", kind.name, row.name);
    let store = (kind.open)(room.path()).map_err(named)?;
    let outcome = load::run(&*store, payloads, row.shape, plan.window).map_err(named)?;
    store.close().map_err(named)?;
    let found = (kind.reopen_count)(room.path(), payloads).map_err(named)?;
    if found == outcome.records {
        Ok(outcome)
    } else {
        Err(format!("{} under {}: {} records committed, {found} found", kind.name, row.name, outcome.records).into())
    }
}

impl Cell {
    fn note(&mut self, outcome: Outcome, row: &Row) {
        self.rates.push(outcome.records_per_s);
        self.sharing
            .extend(outcome.commits_per_sync.map(|commits| commits / row.shape.writers as f64));
        self.latencies.merge(outcome.latencies);
    }

    fn context(&mut self, row: &Row) -> [Measure; 3] {
        let prefix = format!("journal.{}.{}", row.name, self.kind.name);
        [
            Measure::context(format!("{prefix}.records_per_s"), median(self.rates.clone())),
            Measure::context(format!("{prefix}.p50_us"), self.latencies.micros(500)),
            Measure::context(format!("{prefix}.p99_us"), self.latencies.micros(990)),
        ]
    }
}

/// The rates of `kind` by round.
fn rates<'a>(cells: &'a [Cell], kind: &Kind) -> &'a [f64] {
    cells.iter().find(|cell| cell.kind.name == kind.name).map_or(&[], |cell| &cell.rates)
}

/// The median over rounds of the journal's rate against the best of the others in that round.
fn ratio(row: &Row, goal: &Goal, cells: &[Cell]) -> Measure {
    let best = |round: usize| {
        goal.others
            .iter()
            .filter_map(|kind| rates(cells, kind).get(round))
            .copied()
            .fold(f64::NAN, f64::max)
    };
    let ratios = rates(cells, &JOURNAL).iter().enumerate().map(|(round, rate)| rate / best(round));
    let (name, value) = (format!("journal.{}.{}", row.name, goal.name), median(ratios.collect()));
    match goal.goal {
        Some(goal) => Measure::at_least(name, value, goal),
        None => Measure::context(name, value),
    }
}

/// Commits for each sync and writer, where writers should share syncs.
fn sharing(row: &Row, cells: &[Cell]) -> Option<Measure> {
    let cell = cells.iter().find(|cell| cell.kind.name == JOURNAL.name)?;
    let name = format!("journal.{}.ops_per_sync_per_writer", row.name);
    row.sharing.map(|goal| Measure::at_least(name, median(cell.sharing.clone()), goal))
}
