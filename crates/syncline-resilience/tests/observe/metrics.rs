//! What a registry shows.

use std::{
    future::pending,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use prometheus::{IntCounter, Registry, TextEncoder};
use syncline_resilience::{
    CircuitBreaker, Class, MockClock, RetryBudget, RetryPolicies,
    retry::metrics_export::{init_metrics_exporter, watch_breaker, watch_budget, watch_strategy},
};

use crate::support::{drive, three_attempts};

fn registry() -> Registry {
    let registry = Registry::new();
    init_metrics_exporter(&registry).unwrap();
    registry
}

/// The value of the series that begins with `series`.
fn value(registry: &Registry, series: &str) -> Option<f64> {
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let line = text
        .lines()
        .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[track_caller]
fn check(registry: &Registry, expected: &[(&str, f64)]) {
    for (series, expected) in expected {
        assert_eq!(value(registry, series), Some(*expected), "{series}");
    }
}

#[test]
fn an_operation_counts_its_attempts_retries_delays_and_end() {
    let (registry, clock) = (registry(), MockClock::new());
    let strategy = three_attempts(&clock);
    drive(&clock, strategy.execute_with_metrics("down", || async { Err::<(), _>("down") }))
        .0
        .unwrap_err();
    drive(&clock, strategy.execute_with_metrics("down", || async { Ok::<_, String>(()) }))
        .0
        .unwrap();
    let expected = [
        (r#"retry_attempts_total{operation="down"}"#, 4.0),
        (r#"retry_retries_total{operation="down"}"#, 2.0),
        (r#"retry_successes_total{operation="down"}"#, 1.0),
        (r#"retry_failures_total{operation="down",reason="exhausted"}"#, 1.0),
        (r#"retry_delay_seconds_count{operation="down"}"#, 2.0),
        (r#"retry_delay_seconds_bucket{operation="down",le="0.1"}"#, 1.0),
        (r#"retry_delay_seconds_bucket{operation="down",le="0.25"}"#, 2.0),
    ];
    check(&registry, &expected);
    let sum = value(&registry, r#"retry_delay_seconds_sum{operation="down"}"#).unwrap();
    assert!((sum - 0.3).abs() < 1e-9, "{sum}");
}

#[test]
fn failures_say_their_reason() {
    let (registry, clock) = (registry(), MockClock::new());
    let strategy = three_attempts(&clock);
    let breaker = Arc::new(CircuitBreaker::with_clock(clock.clone()));
    breaker.force_open();
    let budget = Arc::new(RetryBudget::none_with_clock(clock.clone()));
    let fails = || async { Err::<(), _>("down") };
    let name = "reasons";
    let guarded = strategy.clone().with_circuit_breaker(breaker);
    drive(&clock, guarded.execute_with_metrics(name, fails)).0.unwrap_err();
    let paid = strategy.clone().with_budget(budget);
    drive(&clock, paid.execute_with_metrics(name, fails)).0.unwrap_err();
    let timed = strategy.clone().with_timeout(Duration::from_millis(50));
    drive(&clock, timed.execute_with_metrics(name, fails)).0.unwrap_err();
    let denied = || async { Err::<(), _>(syncline_core::Error::new(syncline_core::ErrorKind::Denied, "no")) };
    drive(&clock, strategy.execute_with_metrics(name, denied)).0.unwrap_err();
    {
        let mut operation = pin!(strategy.execute_with_metrics(name, pending::<Result<(), String>>));
        assert!(operation.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    for reason in ["breaker_open", "budget_exhausted", "timeout", "permanent", "cancelled"] {
        let series = format!(r#"retry_failures_total{{operation="reasons",reason="{reason}"}}"#);
        assert_eq!(value(&registry, &series), Some(1.0), "{reason}");
    }
    check(&registry, &[(r#"retry_attempts_total{operation="reasons"}"#, 4.0)]);
}

/// Trap 58: the gauge of a state is absent until the first call, or keeps the state before.
#[test]
fn a_breaker_shows_its_state_before_any_call_and_one_state_at_a_time() {
    let (registry, clock) = (registry(), MockClock::new());
    let breaker = Arc::new(CircuitBreaker::with_clock(clock.clone()).with_failure_threshold(1).with_name("state"));
    assert!(watch_breaker(&breaker) && watch_breaker(&breaker));
    let state = r#"circuit_breaker_state{name="state"}"#;
    let transitions = r#"circuit_breaker_transitions_total{name="state"}"#;
    check(&registry, &[(state, 0.0), (transitions, 0.0)]);
    breaker.record_failure();
    check(&registry, &[(state, 1.0), (transitions, 1.0)]);
    clock.advance(Duration::from_secs(60));
    let permit = breaker.try_acquire().unwrap();
    check(&registry, &[(state, 2.0), (transitions, 2.0)]);
    permit.success();
    breaker.try_acquire().unwrap().success();
    check(&registry, &[(state, 0.0), (transitions, 3.0)]);
}

#[test]
fn an_opening_between_two_scrapes_is_counted() {
    let registry = registry();
    let breaker = Arc::new(CircuitBreaker::new().with_failure_threshold(1).with_name("short"));
    watch_breaker(&breaker);
    let late = breaker.try_acquire().unwrap();
    breaker.record_failure();
    assert!(breaker.try_acquire().is_err());
    breaker.reset();
    late.failure();
    let expected = [
        (r#"circuit_breaker_state{name="short"}"#, 0.0),
        (r#"circuit_breaker_transitions_total{name="short"}"#, 2.0),
        (r#"circuit_breaker_rejected_total{name="short"}"#, 1.0),
        (r#"circuit_breaker_stale_results_total{name="short"}"#, 1.0),
    ];
    check(&registry, &expected);
}

/// Trap 53: a budget that never refills is seen by nobody.
#[test]
fn a_budget_shows_its_tokens_and_its_refusals() {
    let registry = registry();
    let budget = Arc::new(RetryBudget::new(2, 0.0).with_name("tokens"));
    assert!(watch_budget(&budget));
    let paid = [(); 3].map(|()| budget.try_charge(Class::Transient));
    assert_eq!(paid, [true, true, false]);
    let expected = [
        (r#"retry_budget_available_tokens{name="tokens"}"#, 0.0),
        (r#"retry_budget_capacity_tokens{name="tokens"}"#, 2.0),
        (r#"retry_budget_denied_total{name="tokens"}"#, 1.0),
    ];
    check(&registry, &expected);
}

#[test]
fn what_a_strategy_couples_is_watched_and_not_kept() {
    let (registry, clock) = (registry(), MockClock::new());
    let breaker = Arc::new(CircuitBreaker::with_clock(clock.clone()).with_name("coupled"));
    let budget = Arc::new(RetryBudget::with_clock(5, 0.0, clock.clone()).with_name("coupled"));
    let strategy = three_attempts(&clock).with_circuit_breaker(breaker).with_budget(budget);
    watch_strategy(&strategy);
    let (state, tokens) =
        (r#"circuit_breaker_state{name="coupled"}"#, r#"retry_budget_capacity_tokens{name="coupled"}"#);
    check(&registry, &[(state, 0.0), (tokens, 5.0)]);
    drop(strategy);
    assert_eq!((value(&registry, state), value(&registry, tokens)), (None, None));
}

#[test]
fn what_has_no_name_is_not_exported() {
    assert!(!watch_breaker(&Arc::new(CircuitBreaker::new())));
    assert!(!watch_budget(&Arc::new(RetryBudget::new(1, 1.0))));
}

#[test]
fn the_budgets_of_the_policies_are_there_from_the_start() {
    let registry = registry();
    let _ = RetryPolicies::api_policy();
    for policy in ["network", "database", "rate_limit", "api", "filesystem", "idempotent", "non_idempotent", "query"] {
        let series = format!(r#"retry_budget_capacity_tokens{{name="{policy}"}}"#);
        assert_eq!(value(&registry, &series), Some(10.0), "{policy}");
    }
}

/// Trap 60: to initialise twice is an error, or counts twice.
#[test]
fn to_initialise_again_changes_nothing_and_other_registries_show_the_same() {
    let (first, second) = (registry(), Registry::new());
    init_metrics_exporter(&first).unwrap();
    init_metrics_exporter(&second).unwrap();
    init_metrics_exporter(&second).unwrap();
    let clock = MockClock::new();
    drive(&clock, three_attempts(&clock).execute_with_metrics("twice", || async { Ok::<_, String>(()) }))
        .0
        .unwrap();
    for registry in [first, second] {
        check(&registry, &[(r#"retry_attempts_total{operation="twice"}"#, 1.0)]);
    }
}

#[test]
fn a_metric_of_somebody_else_with_the_same_name_is_an_error_each_time() {
    let registry = Registry::new();
    let taken = IntCounter::new("retry_attempts_total", "somebody else's").unwrap();
    registry.register(Box::new(taken)).unwrap();
    assert!(init_metrics_exporter(&registry).is_err());
    assert!(init_metrics_exporter(&registry).is_err());
}
