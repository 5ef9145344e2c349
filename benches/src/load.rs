//! Threads that keep a store busy for a while, each waiting for its own commits.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result,
    latency::Latencies,
    payload::Payloads,
    store::{Store, Writer},
};

/// How many threads, and how many records each commits at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Threads.
    pub(crate) writers: usize,
    /// Records of one commit.
    pub(crate) batch: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Records made durable in each second of the window.
    pub(crate) records_per_s: f64,
    /// Of each commit.
    pub(crate) latencies: Latencies,
    /// Records made durable in all: what the store must hold afterwards.
    pub(crate) records: u64,
    /// Commits for each sync of the disk, where the store counts them.
    pub(crate) commits_per_sync: Option<f64>,
}

/// Keeps `store` busy for `window`.
pub(crate) fn run(store: &dyn Store, payloads: &Payloads, shape: Shape, window: Duration) -> Result<Outcome> {
    let (keys, start) = (AtomicU64::new(0), Barrier::new(shape.writers + 1));
    let turn = Turn { keys: &keys, payloads, batch: shape.batch };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..shape.writers)
            .map(|_| {
                scope.spawn(|| {
                    // Opening and the first commit are no part of the measurement; whoever fails still lets the others begin.
                    let ready = store.writer().and_then(|mut writer| turn.commit(&mut *writer).map(|_| writer));
                    start.wait();
                    turn.repeat(&mut *ready?, Instant::now() + window)
                })
            })
            .collect();
        start.wait();
        let (commits_before, syncs_before) = (turn.commits(), store.syncs());
        let done = threads.into_iter().map(|thread| thread.join().map_err(|_| "a writer panicked")?);
        let done = done.collect::<Result<Vec<Done>>>()?;
        let syncs = store.syncs().zip(syncs_before).map(|(after, before)| after - before);
        let commits = turn.commits() - commits_before;
        Ok(Outcome {
            records_per_s: done.iter().map(|done| done.in_window).sum::<u64>() as f64 / window.as_secs_f64(),
            records: keys.load(Ordering::Relaxed),
            commits_per_sync: syncs.map(|syncs| commits as f64 / syncs as f64),
            latencies: done.into_iter().fold(Latencies::default(), |mut all, done| {
                all.merge(done.latencies);
                all
            }),
        })
    })
}

/// What one thread did.
struct Done {
    in_window: u64,
    latencies: Latencies,
}

/// What the threads share.
#[derive(Clone, Copy)]
struct Turn<'a> {
    keys: &'a AtomicU64,
    payloads: &'a Payloads,
    batch: usize,
}

impl Turn<'_> {
    fn commit(&self, writer: &mut dyn Writer) -> Result<Duration> {
        let first = self.keys.fetch_add(self.batch as u64, Ordering::Relaxed);
        let records = self.payloads.batch(first, self.batch);
        let begun = Instant::now();
        writer.commit(first, records)?;
        Ok(begun.elapsed())
    }

    /// A commit that ends after the window is made, and not counted.
    fn repeat(&self, writer: &mut dyn Writer, end: Instant) -> Result<Done> {
        let mut done = Done { in_window: 0, latencies: Latencies::default() };
        while Instant::now() < end {
            done.latencies.push(self.commit(writer)?);
            done.in_window += if Instant::now() < end { self.batch as u64 } else { 0 };
        }
        Ok(done)
    }

    fn commits(&self) -> u64 {
        self.keys.load(Ordering::Relaxed) / self.batch as u64
    }
}
