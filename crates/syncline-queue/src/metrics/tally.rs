//! The one source of a queue's numbers. Pure: the time is passed in.

use std::time::Duration;

use syncline_core::{Instant, port::QueueStats};

use super::{
    QueueMetrics, Ratio, Throughput,
    throughput::{Flow, Ring, mean},
};

/// Sums since the queue was opened here.
#[derive(Debug)]
pub(crate) struct Tally {
    enqueued: u64,
    dequeued: u64,
    completed: u64,
    failed: u64,
    retried: u64,
    cancelled: u64,
    redriven: u64,
    leases_expired: u64,
    leases_lost: u64,
    leases_extended: u64,
    panics: u64,
    overruns: u64,
    duplicates: u64,
    depth_max: u64,
    wait: Duration,
    processing: Duration,
    /// Completions whose beginning was seen.
    timed: u64,
    ring: Ring,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settle {
    Completed { took: Option<Duration> },
    Failed,
    Retried,
    Lost,
}

impl Tally {
    pub(crate) fn new(born: Instant) -> Self {
        Self {
            enqueued: 0,
            dequeued: 0,
            completed: 0,
            failed: 0,
            retried: 0,
            cancelled: 0,
            redriven: 0,
            leases_expired: 0,
            leases_lost: 0,
            leases_extended: 0,
            panics: 0,
            overruns: 0,
            duplicates: 0,
            depth_max: 0,
            wait: Duration::ZERO,
            processing: Duration::ZERO,
            timed: 0,
            ring: Ring::new(born),
        }
    }

    pub(crate) fn pushed(&mut self, added: u64, duplicates: u64, now: Instant) {
        self.enqueued += added;
        self.duplicates += duplicates;
        self.ring.add(Flow::Enqueued, added, now);
    }

    pub(crate) fn popped(&mut self, count: u64, wait: Duration, now: Instant) {
        self.dequeued += count;
        self.wait = self.wait.saturating_add(wait);
        self.ring.add(Flow::Dequeued, count, now);
    }

    pub(crate) fn settled(&mut self, settle: Settle, now: Instant) {
        match settle {
            Settle::Completed { took } => {
                self.completed += 1;
                self.ring.add(Flow::Completed, 1, now);
                if let Some(took) = took {
                    self.timed += 1;
                    self.processing = self.processing.saturating_add(took);
                }
            }
            Settle::Failed => self.failed += 1,
            Settle::Retried => self.retried += 1,
            Settle::Lost => self.leases_lost += 1,
        }
    }

    /// A lease was extended.
    pub(crate) fn extended(&mut self) {
        self.leases_extended += 1;
    }

    /// A handler panicked.
    pub(crate) fn panicked(&mut self) {
        self.panics += 1;
    }

    /// A handler did not end by its deadline.
    pub(crate) fn overran(&mut self) {
        self.overruns += 1;
    }

    pub(crate) fn cancelled(&mut self, count: u64) {
        self.cancelled += count;
    }

    pub(crate) fn redriven(&mut self, count: u64) {
        self.redriven += count;
    }

    pub(crate) fn reaped(&mut self, leases: u64, dead: u64) {
        self.leases_expired += leases;
        self.failed += dead;
    }

    /// So many lived.
    pub(crate) fn saw(&mut self, live: u64) {
        self.depth_max = self.depth_max.max(live);
    }

    pub(crate) fn rates(&self, now: Instant) -> Throughput {
        self.ring.rates(now)
    }

    pub(crate) fn metrics(&self, stats: &QueueStats, saved: u64, now: Instant) -> QueueMetrics {
        let sum = |levels: &[u64; 5]| levels.iter().sum::<u64>();
        let (in_flight, live) = (sum(&stats.leased), sum(&stats.leased) + sum(&stats.waiting));
        let avg_processing_time = mean(self.processing, self.timed);
        QueueMetrics {
            total_enqueued: self.enqueued,
            total_dequeued: self.dequeued,
            total_completed: self.completed,
            total_failed: self.failed,
            total_retried: self.retried,
            total_cancelled: self.cancelled,
            total_redriven: self.redriven,
            total_leases_expired: self.leases_expired,
            total_leases_lost: self.leases_lost,
            total_leases_extended: self.leases_extended,
            total_panics: self.panics,
            total_overruns: self.overruns,
            current_size: live,
            in_flight,
            dead: sum(&stats.dead),
            queue_depth_max: self.depth_max.max(live),
            success_rate: Ratio::of(self.completed, self.completed.saturating_add(self.failed)),
            avg_wait_time: mean(self.wait, self.dequeued),
            avg_processing_time,
            average_processing_time_ms: avg_processing_time.as_secs_f64() * 1e3,
            throughput: self.rates(now).complete_per_sec,
            deduplication_hits: self.duplicates,
            compression_bytes_saved: saved,
        }
    }
}
