//! Counters, gauges and histograms in a [`prometheus::Registry`].
//!
//! | metric | labels | says |
//! |---|---|---|
//! | `retry_attempts_total` | `operation` | attempts, first ones among them |
//! | `retry_retries_total` | `operation` | retries that were decided on |
//! | `retry_successes_total` | `operation` | operations that succeeded |
//! | `retry_failures_total` | `operation`, `reason` | operations that did not |
//! | `retry_delay_seconds` | `operation` | delays before retries, as a histogram |
//! | `circuit_breaker_state` | `name` | 0 closed, 1 open, 2 half-open |
//! | `circuit_breaker_transitions_total` | `name` | changes of state, those between two scrapes too |
//! | `circuit_breaker_rejected_total` | `name` | requests that it refused |
//! | `circuit_breaker_stale_results_total` | `name` | results that came too late to count |
//! | `retry_budget_available_tokens` | `name` | retries that it would pay for now |
//! | `retry_budget_capacity_tokens` | `name` | tokens when it is full |
//! | `retry_budget_denied_total` | `name` | retries that it did not pay for |
//!
//! A `reason` is `exhausted`, `timeout`, `permanent`, `breaker_open`, `budget_exhausted`, `retry_after` (the server asked for too
//! long a wait), `nested` (an operation around it retries), `stopped` (the caller asked for an end), `invalid`, `cancelled` (its
//! future was dropped) or `panicked`.
//!
//! **Operations** are counted from the first [`init_metrics_exporter`] of the process on, under the name that
//! [`execute_with_metrics`](crate::RetryStrategy::execute_with_metrics) gives them, or `unnamed`. 256 names of up to 128 bytes
//! have series of their own, the rest is `other`: use few names, such as those of routes, and no identifiers.
//!
//! **Breakers and budgets** are exported when they have a name and [`watch_breaker`], [`watch_budget`] or [`watch_strategy`] was
//! told of them; those of the [policies](crate::RetryPolicies) always are. They are read when the registry is scraped, so that
//! being exported costs their users nothing, and are not kept alive. Those that share a name are one series: of states the worst
//! is shown, all other numbers are added. When one is gone its totals stay, as they were at the last scrape, so that no counter
//! of its name runs backwards.
//!
//! Counters and states are of the process: each registry that was initialised shows the same.

mod collector;
mod families;
mod list;
mod subjects;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{Error, Registry};

use crate::{CircuitBreaker, RetryBudget, RetryPolicies, RetryStrategy, observe::counts, time::Clock};

/// Adds all metrics of this crate to `registry`. To do it again changes nothing; several registries may each have them.
///
/// # Errors
///
/// [`Error::AlreadyReg`] or [`Error::Msg`] when somebody else has registered a metric of one of these names.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use prometheus::{Registry, TextEncoder};
/// use syncline_resilience::{CircuitBreaker, RetryStrategy, retry::metrics_export};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = Registry::new();
/// metrics_export::init_metrics_exporter(&registry)?;
/// let breaker = Arc::new(CircuitBreaker::new().with_name("mail"));
/// let strategy = RetryStrategy::new().with_circuit_breaker(breaker);
/// metrics_export::watch_strategy(&strategy);
///
/// let (sent, _) = strategy.execute_sync_with_metrics("send", || Ok::<_, std::io::Error>(()));
/// sent?;
/// let text = TextEncoder::new().encode_to_string(&registry.gather())?;
/// assert!(text.contains(r#"retry_attempts_total{operation="send"} 1"#));
/// assert!(text.contains(r#"circuit_breaker_state{name="mail"} 0"#));
/// # Ok(())
/// # }
/// ```
pub fn init_metrics_exporter(registry: &Registry) -> Result<(), Error> {
    /// So that of two who come at once, the second finds all in place.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mark = collector::Mark::new()?;
    match registry.register(Box::new(mark.clone())) {
        Err(Error::AlreadyReg) => return Ok(()),
        marked => marked?,
    }
    let registered = counts::start()
        .and_then(|()| collector::Exporter::new())
        .and_then(|exporter| registry.register(Box::new(exporter)));
    if let Err(error) = registered {
        registry.unregister(Box::new(mark))?;
        return Err(error);
    }
    watch_policies();
    Ok(())
}

/// Exports `breaker` under its name, while somebody holds it. To do it again changes nothing. Returns whether it is exported:
/// not without a name, and not where 4,096 are already.
pub fn watch_breaker<C: Clock + 'static>(breaker: &Arc<CircuitBreaker<C>>) -> bool {
    breaker.name().is_some_and(|name| subjects::breakers().watch(name, breaker.clone()))
}

/// Exports `budget` under its name, while somebody holds it. To do it again changes nothing. Returns whether it is exported:
/// not without a name, and not where 4,096 are already.
pub fn watch_budget<C: Clock + 'static>(budget: &Arc<RetryBudget<C>>) -> bool {
    budget.name().is_some_and(|name| subjects::budgets().watch(name, budget.clone()))
}

/// [`watch_breaker`] and [`watch_budget`] for those that `strategy` has.
pub fn watch_strategy<C: Clock + 'static, K>(strategy: &RetryStrategy<C, K>) {
    if let Some(breaker) = &strategy.breaker {
        watch_breaker(breaker);
    }
    if let Some(budget) = &strategy.budget {
        watch_budget(budget);
    }
}

/// The budgets of the policies live as long as the process.
fn watch_policies() {
    let policies = [
        RetryPolicies::network_policy(),
        RetryPolicies::database_policy(),
        RetryPolicies::rate_limit_policy(),
        RetryPolicies::api_policy(),
        RetryPolicies::filesystem_policy(),
        RetryPolicies::idempotent_policy(),
        RetryPolicies::non_idempotent_policy(),
        RetryStrategy::query(),
    ];
    policies.iter().for_each(watch_strategy);
}
