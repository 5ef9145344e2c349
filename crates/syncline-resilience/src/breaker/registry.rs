//! A breaker for each key, as many as there may be.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::CircuitBreaker;
use crate::time::{Clock, SystemClock};

/// Breakers that a registry holds, unless told otherwise.
const DEFAULT_COUNT_MAX: usize = 1_024;
/// Breakers of one shard: the most that are looked at to find the one to evict.
const SHARD_COUNT: usize = 64;

/// A breaker for each key: a host, a shard, a tenant. One that is down does not stop the others.
///
/// It holds up to a number of breakers. Where a new one would be too many, it evicts the one that was asked for longest ago
/// among those that would admit a request and are in nobody's hands: closed ones, and those that have been open for their time
/// without anybody asking. Only if there is none, it takes one that somebody holds, then one that refuses or is forced. Who
/// holds one that is evicted keeps it.
///
/// # Examples
///
/// ```
/// use syncline_resilience::{CircuitBreaker, breaker::BreakerRegistry};
///
/// let breakers = BreakerRegistry::new(|host: &String| {
///     CircuitBreaker::new().with_failure_threshold(1).with_name(host.clone())
/// });
/// breakers.get(&"a.example".to_owned()).record_failure();
/// assert!(!breakers.get(&"a.example".to_owned()).should_allow_request());
/// assert!(breakers.get(&"b.example".to_owned()).should_allow_request());
/// ```
pub struct BreakerRegistry<K, C: Clock = SystemClock> {
    make: Box<Make<K, C>>,
    shards: Box<[Mutex<Shard<K, C>>]>,
    shard_count_max: usize,
}

type Make<K, C> = dyn Fn(&K) -> CircuitBreaker<C> + Send + Sync;

struct Shard<K, C: Clock> {
    breakers: HashMap<K, Held<C>>,
    /// Uses so far.
    uses: u64,
}

struct Held<C: Clock> {
    breaker: Arc<CircuitBreaker<C>>,
    /// The number of its last use.
    used: u64,
}

impl<K: Hash + Eq + Clone, C: Clock> BreakerRegistry<K, C> {
    /// Breakers as `make` builds them for their keys, up to 1,024.
    #[must_use]
    pub fn new(make: impl Fn(&K) -> CircuitBreaker<C> + Send + Sync + 'static) -> Self {
        Self::with_count_max(DEFAULT_COUNT_MAX, make)
    }

    /// Breakers as `make` builds them for their keys, up to `count_max`; 0 counts as 1. Above 64 they are spread over shards by
    /// the hashes of their keys, and each has its part of the number.
    #[must_use]
    pub fn with_count_max(count_max: usize, make: impl Fn(&K) -> CircuitBreaker<C> + Send + Sync + 'static) -> Self {
        let count_max = count_max.max(1);
        let shards = count_max.div_ceil(SHARD_COUNT);
        Self {
            make: Box::new(make),
            shards: (0..shards).map(|_| Mutex::new(Shard { breakers: HashMap::new(), uses: 0 })).collect(),
            shard_count_max: count_max / shards,
        }
    }

    /// The breaker of `key`, built if there is none. Keep it for a request rather than for good: one that nobody holds can be
    /// evicted.
    pub fn get(&self, key: &K) -> Arc<CircuitBreaker<C>> {
        if let Some(breaker) = self.find(key) {
            return breaker;
        }
        // Built outside the lock: it is the user's code.
        let built = Arc::new((self.make)(key));
        let (breaker, evicted) = self.insert(key, built);
        drop(evicted);
        breaker
    }

    /// The breaker of `key`, if there is one.
    pub fn find(&self, key: &K) -> Option<Arc<CircuitBreaker<C>>> {
        self.shard(key).find(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).breakers.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys and their breakers, in no order: for statistics, and to reset them.
    pub fn all(&self) -> Vec<(K, Arc<CircuitBreaker<C>>)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(lock(shard).breakers.iter().map(|(key, held)| (key.clone(), Arc::clone(&held.breaker))));
        }
        all
    }

    /// Forgets the breaker of `key`, which is returned.
    pub fn remove(&self, key: &K) -> Option<Arc<CircuitBreaker<C>>> {
        self.shard(key).breakers.remove(key).map(|held| held.breaker)
    }

    /// The breaker that `key` has then, and what is to be dropped outside the lock.
    fn insert(
        &self,
        key: &K,
        built: Arc<CircuitBreaker<C>>,
    ) -> (Arc<CircuitBreaker<C>>, Option<Arc<CircuitBreaker<C>>>) {
        let mut shard = self.shard(key);
        if let Some(existing) = shard.find(key) {
            return (existing, Some(built));
        }
        let evicted = if shard.breakers.len() >= self.shard_count_max { shard.evict() } else { None };
        shard.uses += 1;
        let held = Held { breaker: Arc::clone(&built), used: shard.uses };
        shard.breakers.insert(key.clone(), held);
        (built, evicted)
    }

    /// Always the same for a key, so that a test that is replayed evicts the same breakers.
    #[expect(clippy::indexing_slicing, reason = "there is a shard, and the index is below their number")]
    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K, C>> {
        let index = BuildHasherDefault::<DefaultHasher>::default().hash_one(key) % self.shards.len() as u64;
        lock(&self.shards[usize::try_from(index).unwrap_or(0)])
    }
}

impl<K: Hash + Eq + Clone, C: Clock> Shard<K, C> {
    fn find(&mut self, key: &K) -> Option<Arc<CircuitBreaker<C>>> {
        let held = self.breakers.get_mut(key)?;
        self.uses += 1;
        held.used = self.uses;
        Some(Arc::clone(&held.breaker))
    }

    /// Takes out the breaker that is missed least: each that is better to lose comes before each that is worse, and among
    /// equals the one that was used longest ago.
    fn evict(&mut self) -> Option<Arc<CircuitBreaker<C>>> {
        let least = self.breakers.iter().min_by_key(|(_, held)| (held.worth(), held.used));
        let key = least.map(|(key, _)| key.clone())?;
        self.breakers.remove(&key).map(|held| held.breaker)
    }
}

impl<C: Clock> Held<C> {
    /// What would be lost with it. Who has a permit has the breaker too, and under the lock nobody else can get hold of it.
    fn worth(&self) -> u8 {
        let is_held = Arc::strong_count(&self.breaker) > 1;
        let is_needed = self.breaker.retry_after().is_some() || self.breaker.is_forced();
        u8::from(is_held) + 2 * u8::from(is_needed)
    }
}

/// Whatever happened to an earlier holder: no step here leaves a map half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K, C: Clock> fmt::Debug for BreakerRegistry<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count: usize = self.shards.iter().map(|shard| lock(shard).breakers.len()).sum();
        f.debug_struct("BreakerRegistry").field("count", &count).finish_non_exhaustive()
    }
}
