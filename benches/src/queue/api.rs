//! The public face on a queue in memory: what its calls cost without a disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use syncline_core::Priority;
use syncline_queue::{QueueConfig, SyncItem, SyncQueue};
use tokio::runtime::Runtime;

use super::{Plan, clock};
use crate::{
    Result,
    measure::{Measure, median},
};

/// Clients, and the least pairs of a push and a pop in a second for single items and for batches.
const CLIENTS: usize = 16;
const GOALS: [(usize, f64); 2] = [(1, 800_000.0), (100, 1_500_000.0)];

/// Rates with their goals.
pub(super) fn run(runtime: &Runtime, plan: Plan) -> Result<Vec<Measure>> {
    eprintln!("calls in memory");
    let mut rates = GOALS.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..plan.memory_rounds {
        for ((rates, by_core), (batch, _)) in rates.iter_mut().zip(GOALS) {
            let begun = clock::of_process();
            let rate = runtime.block_on(turn(batch, plan.window))?;
            rates.push(rate);
            by_core.push(rate * plan.window.as_secs_f64() / (clock::of_process() - begun).as_secs_f64());
        }
    }
    let measures = rates.into_iter().zip(GOALS).flat_map(|((rates, by_core), (batch, goal))| {
        let name = format!("queue.memory.c{CLIENTS}.b{batch}");
        // What other work on the machine takes from the first, it does not take from the second.
        [
            Measure::at_least(format!("{name}.pairs_per_s"), median(rates), goal),
            Measure::context(format!("{name}.pairs_per_core_s"), median(by_core)),
        ]
    });
    Ok(measures.collect())
}

/// Pairs in a second of clients that push and pop, and complete nothing.
async fn turn(batch: usize, window: Duration) -> Result<f64> {
    let queue = SyncQueue::with_config(QueueConfig { max_capacity: 1 << 30, ..QueueConfig::default() })?;
    let (numbers, end) = (Arc::new(AtomicU64::new(0)), Instant::now() + window);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(client(queue.clone(), Arc::clone(&numbers), batch, end)))
        .collect();
    let mut popped = 0;
    for client in clients {
        popped += client.await??;
    }
    // Nothing is lost and nothing handed out twice.
    match (queue.size(), queue.in_flight()) {
        (0, held) if held == popped && popped as u64 == numbers.load(Relaxed) => {
            Ok(popped as f64 / window.as_secs_f64())
        }
        (left, held) => Err(format!("{popped} jobs were popped, {held} are held and {left} left").into()),
    }
}

async fn client(queue: SyncQueue, numbers: Arc<AtomicU64>, batch: usize, end: Instant) -> Result<usize> {
    let mut popped = 0;
    while Instant::now() < end {
        let first = numbers.fetch_add(batch as u64, Relaxed);
        if batch == 1 {
            queue.push(item(first)).await?;
        } else {
            queue.push_batch((first..).take(batch).map(item).collect()).await?;
        }
        // As many as were pushed are there: whoever takes some has pushed as many.
        let mut left = batch;
        while left > 0 {
            let items = queue.pop_batch(left).await?;
            left -= items.len();
            popped += items.len();
        }
    }
    Ok(popped)
}

fn item(number: u64) -> SyncItem {
    SyncItem::with_id(format!("{number:016x}"), number.into(), Priority::Normal)
}
