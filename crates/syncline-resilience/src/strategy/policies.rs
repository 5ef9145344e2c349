//! Strategies by intent.

use std::{
    num::NonZeroU32,
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::{Plan, RetryStrategy};
use crate::{Backoff, RetryBudget, backoff::Jitter, retry::DEFAULT_JITTER_FACTOR, time::SystemClock};

/// Retries that each budget of a policy can save: enough for one operation of the policy with the most attempts.
const SAVED_RETRIES: u32 = 10;
/// The part of a retry that each success earns: retries add at most a tenth to the load.
const EARNED_PER_SUCCESS: f64 = 0.1;
/// Time without a failure after which the savings are full again.
const QUIET: Duration = Duration::from_secs(10);

/// Strategies for common intents.
///
/// Each carries a budget that all strategies of the same policy share in this process: up to 10 retries are saved, a tenth
/// of one is earned by each success, and the savings are full again after 10 seconds without a failure. One operation in an
/// idle process therefore always has all its attempts, while in an outage retries stay a small part of the load.
/// [`without_budget`](RetryStrategy::without_budget) and [`with_budget`](RetryStrategy::with_budget) change that.
///
/// | policy | attempts | delays |
/// |---|---|---|
/// | [`network_policy`](Self::network_policy) | 8 | 500 ms to 30 s |
/// | [`database_policy`](Self::database_policy) | 5 | 100 ms to 10 s |
/// | [`rate_limit_policy`](Self::rate_limit_policy) | 10 | 60 s |
/// | [`api_policy`](Self::api_policy) | 3 | 250 ms to 5 s |
/// | [`filesystem_policy`](Self::filesystem_policy) | 3 | 50 ms to 1 s |
/// | [`idempotent_policy`](Self::idempotent_policy) | 10 | 100 ms to 20 s |
/// | [`non_idempotent_policy`](Self::non_idempotent_policy) | 2 | 1 s to 5 s |
///
/// # Examples
///
/// ```
/// use syncline_resilience::RetryPolicies;
///
/// let strategy = RetryPolicies::database_policy();
/// assert_eq!(strategy.worst_case_duration(), Some(std::time::Duration::from_millis(1_500)));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicies;

impl RetryPolicies {
    /// Requests over a network: 8 attempts, 500 ms doubling to 30 s.
    pub fn network_policy() -> RetryStrategy {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(|| saved("network"));
        growing(8, 500, 30_000, &BUDGET)
    }

    /// Queries and transactions: 5 attempts, 100 ms doubling to 10 s.
    pub fn database_policy() -> RetryStrategy {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(|| saved("database"));
        growing(5, 100, 10_000, &BUDGET)
    }

    /// Servers that limit rates: 10 attempts, 60 s apart and later where the server says so; no jitter, which could only come
    /// too early. Up to 9 minutes in all.
    pub fn rate_limit_policy() -> RetryStrategy {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(|| saved("rate_limit"));
        planned(10, Backoff::constant(Duration::from_secs(60)), &BUDGET)
    }

    /// Calls of others' APIs, with a user who waits: 3 attempts, 250 ms doubling to 5 s.
    pub fn api_policy() -> RetryStrategy {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(|| saved("api"));
        growing(3, 250, 5_000, &BUDGET)
    }

    /// Files: 3 attempts, 50 ms doubling to 1 s.
    pub fn filesystem_policy() -> RetryStrategy {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(|| saved("filesystem"));
        growing(3, 50, 1_000, &BUDGET)
    }

    /// Operations that can happen twice: 10 attempts, 100 ms doubling to 20 s.
    pub fn idempotent_policy() -> RetryStrategy {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(|| saved("idempotent"));
        growing(10, 100, 20_000, &BUDGET)
    }

    /// Operations that must not happen twice: 2 attempts, 1 s doubling to 5 s, and the second only when the first never
    /// reached the other side ([`Class::NotSent`](crate::Class::NotSent)).
    pub fn non_idempotent_policy() -> RetryStrategy {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(|| saved("non_idempotent"));
        growing(2, 1_000, 5_000, &BUDGET).only_not_sent()
    }
}

/// Presets of the engine.
impl RetryStrategy {
    /// A first connection: 5 retries that sum to about 5 s, so that a wrong address is found soon. No budget: it happens once.
    pub fn startup() -> Self {
        unbudgeted(NonZeroU32::new(6), Backoff::exponential(Duration::from_millis(160), Duration::from_secs(10)))
    }

    /// A connection that must come back: retries without end, 1 s doubling to 60 s. No budget: one waits for one connection.
    pub fn daemon() -> Self {
        unbudgeted(None, Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60)))
    }

    /// One operation with somebody waiting: 3 retries that sum to about 1 s. Its budget is that of a policy: see
    /// [`RetryPolicies`].
    pub fn query() -> Self {
        static BUDGET: LazyLock<Arc<RetryBudget>> = LazyLock::new(|| saved("query"));
        growing(4, 143, 10_000, &BUDGET)
    }
}

fn growing(attempts: u32, base_ms: u64, max_ms: u64, budget: &Arc<RetryBudget>) -> RetryStrategy {
    let backoff = Backoff::exponential(Duration::from_millis(base_ms), Duration::from_millis(max_ms));
    planned(attempts, backoff.with_jitter(Jitter::Factor(DEFAULT_JITTER_FACTOR)), budget)
}

fn planned(attempts: u32, backoff: Backoff, budget: &Arc<RetryBudget>) -> RetryStrategy {
    let plan = Plan { max_attempts: NonZeroU32::new(attempts), backoff, ..Plan::default() };
    RetryStrategy { plan, ..RetryStrategy::new() }.with_budget(Arc::clone(budget))
}

fn unbudgeted(max_attempts: Option<NonZeroU32>, backoff: Backoff) -> RetryStrategy {
    let backoff = backoff.with_jitter(Jitter::Factor(DEFAULT_JITTER_FACTOR));
    RetryStrategy { plan: Plan { max_attempts, backoff, ..Plan::default() }, ..RetryStrategy::new() }
}

fn saved(policy: &'static str) -> Arc<RetryBudget<SystemClock>> {
    Arc::new(RetryBudget::saved(SAVED_RETRIES, EARNED_PER_SUCCESS, QUIET).with_name(policy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;

    /// What went wrong: no test would have seen that a policy had no budget, that of another one, or one for each call.
    #[test]
    fn each_policy_has_savings_that_all_of_its_name_share() {
        let policies = [
            (RetryPolicies::network_policy as fn() -> RetryStrategy, "network"),
            (RetryPolicies::database_policy, "database"),
            (RetryPolicies::rate_limit_policy, "rate_limit"),
            (RetryPolicies::api_policy, "api"),
            (RetryPolicies::filesystem_policy, "filesystem"),
            (RetryPolicies::idempotent_policy, "idempotent"),
            (RetryPolicies::non_idempotent_policy, "non_idempotent"),
            (RetryStrategy::query, "query"),
        ];
        for (policy, name) in policies {
            let [one, other] = [(); 2].map(|()| policy().budget.unwrap());
            assert!(Arc::ptr_eq(&one, &other), "{name}");
            assert_eq!((one.name(), one.capacity(), one.refill_rate()), (Some(name), SAVED_RETRIES, 0.0));
        }
        assert!(RetryStrategy::startup().budget.is_none() && RetryStrategy::daemon().budget.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn savings_of_a_policy_are_ten_retries_a_tenth_of_the_successes_and_a_quiet_time() {
        let budget = saved("test");
        let retries = || (0..100).filter(|_| budget.try_charge(Class::Transient)).count();
        assert_eq!(retries(), 10);
        (0..29).for_each(|_| budget.succeeded());
        assert_eq!(retries(), 2);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(budget.available(), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(retries(), 10);
    }
}
