//! A bucket beside an exact one that stores its level, through the same random operations.

use std::time::Duration;

use syncline_testkit::{SeededRandom, seed};

use crate::{
    Class, RetryBudget,
    time::{Instant, MockClock},
};

const CASES: u64 = 20_000;
const OPERATIONS: usize = 200;

/// What is in the bucket, in nanoseconds of refill, and when that was so.
struct Exact {
    token: i128,
    capacity: i128,
    level: i128,
    at: i128,
}

impl Exact {
    fn level(&self, now: i128) -> i128 {
        (self.level + now - self.at).min(self.capacity * self.token)
    }

    fn take(&mut self, tokens: i128, now: i128) -> bool {
        let left = self.level(now) - tokens * self.token;
        let is_granted = tokens == 0 || left >= 0;
        if is_granted && tokens > 0 {
            (self.level, self.at) = (left, now);
        }
        is_granted
    }

    fn put(&mut self, nanos: i128, now: i128) {
        let full = self.capacity * self.token;
        if self.level(now) < full {
            (self.level, self.at) = ((self.level(now) + nanos).min(full), now);
        }
    }

    fn available(&self, now: i128) -> i128 {
        self.level(now).max(0) / self.token
    }
}

/// A bucket, its model, and what both are told.
struct Pair {
    budget: RetryBudget<MockClock>,
    exact: Exact,
    clock: MockClock,
    now: u64,
    deposit: i128,
    random: SeededRandom,
}

impl Pair {
    fn new(random: SeededRandom) -> Self {
        let clock = MockClock::new();
        let capacity = u32::try_from(1 + random.below(20)).unwrap();
        // Whole thousandths of a token, so that the model's deposits are whole too.
        let token = 1_000 * (1 + random.below(if random.once_in(2) { 10 } else { 1_000_000 }));
        let earned = random.below(2_000);
        let budget = RetryBudget::with_clock(capacity, 1e9 / token as f64, clock.clone())
            .with_deposit_ratio(earned as f64 / 1_000.0);
        let capacity = i128::from(capacity);
        let token = i128::from(token);
        let exact = Exact { token, capacity, level: capacity * token, at: 0 };
        Self {
            budget,
            exact,
            clock,
            now: 0,
            deposit: token * i128::from(earned) / 1_000,
            random,
        }
    }

    fn step(&mut self) {
        let (capacity, now) = (self.exact.capacity, i128::from(self.now));
        let n = u32::try_from(self.random.below(u64::try_from(capacity).unwrap() + 2)).unwrap();
        match self.random.below(8) {
            0 => assert_eq!(self.budget.try_acquire(), self.exact.take(1, now)),
            1 => assert_eq!(self.budget.try_charge(Class::Transient), self.exact.take(1, now)),
            2 => assert_eq!(self.budget.try_acquire_multiple(n), self.exact.take(n.into(), now)),
            3 => {
                self.budget.return_tokens(n);
                self.exact.put(i128::from(n) * self.exact.token, now);
            }
            4 => {
                self.budget.succeeded();
                self.exact.put(self.deposit, now);
            }
            5 => self.lease(n),
            _ => self.pass_time(),
        }
    }

    fn lease(&mut self, n: u32) {
        let before = i128::from(self.now);
        let lease = self.budget.try_lease(n);
        assert_eq!(lease.is_some(), self.exact.take(n.into(), before));
        let Some(mut lease) = lease else { return };
        for _ in 0..self.random.below(3) {
            let is_left = lease.remaining() > 0;
            assert_eq!(lease.spend(), is_left);
        }
        let left = i128::from(lease.remaining());
        drop(lease);
        if left > 0 {
            self.exact.put(left * self.exact.token, before);
        }
    }

    /// Mostly forward by parts of tokens, at times far, at times back.
    fn pass_time(&mut self) {
        let token = u64::try_from(self.exact.token).unwrap();
        self.now = match self.random.below(8) {
            0 => self.now.saturating_sub(self.random.below(3 * token)),
            1 => self.now + self.random.below(50 * token),
            _ => self.now + self.random.below(2 * token),
        };
        self.clock.set(Instant::from_origin(Duration::from_nanos(self.now)));
    }
}

#[test]
fn a_bucket_is_what_an_exact_one_is() {
    let random = SeededRandom::new(seed());
    for case in 0..CASES {
        let mut pair = Pair::new(random.split(case));
        for step in 0..OPERATIONS {
            pair.step();
            let expected = pair.exact.available(i128::from(pair.now));
            assert_eq!(i128::from(pair.budget.available()), expected, "case {case}, step {step}: {:?}", pair.budget);
        }
    }
}
