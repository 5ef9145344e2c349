//! What a queue says of itself, and its lock.

use std::sync::atomic::Ordering::SeqCst;

use super::{Store, SyncQueue};
use crate::{Distributions, HealthReport, QueueError, QueueMetrics, QueueResult, Reason, Throughput};

impl SyncQueue {
    /// Numbers, as they are now. Sums begin when the queue is opened.
    pub fn metrics(&self) -> QueueMetrics {
        let inner = &*self.inner;
        let (stats, saved) = (inner.stats_now(), self.saved());
        inner.book().tally.metrics(&stats, saved, inner.clock.now())
    }

    /// How long items waited and were in hand, and how many attempts they took, since the queue was opened here.
    pub fn distributions(&self) -> Distributions {
        self.inner.book().tally.distributions().clone()
    }

    /// Items per second, over the last minute.
    pub fn throughput(&self) -> Throughput {
        self.inner.book().tally.rates(self.inner.clock.now())
    }

    /// Whether a push and a pop would be tried now. It changes nothing: no probe of a breaker is used up.
    ///
    /// # Errors
    ///
    /// None as it stands: what keeps a queue from its work is `Ok(false)`, and [`health`](Self::health) names it.
    pub fn health_check(&self) -> QueueResult<bool> {
        Ok(self.health().ready)
    }

    /// Whether it does its work, and what keeps it from that. It changes nothing.
    pub fn health(&self) -> HealthReport {
        let inner = &*self.inner;
        let poisoned = match &inner.store {
            Store::Journal { journal, .. } => journal.stats().is_poisoned,
            Store::Memory(_) | Store::Given(_) => false,
        };
        let jobs = inner.brakes.jobs();
        let reasons = [
            (Reason::BreakerOpen, inner.breaker.retry_after().is_some()),
            (Reason::JobsFailing, jobs.is_some_and(|(_, refuses)| refuses)),
            (Reason::Locked, inner.is_locked.load(SeqCst)),
            (Reason::ShuttingDown, !inner.gate.is_open()),
            (Reason::Poisoned, poisoned),
        ];
        let reasons = reasons.into_iter().filter(|(_, holds)| *holds).map(|(reason, _)| reason).collect();
        let oldest = inner.oldest_ages().into_iter().flatten().max();
        HealthReport::of((inner.breaker.state(), jobs.map(|(state, _)| state)), reasons, oldest)
    }

    /// Locks the queue for maintenance: pushes and pops are refused until it is unlocked, outcomes are taken.
    ///
    /// # Errors
    ///
    /// [`MaintenanceError`](QueueError::MaintenanceError) when it is locked.
    pub fn lock(&self) -> QueueResult<()> {
        if self.inner.is_locked.swap(true, SeqCst) {
            return Err(QueueError::MaintenanceError("the queue is locked already".into()));
        }
        Ok(())
    }

    /// Ends the maintenance, and wakes all who waited for items.
    ///
    /// # Errors
    ///
    /// [`MaintenanceError`](QueueError::MaintenanceError) when it is not locked.
    pub fn unlock(&self) -> QueueResult<()> {
        if !self.inner.is_locked.swap(false, SeqCst) {
            return Err(QueueError::MaintenanceError("the queue is not locked".into()));
        }
        self.inner.bell.ring_all();
        Ok(())
    }

    fn saved(&self) -> u64 {
        match &self.inner.store {
            Store::Journal { storage, journal, is_shared: false } if self.inner.config.enable_compression => {
                storage.appended_bytes().saturating_sub(journal.stats().bytes)
            }
            _ => 0,
        }
    }
}
