//! What files may not say.

use std::{convert::Infallible, fmt::Debug, time::Duration};

use super::{SECOND, count, slow, time};
use crate::{RetryError, config::*};

#[track_caller]
fn check_refused<T: Debug>(result: Result<T, RetryError<Infallible>>, start: &str) {
    match result.unwrap_err() {
        RetryError::InvalidConfiguration { message } => assert!(message.starts_with(start), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_field_that_does_not_exist_is_refused() {
    for text in ["max_atempts = 3", "[window]\n", "retry = {}"] {
        let error = toml::from_str::<RetryConfig>(text).unwrap_err();
        assert!(error.to_string().contains("unknown field"), "{error}");
    }
    assert!(
        toml::from_str::<BreakerConfig>("[window.count]\nsize = 1\nmin_calls = 1\nfailure_rate = 1.0\nx = 1").is_err()
    );
    assert!(serde_json::from_str::<BudgetConfig>(r#"{"tokens": 5}"#).is_err());
}

#[test]
fn a_bad_field_of_a_strategy_is_named_with_its_value() {
    let refused = |change: fn(&mut RetryConfig), start: &str| {
        let mut config = RetryConfig::default();
        change(&mut config);
        check_refused(config.build(), start);
    };
    refused(|config| config.max_attempts = 0, "max_attempts is 0: ");
    refused(|config| config.base_delay = Duration::ZERO, "base_delay is 0ns: ");
    refused(|config| config.max_delay = Duration::ZERO, "max_delay is 0ns: ");
    refused(|config| config.jitter_factor = 1.5, "jitter_factor is 1.5: ");
    refused(|config| config.jitter_factor = f64::NAN, "jitter_factor is NaN: ");
    refused(|config| config.timeout = Some(Duration::ZERO), "timeout is 0ns: ");
    refused(|config| config.attempt_timeout = Some(Duration::ZERO), "attempt_timeout is 0ns: ");
}

#[test]
fn a_bad_field_of_a_budget_is_named_with_its_value() {
    let refused = |change: fn(&mut BudgetConfig), start: &str| {
        let mut config = BudgetConfig::default();
        change(&mut config);
        check_refused(config.build(), start);
    };
    refused(|config| config.capacity = 0, "capacity is 0: ");
    refused(|config| (config.kind, config.capacity) = (BudgetKind::Saved, 20_000), "capacity is 20000: ");
    refused(|config| config.refill_rate = -1.0, "refill_rate is -1.0: ");
    refused(|config| config.refill_rate = f64::NAN, "refill_rate is NaN: ");
    refused(|config| config.refill_rate = 1e-12, "refill_rate is 1e-12: ");
    refused(
        |config| (config.refill_rate, config.refill_interval) = (1e8, SECOND / 100),
        "refill_rate is 100000000.0: ",
    );
    refused(|config| config.refill_interval = Duration::ZERO, "refill_interval is 0ns: ");
    refused(|config| config.earned_per_success = f64::INFINITY, "earned_per_success is inf: ");
    refused(|config| config.quiet = Duration::ZERO, "quiet is 0ns: ");
}

#[test]
fn a_breaker_takes_no_number_for_another() {
    let refused = |change: fn(&mut BreakerConfig), start: &str| {
        let mut config = BreakerConfig::default();
        change(&mut config);
        check_refused(config.build(), start);
    };
    refused(|config| config.failure_threshold = 0, "failure_threshold is 0: ");
    refused(|config| config.only_window = true, "only_window is true: ");
    refused(|config| config.success_threshold = 0, "success_threshold is 0: ");
    refused(|config| config.success_threshold = 256, "success_threshold is 256: ");
    refused(|config| config.half_open_requests = 0, "half_open_requests is 0: ");
    refused(|config| config.half_open_requests = 256, "half_open_requests is 256: ");
    refused(|config| config.timeout = Duration::ZERO, "timeout is 0ns: ");
    refused(|config| config.growing_timeout = Some(growing(0.5, 60)), "growing_timeout.factor is 0.5: ");
    refused(|config| config.growing_timeout = Some(growing(f64::NAN, 60)), "growing_timeout.factor is NaN: ");
    refused(|config| config.growing_timeout = Some(growing(2.0, 59)), "growing_timeout.max is 59s: ");
    refused(|config| config.timeout_jitter = -0.1, "timeout_jitter is -0.1: ");
    refused(|config| config.probe_timeout = Some(Duration::ZERO), "probe_timeout is 0ns: ");
    refused(|config| config.window = Some(count(0, 1, 0.5)), "window.count.size is 0: ");
    refused(|config| config.window = Some(count(5, 0, 0.5)), "window.count.min_calls is 0: ");
    refused(|config| config.window = Some(count(5, 6, 0.5)), "window.count.min_calls is 6: ");
    refused(|config| config.window = Some(count(5, 1, 0.0)), "window.count.failure_rate is 0.0: ");
    refused(|config| config.window = Some(time(Duration::ZERO, 0.5)), "window.time.duration is 0ns: ");
    refused(|config| config.window = Some(time(SECOND, f64::NAN)), "window.time.failure_rate is NaN: ");
    refused(|config| config.slow_calls = Some(slow(Duration::ZERO, 0.5)), "slow_calls.duration is 0ns: ");
    refused(|config| config.slow_calls = Some(slow(SECOND, 2.0)), "slow_calls.rate is 2.0: ");
}

fn growing(factor: f64, max_secs: u64) -> GrowingTimeout {
    GrowingTimeout { factor, max: Duration::from_secs(max_secs) }
}
