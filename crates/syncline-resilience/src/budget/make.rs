//! How budgets are made.

use std::{borrow::Cow, convert::Infallible, time::Duration};

use super::{
    RetryBudget,
    bucket::Bucket,
    kind::Kind,
    ratio,
    savings::Savings,
    throttle::Throttle,
    word::{Alone, Word},
};
use crate::{
    Class, RetryError,
    retry::BUDGET_REFILL_INTERVAL,
    time::{Clock, SystemClock},
};

/// On the machine's clock.
impl RetryBudget {
    /// A bucket of `capacity` tokens that gains `per_second` tokens all the time, until it is full. A rate of 0.0 gains none:
    /// tokens are then only returned and deposited.
    ///
    /// What cannot be is mended, without a word: a rate that is negative or no number counts as 0.0, and so does one that would
    /// take more than 146 years to fill the bucket; a rate above one token per nanosecond counts as that.
    /// [`try_new`](Self::try_new) refuses all of these.
    pub fn new(capacity: u32, per_second: f64) -> Self {
        Self::with_clock(capacity, per_second, SystemClock)
    }

    /// [`new`](Self::new) for numbers that come from outside.
    ///
    /// # Errors
    ///
    /// [`RetryError::InvalidConfiguration`] for a capacity of 0; for a rate that is negative, infinite, no number or above one
    /// token per nanosecond; and for one that is above 0 and would take more than 146 years to fill the bucket.
    pub fn try_new(capacity: u32, per_second: f64) -> Result<Self, RetryError<Infallible>> {
        Self::try_new_with_clock(capacity, per_second, SystemClock)
    }

    /// Savings: up to `retries` tokens are saved, each success earns `earned_per_success` of one, and all are there again after
    /// a time `quiet` without a failure. Time brings nothing else, so that an outage is not fed by waiting.
    ///
    /// `0.1` lets retries add at most a tenth to the successes. It counts in thousandths; what is negative or no number is 0.0.
    /// At most 16,777 retries are saved. A failure is whatever asked for a token, granted or refused. `quiet` counts in whole
    /// milliseconds, at least one; where the last failure was refused, it may seem up to a 64th of `quiet` older than it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use syncline_resilience::{Class, MockClock, RetryBudget};
    ///
    /// let clock = MockClock::new();
    /// let budget = RetryBudget::saved_with_clock(2, 0.5, Duration::from_secs(10), clock.clone());
    /// let retry = || budget.try_charge(Class::Transient);
    ///
    /// assert_eq!((retry(), retry(), retry()), (true, true, false));
    /// budget.succeeded();
    /// assert!(!retry());
    /// budget.succeeded();
    /// assert!(retry()); // two successes earn one retry
    /// clock.advance(Duration::from_secs(10));
    /// assert_eq!(budget.available(), 2); // it was quiet
    /// ```
    pub fn saved(retries: u32, earned_per_success: f64, quiet: Duration) -> Self {
        Self::saved_with_clock(retries, earned_per_success, quiet, SystemClock)
    }

    /// The budget of Finagle: `min_per_sec` tokens come back each second, so that a quiet client may retry too, and each
    /// success earns `earned_per_success` of one. It holds what comes back in the time `ttl`, and at least one.
    ///
    /// Finagle's own numbers are 10 seconds, 10 and 0.2. It deposits for each request; here a success does, so that an outage
    /// earns nothing. It also saves whatever was earned in the last `ttl`, however much; here the capacity bounds it.
    pub fn tps(ttl: Duration, min_per_sec: u32, earned_per_success: f64) -> Self {
        Self::tps_with_clock(ttl, min_per_sec, earned_per_success, SystemClock)
    }

    /// The throttle of gRPC (proposal A6): each failure takes a token whether or not it is retried, each success earns
    /// `earned_per_success` of one, and a retry is made while more than half of `max_tokens` are left.
    ///
    /// As there, digits of the ratio after its thousandths are cut off; what is negative or no number is 0.0.
    /// [`capacity`](Self::capacity) and [`available`](Self::available) count retries, not gRPC's tokens: 10 of those allow 4
    /// retries in a row. [`try_charge`](Self::try_charge) is a failure; [`try_acquire`](Self::try_acquire) and
    /// [leases](Self::try_lease) take nothing when they refuse.
    ///
    /// # Examples
    ///
    /// ```
    /// use syncline_resilience::{Class, RetryBudget};
    ///
    /// let budget = RetryBudget::grpc(4, 0.5);
    /// assert!(budget.try_charge(Class::Transient)); // 3 of 4 left
    /// assert!(!budget.try_charge(Class::Transient)); // 2 of 4 left: no more than half
    /// budget.succeeded(); // 2.5
    /// budget.succeeded(); // 3
    /// budget.succeeded(); // 3.5
    /// assert!(budget.try_charge(Class::Transient)); // 2.5 of 4 left
    /// ```
    pub fn grpc(max_tokens: u32, earned_per_success: f64) -> Self {
        Self::grpc_with_clock(max_tokens, earned_per_success, SystemClock)
    }

    /// A budget that pays for every retry. Backoff alone then bounds the load.
    pub fn unlimited() -> Self {
        Self::unlimited_with_clock(SystemClock)
    }

    /// A budget that pays for no retry.
    pub fn none() -> Self {
        Self::none_with_clock(SystemClock)
    }
}

/// On a clock of one's own.
impl<C: Clock> RetryBudget<C> {
    /// [`new`](RetryBudget::new) on `clock`.
    pub fn with_clock(capacity: u32, per_second: f64, clock: C) -> Self {
        Self::of(Kind::Bucket(Bucket::new(capacity, per_second, BUDGET_REFILL_INTERVAL)), 0, clock)
    }

    /// [`try_new`](RetryBudget::try_new) on `clock`.
    ///
    /// # Errors
    ///
    /// As [`try_new`](RetryBudget::try_new).
    pub fn try_new_with_clock(capacity: u32, per_second: f64, clock: C) -> Result<Self, RetryError<Infallible>> {
        Bucket::check(capacity, per_second)?;
        Ok(Self::with_clock(capacity, per_second, clock))
    }

    /// [`saved`](RetryBudget::saved) on `clock`.
    pub fn saved_with_clock(retries: u32, earned_per_success: f64, quiet: Duration, clock: C) -> Self {
        Self::of(Kind::Savings(Savings::new(retries, quiet)), ratio::nearest(earned_per_success), clock)
    }

    /// [`tps`](RetryBudget::tps) on `clock`.
    pub fn tps_with_clock(ttl: Duration, min_per_sec: u32, earned_per_success: f64, clock: C) -> Self {
        let in_ttl = (ttl.as_nanos() * u128::from(min_per_sec)).div_ceil(1_000_000_000);
        let capacity = u32::try_from(in_ttl).unwrap_or(u32::MAX).max(1);
        Self::with_clock(capacity, f64::from(min_per_sec), clock).with_deposit_ratio(earned_per_success)
    }

    /// [`grpc`](RetryBudget::grpc) on `clock`, which it does not read again.
    pub fn grpc_with_clock(max_tokens: u32, earned_per_success: f64, clock: C) -> Self {
        Self::of(Kind::Throttle(Throttle { max_tokens }), ratio::cut_off(earned_per_success), clock)
    }

    /// [`unlimited`](RetryBudget::unlimited) with the type of `clock`, which it does not read again.
    pub fn unlimited_with_clock(clock: C) -> Self {
        Self::of(Kind::Unlimited, 0, clock)
    }

    /// [`none`](RetryBudget::none) with the type of `clock`, which it does not read again.
    pub fn none_with_clock(clock: C) -> Self {
        Self::with_clock(0, 0.0, clock)
    }

    /// What each success earns, as a part of a token: `0.1` lets retries add a tenth to the successes. Default 0.0, but for the
    /// kinds that are made with one.
    ///
    /// It counts in thousandths, and is exact to them for rates up to a million tokens per second; above, a deposit is rounded
    /// to whole nanoseconds of refill. What is negative or no number is 0.0.
    #[must_use = "setters return the budget"]
    pub fn with_deposit_ratio(mut self, earned_per_success: f64) -> Self {
        self.earned = ratio::nearest(earned_per_success);
        self.deposit = self.kind.units(self.earned);
        self
    }

    /// The time in which the bucket gains as many tokens as its rate says, and fills it. Default [`BUDGET_REFILL_INTERVAL`].
    /// Tokens still come back all the time: 6 per minute is one every 10 seconds. A rate that this makes too small or too large
    /// is mended as in [`new`](RetryBudget::new). Without effect on budgets that have no rate.
    #[must_use = "setters return the budget"]
    pub fn with_refill_interval(mut self, interval: Duration) -> Self {
        if let Kind::Bucket(bucket) = self.kind {
            self.kind = Kind::Bucket(bucket.with_interval(interval));
            // A token has become another length of time: so has a part of one, and so would what is owed.
            self.deposit = self.kind.units(self.earned);
            self.word = Alone(Word::new(0));
        }
        self
    }

    /// What a retry after a failure of `class` costs, in tokens. Default 1. A wait that is part of the class does not matter
    /// here. A cost of 0 makes such retries free; one above the capacity forbids them.
    ///
    /// # Examples
    ///
    /// As the SDKs of AWS: a retry costs 5 of 500.
    ///
    /// ```
    /// use syncline_resilience::{Class, RetryBudget};
    ///
    /// let budget = RetryBudget::new(500, 0.0)
    ///     .with_cost(Class::Transient, 5)
    ///     .with_cost(Class::Throttled { retry_after: None }, 10);
    /// assert!(budget.try_charge(Class::Transient));
    /// assert!(budget.try_charge(Class::Throttled { retry_after: None }));
    /// assert_eq!(budget.available(), 485);
    /// ```
    #[must_use = "setters return the budget"]
    pub fn with_cost(mut self, class: Class, tokens: u32) -> Self {
        self.costs.set(class, tokens);
        self
    }

    /// Its name, for metrics. One without a name is not exported.
    #[must_use = "setters return the budget"]
    pub fn with_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }
}
