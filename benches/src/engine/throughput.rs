//! Rows a second from submit to archive, against SQLite alone.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use syncline_engine::{Engine, SyncItem};
use tokio::runtime::Runtime;

use super::{
    Plan, bare,
    rows::{Order, Rows},
    spine::{self, ARCHIVE},
};
use crate::{
    Result,
    measure::{Measure, median},
    scratch::Scratch,
};

/// Tasks, and submits that each keeps in flight.
const TASKS: usize = 4;
const IN_FLIGHT: usize = 1_000;

/// Orders of keys, with the least share of SQLite's own rate.
const GOALS: [(Order, f64); 2] = [(Order::Ascending, 0.5), (Order::Random, 0.7)];

/// How long the engine took.
struct Took {
    /// Until every submit was durable on this node.
    durable: Duration,
    /// Until every row was archived.
    archived: Duration,
}

/// Rates and ratios.
pub(super) fn run(scratch: &Scratch, runtime: &Runtime, plan: Plan) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    for (order, goal) in GOALS {
        eprintln!("{} keys", order.name());
        let rows = Arc::new(Rows::new(order, plan.rows));
        let rounds = (0..plan.rounds).map(|round| turn(scratch, runtime, &rows, round));
        let rounds = rounds.collect::<Result<Vec<_>>>()?;
        let rate = |took: Duration| plan.rows as f64 / took.as_secs_f64();
        let median_of = |value: &dyn Fn(&(Took, Duration)) -> f64| median(rounds.iter().map(value).collect());
        let prefix = format!("engine.{}", order.name());
        measures.extend([
            Measure::context(format!("{prefix}.durable_per_s"), median_of(&|(took, _)| rate(took.durable))),
            Measure::context(format!("{prefix}.archived_per_s"), median_of(&|(took, _)| rate(took.archived))),
            Measure::context(format!("{prefix}.bare.rows_per_s"), median_of(&|(_, bare)| rate(*bare))),
            Measure::at_least(
                format!("{prefix}.vs_bare"),
                median_of(&|(took, bare)| bare.as_secs_f64() / took.archived.as_secs_f64()),
                goal,
            ),
        ]);
    }
    Ok(measures)
}

/// Both sides once, the first of one round the second of the next.
fn turn(scratch: &Scratch, runtime: &Runtime, rows: &Arc<Rows>, round: usize) -> Result<(Took, Duration)> {
    if round.is_multiple_of(2) {
        let took = engine_turn(scratch, runtime, rows)?;
        Ok((took, bare_turn(scratch, rows)?))
    } else {
        let bare = bare_turn(scratch, rows)?;
        Ok((engine_turn(scratch, runtime, rows)?, bare))
    }
}

fn bare_turn(scratch: &Scratch, rows: &Rows) -> Result<Duration> {
    let room = scratch.room("bare")?;
    let path = room.path().join("rows.db");
    let took = bare::write(&path, rows)?;
    bare::check(&path, rows)?;
    Ok(took)
}

fn engine_turn(scratch: &Scratch, runtime: &Runtime, rows: &Arc<Rows>) -> Result<Took> {
    let room = scratch.room("engine")?;
    let took = runtime.block_on(timed(room.path(), rows))?;
    bare::check(&room.path().join(ARCHIVE), rows)?;
    Ok(took)
}

async fn timed(dir: &Path, rows: &Arc<Rows>) -> Result<Took> {
    let spine = spine::start(dir).await?;
    let start = Instant::now();
    submit_all(&spine.engine, rows).await?;
    let durable = start.elapsed();
    spine.engine.flush().await?;
    let archived = start.elapsed();
    spine.stop().await?;
    Ok(Took { durable, archived })
}

/// Each task takes the next row as soon as one of its submits is answered, so that rows go in nearly in order.
async fn submit_all(engine: &Engine, rows: &Arc<Rows>) -> Result {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (engine, rows, next) = (engine.clone(), Arc::clone(rows), Arc::clone(&next));
            tokio::spawn(async move {
                let places = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                stream::iter(places.take_while(|place| *place < rows.count()))
                    .map(|place| engine.submit(SyncItem::binary(rows.key(place), rows.content(place).clone())))
                    .buffer_unordered(IN_FLIGHT)
                    .try_for_each(async |_receipt| Ok(()))
                    .await
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}
