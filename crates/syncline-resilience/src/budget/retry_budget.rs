//! The budget that threads share.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    cost::Costs,
    kind::Kind,
    word::{Alone, Step, Word},
};
use crate::{
    Class,
    time::{Clock, Instant, SystemClock},
};

/// Tokens that pay for retries, shared by all who retry against the same thing. A token is one retry; first attempts are free.
///
/// | made by | tokens come back | so that retries are at most |
/// |---|---|---|
/// | [`new`](Self::new) | with time | a rate |
/// | [`new`](Self::new), [`with_deposit_ratio`](Self::with_deposit_ratio) | with time and successes | a rate and a part of the traffic |
/// | [`tps`](Self::tps) | the same, in the words of Finagle | the same |
/// | [`saved`](Self::saved) | with successes, and all after a quiet time | a part of the traffic |
/// | [`grpc`](Self::grpc) | with successes, and failures take them | what keeps it more than half full |
/// | [`unlimited`](Self::unlimited), [`none`](Self::none) | | all; none |
///
/// Each begins full. Share it in an [`Arc`](std::sync::Arc). All that changes is one atomic word: no operation blocks or
/// allocates. A success writes nothing while nothing is owed, and reads no clock; nor does a bucket write when it refuses.
/// Savings remember a refusal at most 64 times in a quiet time, and a throttle counts it until it is empty.
///
/// A strategy [uses it](crate::RetryStrategy::with_budget) by itself: it charges a retry when the attempt before it has failed,
/// before it sleeps, so that retries that still wait count too, and it tells the budget of each success.
///
/// # Examples
///
/// A hundred tokens, ten per second, second by second. They come back all the time, not once a second:
///
/// ```
/// use std::time::Duration;
/// use syncline_resilience::{MockClock, RetryBudget};
///
/// let clock = MockClock::new();
/// let budget = RetryBudget::with_clock(100, 10.0, clock.clone());
/// let a_second_later = || clock.advance(Duration::from_secs(1));
///
/// assert_eq!(budget.available(), 100); // 0 s: full
/// a_second_later();
/// assert!(budget.try_acquire_multiple(5));
/// assert_eq!(budget.available(), 95); // 1 s: 5 taken
/// a_second_later();
/// assert_eq!(budget.available(), 100); // 2 s: 10 came back, 5 of them found room
/// a_second_later();
/// assert!(budget.try_acquire_multiple(20));
/// assert_eq!(budget.available(), 80); // 3 s: 20 taken
/// a_second_later();
/// assert_eq!(budget.available(), 90); // 4 s: 10 came back
/// a_second_later();
/// assert!(budget.try_acquire_multiple(100));
/// assert_eq!(budget.available(), 0); // 5 s: 10 came back and made 100, all taken
/// a_second_later();
/// assert!(budget.try_acquire());
/// assert_eq!(budget.available(), 9); // 6 s: 10 came back, so that 1 can be taken
/// a_second_later();
/// assert_eq!(budget.available(), 19); // 7 s: 10 came back
/// a_second_later();
/// assert!(budget.try_acquire_multiple(5));
/// assert_eq!(budget.available(), 24); // 8 s: 10 came back, 5 taken
/// ```
#[derive(Debug)]
pub struct RetryBudget<C: Clock = SystemClock> {
    pub(super) word: Alone<Word>,
    /// Refusals. Apart from the word, so that counting one disturbs no grant.
    denied: Alone<AtomicU64>,
    pub(super) kind: Kind,
    /// What a success earns, in thousandths of a token; and the same in units of the kind.
    pub(super) earned: u64,
    pub(super) deposit: u64,
    pub(super) costs: Costs,
    pub(super) name: Option<Cow<'static, str>>,
    clock: C,
    made: Instant,
}

impl<C: Clock> RetryBudget<C> {
    /// A full budget that each success credits with `earned` thousandths of a token.
    pub(super) fn of(kind: Kind, earned: u64, clock: C) -> Self {
        Self {
            word: Alone(Word::new(0)),
            denied: Alone(AtomicU64::new(0)),
            kind,
            earned,
            deposit: kind.units(earned),
            costs: Costs::default(),
            name: None,
            made: clock.now(),
            clock,
        }
    }

    /// Pays for one retry after a failure of `class`; `false` means that there must be none, and the caller reports its error.
    ///
    /// A class costs 1 token, unless [`with_cost`](Self::with_cost) says otherwise. [`Class::Permanent`] is always refused: no
    /// retry cures it.
    #[must_use = "a retry was paid for; `false` means do not retry"]
    #[inline]
    pub fn try_charge(&self, class: Class) -> bool {
        let Some(tokens) = self.costs.of(class) else { return false };
        self.pay(tokens, |word, now| self.kind.charge(word, tokens, now))
    }

    /// Notes a failure of `class` that no retry follows, for want of attempts or of time. It costs no token, but a
    /// [throttle](Self::grpc) counts it and the quiet time of [savings](Self::saved) begins anew.
    pub fn failed(&self, class: Class) {
        let Some(tokens) = self.costs.of(class) else { return };
        let now = self.now();
        self.word
            .0
            .update(|word| Step { write: self.kind.note_failure(word, tokens, now), is_granted: true });
    }

    /// Credits the success of an attempt, first or not.
    #[inline]
    pub fn succeeded(&self) {
        self.credit(self.deposit);
    }

    /// Takes one token; `false` when there is none.
    #[must_use = "a token was taken; `false` means do not retry"]
    #[inline]
    pub fn try_acquire(&self) -> bool {
        self.try_acquire_multiple(1)
    }

    /// Takes `n` tokens, all or none. Zero are always there; more than the [capacity](Self::capacity) never are.
    ///
    /// Tokens that may turn out not to be needed are better held as a [lease](Self::try_lease).
    #[must_use = "tokens were taken; `false` means do not retry"]
    #[inline]
    pub fn try_acquire_multiple(&self, n: u32) -> bool {
        self.pay(n, |word, now| self.kind.take(word, n, now))
    }

    /// Gives back `n` tokens that were taken and not used, as many as there is room for.
    pub fn return_tokens(&self, n: u32) {
        self.credit(self.kind.tokens(n));
    }

    /// Whole tokens that could be taken now; [`u32::MAX`] when it is unlimited.
    pub fn available(&self) -> u32 {
        let now = self.now();
        self.kind.available(self.word.0.load(), now)
    }

    /// Whole tokens when it is full; [`u32::MAX`] when it is unlimited.
    pub fn capacity(&self) -> u32 {
        self.kind.capacity()
    }

    /// Tokens per second that time alone brings back, after rounding to whole nanoseconds per token: 0.0 where it brings none
    /// one by one.
    pub fn refill_rate(&self) -> f64 {
        match &self.kind {
            Kind::Bucket(bucket) => bucket.tokens_per_sec(),
            Kind::Savings(_) | Kind::Throttle(_) | Kind::Unlimited => 0.0,
        }
    }

    /// Its name, under which it is exported as metrics.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Retries, acquisitions and leases that were refused since it was made. A budget that never refuses and one that never
    /// refills look alike from outside but for this number.
    pub fn denied_total(&self) -> u64 {
        self.denied.0.load(Ordering::Relaxed)
    }

    #[inline]
    fn pay(&self, tokens: u32, step: impl Fn(u64, u64) -> Step) -> bool {
        if tokens == 0 {
            return true;
        }
        let now = self.now();
        let is_paid = self.word.0.update(|word| step(word, now));
        if !is_paid {
            self.denied.0.fetch_add(1, Ordering::Relaxed);
        }
        is_paid
    }

    #[inline]
    fn credit(&self, units: u64) {
        // One load, no clock and no write while nothing is owed: the way of nearly every success.
        if units == 0 || !self.kind.may_owe(self.word.0.load()) {
            return;
        }
        let now = self.now();
        self.word
            .0
            .update(|word| Step { write: self.kind.credit(word, units, now), is_granted: true });
    }

    #[inline]
    fn now(&self) -> u64 {
        self.kind.time(|| self.clock.now().saturating_since(self.made))
    }
}
