//! The other kinds beside slow, obvious models, through the same random operations.

use std::time::Duration;

use syncline_testkit::{SeededRandom, seed};

use crate::{
    Class, RetryBudget,
    time::{Instant, MockClock},
};

const CASES: u64 = 2_000;
const OPERATIONS: usize = 200;

/// What every kind can be asked. Ratios are in thousandths.
trait Model {
    fn charge(&mut self) -> bool;
    fn take(&mut self, tokens: u32) -> bool;
    fn put_back(&mut self, tokens: u32);
    fn succeed(&mut self);
    fn available(&self) -> u32;
    /// The time is `now`, in milliseconds.
    fn set(&mut self, now: u64);
}

/// Does the same at random to a budget and its model; time steps back as well where `steps_back`.
fn compare(
    random: &SeededRandom,
    budget: &RetryBudget<MockClock>,
    model: &mut dyn Model,
    clock: &MockClock,
    steps_back: bool,
) {
    let mut now = 0;
    for step in 0..OPERATIONS {
        let n = u32::try_from(random.below(4)).unwrap();
        match random.below(8) {
            0 | 1 => assert_eq!(budget.try_charge(Class::Transient), model.charge(), "step {step}: {budget:?}"),
            2 => assert_eq!(budget.try_acquire_multiple(n), n == 0 || model.take(n), "step {step}: {budget:?}"),
            3 => {
                budget.return_tokens(n);
                model.put_back(n);
            }
            4 | 5 => {
                budget.succeeded();
                model.succeed();
            }
            6 if steps_back && random.once_in(4) => now -= random.below(100).min(now),
            _ => now += random.below(100),
        }
        clock.set(Instant::from_origin(Duration::from_millis(now)));
        model.set(now);
        assert_eq!(budget.available(), model.available(), "step {step}: {budget:?}");
    }
}

/// Savings, said plainly. Time steps of the quiet time are a millisecond while it is shorter than 128.
struct Saved {
    saved_max: u64,
    saved: u64,
    earned: u64,
    quiet: u64,
    last_failure: u64,
    now: u64,
}

impl Saved {
    fn is_quiet(&self) -> bool {
        self.now >= self.last_failure + self.quiet
    }
}

impl Model for Saved {
    fn charge(&mut self) -> bool {
        self.take(1)
    }

    fn take(&mut self, tokens: u32) -> bool {
        let cost = u64::from(tokens) * 1_000;
        if cost > self.saved_max {
            return false;
        }
        if self.is_quiet() {
            self.saved = self.saved_max;
        }
        self.last_failure = self.last_failure.max(self.now);
        let is_granted = self.saved >= cost;
        self.saved -= if is_granted { cost } else { 0 };
        is_granted
    }

    fn put_back(&mut self, tokens: u32) {
        self.saved = (self.saved + u64::from(tokens) * 1_000).min(self.saved_max);
    }

    fn succeed(&mut self) {
        self.saved = (self.saved + self.earned).min(self.saved_max);
    }

    fn available(&self) -> u32 {
        let saved = if self.is_quiet() { self.saved_max } else { self.saved };
        u32::try_from(saved / 1_000).unwrap()
    }

    fn set(&mut self, now: u64) {
        self.now = now;
    }
}

#[test]
fn savings_are_what_they_are_said_to_be() {
    let random = SeededRandom::new(seed());
    for case in 0..CASES {
        let random = random.split(case);
        let (retries, earned, quiet) = (random.below(12), random.below(1_500), 1 + random.below(127));
        let clock = MockClock::new();
        let budget = RetryBudget::saved_with_clock(
            u32::try_from(retries).unwrap(),
            earned as f64 / 1_000.0,
            Duration::from_millis(quiet),
            clock.clone(),
        );
        let saved_max = retries * 1_000;
        let mut model = Saved { saved_max, saved: saved_max, earned, quiet, last_failure: 0, now: 0 };
        compare(&random, &budget, &mut model, &clock, true);
    }
}

/// gRPC proposal A6, sentence by sentence.
struct Grpc {
    max_tokens: u64,
    token_count: u64,
    token_ratio: u64,
}

impl Grpc {
    fn is_above_half(&self) -> bool {
        self.token_count > self.max_tokens / 2
    }
}

impl Model for Grpc {
    fn charge(&mut self) -> bool {
        self.token_count = self.token_count.saturating_sub(1_000);
        self.is_above_half()
    }

    fn take(&mut self, tokens: u32) -> bool {
        let before = self.token_count;
        self.token_count = before.saturating_sub(u64::from(tokens) * 1_000);
        let is_granted = self.is_above_half();
        self.token_count = if is_granted { self.token_count } else { before };
        is_granted
    }

    fn put_back(&mut self, tokens: u32) {
        self.token_count = (self.token_count + u64::from(tokens) * 1_000).min(self.max_tokens);
    }

    fn succeed(&mut self) {
        self.token_count = (self.token_count + self.token_ratio).min(self.max_tokens);
    }

    fn available(&self) -> u32 {
        let mut probe = Self { ..*self };
        (0..).take_while(|_| probe.charge()).count().try_into().unwrap()
    }

    fn set(&mut self, _now: u64) {}
}

#[test]
fn a_throttle_is_what_grpc_says_it_is() {
    let random = SeededRandom::new(seed());
    for case in 0..CASES {
        let random = random.split(case);
        let (max_tokens, token_ratio) = (random.below(30), random.below(1_500));
        let clock = MockClock::new();
        let ratio = token_ratio as f64 / 1_000.0;
        let budget = RetryBudget::grpc_with_clock(u32::try_from(max_tokens).unwrap(), ratio, clock.clone());
        let max_tokens = max_tokens * 1_000;
        let mut model = Grpc { max_tokens, token_count: max_tokens, token_ratio };
        compare(&random, &budget, &mut model, &clock, true);
    }
}

/// A floor and a part of the traffic, in millionths of a token, millisecond by millisecond.
struct Tps {
    capacity: u64,
    balance: u64,
    per_ms: u64,
    earned: u64,
    now: u64,
}

impl Tps {
    fn add(&mut self, millionths: u64) {
        self.balance = (self.balance + millionths).min(self.capacity);
    }
}

impl Model for Tps {
    fn charge(&mut self) -> bool {
        self.take(1)
    }

    fn take(&mut self, tokens: u32) -> bool {
        let left = self.balance.checked_sub(u64::from(tokens) * 1_000_000);
        self.balance = left.unwrap_or(self.balance);
        left.is_some()
    }

    fn put_back(&mut self, tokens: u32) {
        self.add(u64::from(tokens) * 1_000_000);
    }

    fn succeed(&mut self) {
        self.add(self.earned);
    }

    fn available(&self) -> u32 {
        u32::try_from(self.balance / 1_000_000).unwrap()
    }

    fn set(&mut self, now: u64) {
        (self.now..now).for_each(|_| self.add(self.per_ms));
        self.now = now;
    }
}

#[test]
fn a_floor_and_a_part_of_the_traffic_add_up() {
    let random = SeededRandom::new(seed());
    let per_sec = [0, 1, 2, 4, 5, 10, 20, 50, 100];
    for case in 0..CASES {
        let random = random.split(case);
        let (min_per_sec, ttl, earned) =
            (per_sec[random.index(per_sec.len())], 1 + random.below(20), random.below(1_500));
        let clock = MockClock::new();
        let budget =
            RetryBudget::tps_with_clock(Duration::from_secs(ttl), min_per_sec, earned as f64 / 1_000.0, clock.clone());
        let per_sec = u64::from(min_per_sec);
        let capacity = (per_sec * ttl).max(1) * 1_000_000;
        let mut model = Tps {
            capacity,
            balance: capacity,
            per_ms: per_sec * 1_000,
            earned: earned * 1_000,
            now: 0,
        };
        compare(&random, &budget, &mut model, &clock, false);
    }
}
