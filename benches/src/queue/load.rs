//! Clients that keep a store busy for a while, each waiting for its own jobs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Handle, Runtime},
    sync::{Barrier, oneshot},
    task::yield_now,
};

use super::store::{Client, Kind, Store, Way};
use crate::{Result, latency::Latencies};

/// What a client does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Pushes.
    Push,
    /// Pushes, then pops and completes as many.
    Cycle,
}

/// How many clients, what each does, and with how many jobs at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) deed: Deed,
    pub(super) clients: usize,
    pub(super) batch: usize,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Jobs in each second of the window.
    pub(super) jobs_per_s: f64,
    /// Of each deed.
    pub(super) latencies: Latencies,
    /// Jobs pushed in all.
    pub(super) pushed: u64,
    /// Deeds for each sync of the disk, where the store counts them.
    pub(super) deeds_per_sync: Option<f64>,
}

/// Keeps `store` busy for `window`. Blocks.
pub(super) fn run(
    runtime: &Runtime,
    kind: Kind,
    store: &Arc<dyn Store>,
    shape: Shape,
    window: Duration,
) -> Result<Outcome> {
    let turn = Turn {
        store: Arc::clone(store),
        numbers: Arc::new(AtomicU64::new(0)),
        start: Arc::new(Barrier::new(shape.clients + 1)),
        shape,
        window,
    };
    let clients: Vec<_> = (0..shape.clients).map(|_| begin(runtime.handle(), kind.way, turn.clone())).collect();
    runtime.block_on(async {
        turn.start.wait().await;
        let (deeds_before, syncs_before) = (turn.deeds(), store.syncs());
        let mut all = Done { in_window: 0, latencies: Latencies::default() };
        for client in clients {
            let done = client.await.map_err(|_| "a client panicked")??;
            all.in_window += done.in_window;
            all.latencies.merge(done.latencies);
        }
        let syncs = store.syncs().zip(syncs_before).map(|(after, before)| after - before);
        let deeds = turn.deeds() - deeds_before;
        Ok(Outcome {
            jobs_per_s: all.in_window as f64 / window.as_secs_f64(),
            pushed: turn.numbers.load(Relaxed),
            deeds_per_sync: syncs.map(|syncs| deeds as f64 / syncs as f64),
            latencies: all.latencies,
        })
    })
}

/// What one client did.
struct Done {
    in_window: u64,
    latencies: Latencies,
}

/// What the clients share.
#[derive(Clone)]
struct Turn {
    store: Arc<dyn Store>,
    numbers: Arc<AtomicU64>,
    start: Arc<Barrier>,
    shape: Shape,
    window: Duration,
}

fn begin(handle: &Handle, way: Way, turn: Turn) -> oneshot::Receiver<Result<Done>> {
    let (tell, told) = oneshot::channel();
    let client = async move {
        let done = turn.client().await;
        // Whoever hears of it may open the store again.
        drop(turn);
        let _unused = tell.send(done);
    };
    match way {
        Way::Tasks => drop(handle.spawn(client)),
        Way::Threads => {
            let handle = handle.clone();
            drop(thread::spawn(move || handle.block_on(client)));
        }
    }
    told
}

impl Turn {
    async fn client(&self) -> Result<Done> {
        // Opening and the first deed are no part of the measurement; whoever fails still lets the others begin.
        let ready = self.ready().await;
        self.start.wait().await;
        self.repeat(&mut *ready?, Instant::now() + self.window).await
    }

    async fn ready(&self) -> Result<Box<dyn Client>> {
        let mut client = self.store.client().await?;
        self.deed(&mut *client).await?;
        Ok(client)
    }

    /// A deed that ends after the window is done, and not counted.
    async fn repeat(&self, client: &mut dyn Client, end: Instant) -> Result<Done> {
        let mut done = Done { in_window: 0, latencies: Latencies::default() };
        while Instant::now() < end {
            let begun = Instant::now();
            self.deed(client).await?;
            done.latencies.push(begun.elapsed());
            done.in_window += if Instant::now() < end { self.shape.batch as u64 } else { 0 };
        }
        Ok(done)
    }

    async fn deed(&self, client: &mut dyn Client) -> Result {
        let Shape { deed, batch, .. } = self.shape;
        let first = self.numbers.fetch_add(batch as u64, Relaxed);
        client.push(first, batch).await?;
        let mut left = if deed == Deed::Cycle { batch } else { 0 };
        while left > 0 {
            let worked = client.work(left).await?;
            left -= worked.min(left);
            if worked == 0 {
                // Others have what there was; they have pushed as much again.
                yield_now().await;
            }
        }
        Ok(())
    }

    fn deeds(&self) -> u64 {
        self.numbers.load(Relaxed) / self.shape.batch as u64
    }
}
