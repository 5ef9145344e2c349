//! How fast items of each partition key go out.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hashbrown::HashMap;
use syncline_core::{
    Instant,
    port::{Claimed, Lease, Moment, QueueOutcome, Settlement},
};

use super::{Inner, bell::UnderWay};
use crate::{QueueResult, Rate};

/// Most keys whose buckets are not full at once. Those of others wait until one is.
const KEYS_MAX: usize = 65_536;

/// A bucket a key, each as the moment when it is full. One that is full is forgotten.
#[derive(Debug)]
pub(super) struct KeyPaces {
    step: Duration,
    burst: u32,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    full_at: HashMap<String, Instant>,
    order: BTreeSet<(Instant, String)>,
}

impl KeyPaces {
    pub(super) fn new(rate: &Rate) -> Self {
        let step = (rate.per / rate.items.max(1)).max(Duration::from_nanos(1));
        Self { step, burst: rate.burst, buckets: Mutex::default() }
    }

    /// Lets one item of `key` go out at `now`, or says how long it has to wait.
    pub(super) fn pay(&self, key: &str, now: Instant) -> Option<Duration> {
        let mut buckets = self.buckets();
        buckets.forget_full(now);
        let lacking = buckets.full_at.get(key).map_or(Duration::ZERO, |at| at.saturating_since(now));
        let wait = (lacking + self.step).saturating_sub(self.step * self.burst);
        if !wait.is_zero() {
            return Some(wait);
        }
        if buckets.full_at.len() >= KEYS_MAX && !buckets.full_at.contains_key(key) {
            return buckets.order.first().map(|(at, _)| at.saturating_since(now));
        }
        buckets.set(key, now + lacking + self.step);
        None
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        // Each critical section leaves them whole, so a panic elsewhere does not spoil them.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buckets {
    fn set(&mut self, key: &str, at: Instant) {
        if let Some(before) = self.full_at.insert(key.to_owned(), at) {
            self.order.remove(&(before, key.to_owned()));
        }
        self.order.insert((at, key.to_owned()));
    }

    /// Forgets two at most: more than come with each item.
    fn forget_full(&mut self, now: Instant) {
        for _ in 0..2 {
            if self.order.first().is_none_or(|(at, _)| *at > now) {
                return;
            }
            if let Some((_, key)) = self.order.pop_first() {
                self.full_at.remove(&key);
            }
        }
    }
}

impl Inner {
    /// Puts off those whose keys have had their share, and returns the others.
    pub(super) async fn put_off(&self, claimed: Vec<Claimed>, now: Moment) -> QueueResult<Vec<Claimed>> {
        let Some(paces) = &self.key_paces else { return Ok(claimed) };
        let (mut go, mut late, mut first) = (Vec::new(), Vec::new(), Duration::MAX);
        for one in claimed {
            match one.partition.as_deref().and_then(|key| paces.pay(key, now.steady)) {
                None => go.push(one),
                Some(wait) => {
                    // Whole milliseconds, so that it is not early.
                    let wait = wait + Duration::from_millis(1);
                    let at = now.wall.max(one.eligible_at) + wait;
                    let lease = Lease { id: one.id, token: Some(one.token) };
                    late.push(Settlement { lease, outcome: QueueOutcome::Defer { at } });
                    first = first.min(wait);
                }
            }
        }
        if !late.is_empty() {
            let under_way = UnderWay::new(&self.bell);
            let told = self.watched(self.storage().settle(&late, now)).await;
            under_way.done();
            match told {
                Ok(_) => self.bell.due(now.steady + first),
                Err(error) if go.is_empty() => return Err(error),
                Err(error) => {
                    tracing::warn!(target: crate::TRACING_TARGET, %error, items = late.len(), "items come back when their leases end");
                }
            }
        }
        Ok(go)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn each_key_has_a_bucket_that_is_forgotten_once_it_is_full() {
        let paces = KeyPaces::new(&Rate { items: 1, per: Duration::from_secs(1), burst: 2 });
        let wait = |key: &str, now: u64| paces.pay(key, at(now)).map(|wait| wait.as_millis());
        assert_eq!((wait("a", 0), wait("a", 0), wait("a", 100), wait("b", 100)), (None, None, Some(900), None));
        assert_eq!((wait("a", 999), wait("a", 1_000), wait("a", 1_000)), (Some(1), None, Some(1_000)));
        assert_eq!(wait("c", 60_000), None);
        assert_eq!(paces.buckets().full_at.len(), 1);
    }
}
