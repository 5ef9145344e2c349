//! A fleet of processes that call one server, which is down for a while: in virtual time, through the guards, budgets and
//! delays that real calls go through.
//!
//! Every process has its own budget, as a process has. Answers come at once: a server that fails fast is retried soonest.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use syncline_resilience::{
    ByType, MockClock, RetryBudget, RetryStrategy,
    guard::{Answer, Guard, Next},
    time::Instant,
};

/// Processes of the fleet.
pub(crate) const PROCESSES: u32 = 1_000;
/// Requests that the users of each process make in a second.
pub(crate) const REQUESTS_PER_SEC: u32 = 10;
/// Requests that the users of all make in a second: the load without any retry.
pub(crate) const OFFERED: u32 = PROCESSES * REQUESTS_PER_SEC;
/// Seconds in which the server fails every attempt.
pub(crate) const OUTAGE: Range<usize> = 10..40;
/// Seconds in all: enough for the last retry of the slowest policy.
pub(crate) const SECONDS: usize = 105;
/// Of so many attempts the healthy server fails one. A prime, so that each process has its turn.
const HICCUP: u64 = 211;

/// The numbers of a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Attempts in all.
    pub(crate) attempts: u32,
    /// Delay before the first retry.
    pub(crate) base: Duration,
    /// Longest delay.
    pub(crate) max: Duration,
}

/// `RetryPolicies::api_policy`.
pub(crate) const API: Policy = Policy { attempts: 3, base: Duration::from_millis(250), max: Duration::from_secs(5) };
/// `RetryPolicies::network_policy`.
pub(crate) const NETWORK: Policy =
    Policy { attempts: 8, base: Duration::from_millis(500), max: Duration::from_secs(30) };

/// What the server saw in one second, and how it ended for users.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Second {
    /// First attempts: what was offered.
    pub(crate) first: u32,
    /// Attempts after the first.
    pub(crate) retries: u32,
    /// Requests that were given up.
    pub(crate) given_up: u32,
}

impl Second {
    /// Attempts of all kinds.
    pub(crate) fn load(&self) -> u32 {
        self.first + self.retries
    }
}

impl Policy {
    /// The strategy of one process, with the budget of a policy or with none.
    pub(crate) fn strategy(&self, clock: &MockClock, has_budget: bool, seed: u64) -> RetryStrategy<MockClock> {
        let strategy = RetryStrategy::with_clock(clock.clone())
            .with_max_attempts(self.attempts)
            .and_then(|strategy| strategy.with_base_delay(self.base))
            .and_then(|strategy| strategy.with_max_delay(self.max))
            .expect("a policy has attempts and delays")
            .with_seed(seed);
        if !has_budget {
            return strategy;
        }
        strategy.with_budget(Arc::new(RetryBudget::saved_with_clock(10, 0.1, Duration::from_secs(10), clock.clone())))
    }

    /// Lets a fleet with this policy live through the outage; returns what happened, second by second. A seed gives the same
    /// every time.
    pub(crate) fn simulate(&self, has_budget: bool, seed: u64) -> Vec<Second> {
        let clock = MockClock::new();
        let strategies: Vec<_> = (0..u64::from(PROCESSES))
            .map(|process| self.strategy(&clock, has_budget, seed.wrapping_add(process)))
            .collect();
        let mut fleet = Fleet {
            clock,
            sleeping: BTreeMap::new(),
            attempts: 0,
            seconds: vec![Second::default(); SECONDS],
        };
        // The processes take turns, so that their requests are spread evenly over each tenth of a second.
        let pause = Duration::from_secs(1) / OFFERED;
        let requests = u32::try_from(SECONDS).unwrap_or(0) * OFFERED;
        for (request, strategy) in (0..requests).zip(strategies.iter().cycle()) {
            let at = pause * request;
            fleet.wake_until(at);
            fleet.attempt(strategy.guard(), at);
        }
        fleet.seconds
    }
}

/// Requests under way, and what the server saw.
struct Fleet<'a> {
    clock: MockClock,
    /// Those that sleep before a retry, by when they wake and by a number that tells them apart.
    sleeping: BTreeMap<(Duration, u64), Guard<'a, MockClock, ByType, &'static str>>,
    attempts: u64,
    seconds: Vec<Second>,
}

impl<'a> Fleet<'a> {
    fn wake_until(&mut self, end: Duration) {
        while let Some(first) = self.sleeping.first_entry().filter(|first| first.key().0 <= end) {
            let ((at, _), guard) = first.remove_entry();
            self.attempt(guard, at);
        }
    }

    fn attempt(&mut self, mut guard: Guard<'a, MockClock, ByType, &'static str>, at: Duration) {
        self.clock.set(Instant::from_origin(at));
        let admitted = guard.admit().expect("there is neither breaker nor deadline");
        self.attempts += 1;
        let second = usize::try_from(at.as_secs()).unwrap_or(usize::MAX);
        let fails = OUTAGE.contains(&second) || self.attempts.is_multiple_of(HICCUP);
        let Some(seen) = self.seconds.get_mut(second) else { return };
        *(if admitted.number() == 1 { &mut seen.first } else { &mut seen.retries }) += 1;
        let answer = if fails { Answer::Err("down") } else { Answer::Ok(()) };
        match guard.settle(admitted, answer, &ByType) {
            Next::Done(()) => {}
            Next::Wait(delay) => drop(self.sleeping.insert((at + delay, self.attempts), guard)),
            Next::Stop(_) => seen.given_up += 1,
        }
    }
}
