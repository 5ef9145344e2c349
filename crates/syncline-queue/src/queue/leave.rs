//! What a pop may take: as much as the breaker of the jobs admits, as fast as the pace allows.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hashbrown::HashMap;
use syncline_core::{
    Instant,
    port::{Claimed, Clock, Settled},
};
use syncline_resilience::{
    CircuitBreaker,
    breaker::{CircuitState, OwnedPermit},
};

use super::{
    Bell, Inner,
    pace::{Pace, Paid},
};
use crate::{JobFailures, QueueConfig, state::Id};

/// The leave to work on one item: its outcome is told to the breaker. Dropped it tells nothing, and a probe's place is free.
type JobPermit = OwnedPermit<Arc<dyn Clock>>;

/// A probe that is under way for so long is given up. One whose lease ends is sooner.
const PROBE_TIMEOUT: Duration = Duration::from_hours(24);

/// What holds pops up.
#[derive(Debug)]
pub(super) struct Brakes {
    jobs: Option<Arc<CircuitBreaker<Arc<dyn Clock>>>>,
    counts: JobFailures,
    /// Of what is in hand: the number of its lease, and the leave.
    in_hand: Mutex<HashMap<Id, (u64, JobPermit)>>,
    pace: Option<Pace>,
}

/// What one pop may take.
pub(super) struct Leave<'a> {
    brakes: &'a Brakes,
    /// One an item, where there is a breaker.
    permits: Vec<JobPermit>,
    paid: Option<Paid<'a>>,
    /// Most items.
    pub(super) most: usize,
}

impl Brakes {
    pub(super) fn new(config: &QueueConfig, clock: &Arc<dyn Clock>, bell: &Arc<Bell>) -> Self {
        let jobs = config.job_breaker.map(|settings| {
            let waiting = Arc::clone(bell);
            let breaker = CircuitBreaker::with_clock(Arc::clone(clock))
                .with_failure_threshold(settings.failures)
                .with_timeout(settings.pause)
                .with_success_threshold(1)
                .with_half_open_requests(1)
                .with_probe_timeout(PROBE_TIMEOUT)
                .with_name("queue jobs")
                // Whoever waits looks again: more may be taken, or nothing.
                .with_listener(move |_| waiting.ring_all());
            Arc::new(breaker)
        });
        Self {
            jobs,
            counts: config.job_breaker.unwrap_or_default().counts,
            in_hand: Mutex::default(),
            pace: config.max_rate.as_ref().map(|rate| Pace::new(rate, clock.now())),
        }
    }

    /// Leave for up to `most` items; for none while the queue pauses.
    pub(super) fn release<'a>(&'a self, most: usize, now: Instant, bell: &'a Bell) -> Leave<'a> {
        let mut leave = Leave { brakes: self, permits: Vec::new(), paid: None, most };
        if let Some(jobs) = &self.jobs {
            let permits = std::iter::from_fn(|| jobs.try_acquire_owned().ok());
            leave.permits = permits.take(most).collect();
            leave.most = leave.permits.len();
        }
        if let Some(pace) = self.pace.as_ref().filter(|_| leave.most > 0) {
            let paid = pace.pay(leave.most, now, bell);
            leave.most = paid.left();
            // Those beyond are no requests: a probe's place is free for who can use it.
            leave.permits.truncate(leave.most);
            leave.paid = Some(paid);
        }
        leave
    }

    /// When a waiter looks again that would at `due`, as the storage says; `patience` is its longest sleep while a probe is
    /// under way, whose end need not be heard here.
    pub(super) fn held_until(&self, due: Option<Duration>, patience: Duration, now: Instant) -> Option<Duration> {
        if let Some(left) = self.jobs.as_ref().and_then(|jobs| jobs.retry_after()) {
            return Some(left.min(patience));
        }
        let empty = self.pace.as_ref().map_or(Duration::ZERO, |pace| pace.empty_for(now));
        due.map(|due| due.max(empty))
    }

    /// Tells the breaker how the job of an item that is in hand ended.
    pub(super) fn judge(&self, id: &str, token: Option<u64>, settled: Settled) {
        if self.jobs.is_none() {
            return;
        }
        let permit = {
            let (id, mut in_hand) = (Id::from(id), self.in_hand());
            let is_it = in_hand.get(&id).is_some_and(|(own, _)| token.is_none_or(|token| token == *own));
            if is_it { in_hand.remove(&id) } else { None }
        };
        let Some((_, permit)) = permit else { return };
        match settled {
            Settled::Completed => permit.success(),
            Settled::Dead => permit.failure(),
            Settled::Retried if self.counts == JobFailures::Any => permit.failure(),
            Settled::Retried | Settled::Released | Settled::Lost | Settled::Unknown => permit.ignore(),
        }
    }

    /// Those that nobody has any more say nothing.
    pub(super) fn forget(&self, ids: &[Id]) {
        if self.jobs.is_some() && !ids.is_empty() {
            let mut in_hand = self.in_hand();
            for id in ids {
                in_hand.remove(id);
            }
        }
    }

    fn in_hand(&self) -> MutexGuard<'_, HashMap<Id, (u64, JobPermit)>> {
        // Each critical section leaves it whole, so a panic elsewhere does not spoil it.
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of the breaker of the jobs, and whether it lets nothing through; `None` without one.
    pub(super) fn jobs(&self) -> Option<(CircuitState, bool)> {
        let jobs = self.jobs.as_ref()?;
        Some((jobs.state(), jobs.retry_after().is_some()))
    }
}

impl Leave<'_> {
    /// These go out.
    pub(super) fn spend(&mut self, claimed: &[Claimed]) {
        if let Some(paid) = &mut self.paid {
            paid.spend(claimed.len());
        }
        self.most = self.most.saturating_sub(claimed.len());
        if self.permits.is_empty() {
            return;
        }
        let permits = self.permits.drain(..claimed.len().min(self.permits.len()));
        let mut in_hand = self.brakes.in_hand();
        for (one, permit) in claimed.iter().zip(permits) {
            in_hand.insert(one.id.as_str().into(), (one.token, permit));
        }
    }
}

impl Inner {
    pub(super) fn leave(&self, most: usize, now: Instant) -> Leave<'_> {
        self.brakes.release(most, now, &self.bell)
    }
}
