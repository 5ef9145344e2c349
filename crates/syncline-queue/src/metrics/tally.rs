//! The one source of a queue's numbers. Pure: the time is passed in.

use std::time::Duration;

use syncline_core::{
    Instant, Priority,
    port::{DeadReason, QueueStats, Reaped},
};

use super::{
    Distributions, QueueMetrics, Ratio, Throughput,
    throughput::{Flow, Ring, mean},
};
use crate::QueueError;

/// Sums since the queue was opened here.
#[derive(Debug)]
pub(crate) struct Tally {
    enqueued: u64,
    dequeued: u64,
    completed: u64,
    failed: Dead,
    rejected: Rejected,
    retried: u64,
    cancelled: u64,
    redriven: u64,
    dead_expired: u64,
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
    spread: Distributions,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settle {
    Completed,
    Failed(DeadReason),
    Retried,
    Lost,
}

/// An attempt whose beginning was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Took {
    pub(crate) time: Duration,
    /// The number of the attempt.
    pub(crate) attempt: u16,
}

/// Items that failed for good, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dead {
    /// Every attempt failed, or ended its process.
    pub exhausted: u64,
    /// Its worker said that no attempt can succeed.
    pub rejected: u64,
    /// It was of no use any more before anybody took it.
    pub expired: u64,
    /// Its content is damaged.
    pub corrupt: u64,
}

impl Dead {
    fn add(&mut self, reason: DeadReason, count: u64) {
        let sum = match reason {
            DeadReason::Exhausted => &mut self.exhausted,
            DeadReason::Rejected => &mut self.rejected,
            DeadReason::Expired => &mut self.expired,
            DeadReason::Corrupt => &mut self.corrupt,
        };
        *sum += count;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.exhausted + self.rejected + self.expired + self.corrupt
    }
}

/// Calls that pushed nothing, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rejected {
    /// As many items lived as may.
    pub capacity: u64,
    /// An item was too large.
    pub too_large: u64,
    /// There was no space on the disk.
    pub storage_full: u64,
    /// The queue was shutting down.
    pub shutdown: u64,
}

impl Tally {
    pub(crate) fn new(born: Instant) -> Self {
        Self {
            enqueued: 0,
            dequeued: 0,
            completed: 0,
            failed: Dead::default(),
            rejected: Rejected::default(),
            retried: 0,
            cancelled: 0,
            redriven: 0,
            dead_expired: 0,
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
            spread: Distributions::default(),
        }
    }

    pub(crate) fn pushed(&mut self, added: u64, duplicates: u64, now: Instant) {
        self.enqueued += added;
        self.duplicates += duplicates;
        self.ring.add(Flow::Enqueued, added, now);
    }

    /// A push was refused for this.
    pub(crate) fn rejected(&mut self, error: &QueueError) {
        let sum = match error {
            QueueError::CapacityExceeded(_) => &mut self.rejected.capacity,
            QueueError::ItemTooLarge { .. } => &mut self.rejected.too_large,
            QueueError::StorageFull(_) => &mut self.rejected.storage_full,
            QueueError::ShuttingDown => &mut self.rejected.shutdown,
            _ => return,
        };
        *sum += 1;
    }

    pub(crate) fn popped(&mut self, priority: Priority, wait: Duration, now: Instant) {
        self.dequeued += 1;
        self.wait = self.wait.saturating_add(wait);
        self.ring.add(Flow::Dequeued, 1, now);
        if let Some(waits) = self.spread.wait.get_mut(usize::from(priority.number())) {
            waits.observe(wait.as_secs_f64());
        }
    }

    pub(crate) fn settled(&mut self, settle: Settle, took: Option<Took>, now: Instant) {
        let times = match settle {
            Settle::Completed => {
                self.completed += 1;
                self.ring.add(Flow::Completed, 1, now);
                if let Some(took) = took {
                    self.timed += 1;
                    self.processing = self.processing.saturating_add(took.time);
                }
                &mut self.spread.completed
            }
            Settle::Failed(reason) => {
                self.failed.add(reason, 1);
                &mut self.spread.dead
            }
            Settle::Retried => {
                self.retried += 1;
                &mut self.spread.retried
            }
            Settle::Lost => {
                self.leases_lost += 1;
                return;
            }
        };
        let Some(took) = took else { return };
        times.observe(took.time.as_secs_f64());
        if settle != Settle::Retried {
            self.spread.attempts.observe(f64::from(took.attempt));
        }
    }

    pub(crate) fn distributions(&self) -> &Distributions {
        &self.spread
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

    /// The time of dead letters was over.
    pub(crate) fn dead_expired(&mut self, count: u64) {
        self.dead_expired += count;
    }

    pub(crate) fn reaped(&mut self, reaped: Reaped) {
        self.leases_expired += reaped.leases;
        self.failed.add(DeadReason::Expired, reaped.expired);
        self.failed.add(DeadReason::Exhausted, reaped.dead.saturating_sub(reaped.expired));
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
            total_failed: self.failed.total(),
            failed: self.failed,
            rejected: self.rejected,
            total_retried: self.retried,
            total_cancelled: self.cancelled,
            total_redriven: self.redriven,
            total_dead_expired: self.dead_expired,
            total_leases_expired: self.leases_expired,
            total_leases_lost: self.leases_lost,
            total_leases_extended: self.leases_extended,
            total_panics: self.panics,
            total_overruns: self.overruns,
            current_size: live,
            in_flight,
            dead: sum(&stats.dead),
            queue_depth_max: self.depth_max.max(live),
            success_rate: Ratio::of(self.completed, self.completed.saturating_add(self.failed.total())),
            avg_wait_time: mean(self.wait, self.dequeued),
            avg_processing_time,
            average_processing_time_ms: avg_processing_time.as_secs_f64() * 1e3,
            throughput: self.rates(now).complete_per_sec,
            deduplication_hits: self.duplicates,
            compression_bytes_saved: saved,
        }
    }
}
