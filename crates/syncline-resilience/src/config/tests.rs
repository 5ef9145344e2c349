//! What files say and what is made of it.

use std::{convert::Infallible, fmt::Debug, time::Duration};

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::*;
use crate::{CircuitBreaker, MockClock, RetryBudget, RetryError, RetryStrategy};

const SECOND: Duration = Duration::from_secs(1);

fn both_ways<T: Serialize + DeserializeOwned + PartialEq + Debug>(config: &T) {
    let toml = toml::to_string(config).unwrap();
    assert_eq!(&toml::from_str::<T>(&toml).unwrap(), config, "{toml}");
    let json = serde_json::to_string(config).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), config, "{json}");
}

#[track_caller]
fn check_refused<T: Debug>(result: Result<T, RetryError<Infallible>>, start: &str) {
    match result.unwrap_err() {
        RetryError::InvalidConfiguration { message } => assert!(message.starts_with(start), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_file_says_the_defaults() {
    assert_eq!(toml::from_str::<RetryConfig>("").unwrap(), RetryConfig::default());
    assert_eq!(toml::from_str::<BreakerConfig>("").unwrap(), BreakerConfig::default());
    assert_eq!(toml::from_str::<BudgetConfig>("").unwrap(), BudgetConfig::default());
}

#[test]
fn the_defaults_make_what_new_makes() {
    let strategy = RetryStrategy::try_from(RetryConfig::default()).unwrap();
    assert_eq!(format!("{strategy:?}"), format!("{:?}", RetryStrategy::new()));
    let budget = RetryBudget::try_from(BudgetConfig::default()).unwrap();
    assert_eq!((budget.capacity(), budget.refill_rate()), (100, 10.0));
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
fn durations_are_written_as_people_do() {
    let config: RetryConfig = toml::from_str(r#"timeout = "1m 30s""#).unwrap();
    assert_eq!(config.timeout, Some(90 * SECOND));
    let text = toml::to_string(&RetryConfig { base_delay: Duration::from_millis(250), ..config }).unwrap();
    assert!(text.contains(r#"base_delay = "250ms""#) && text.contains(r#"timeout = "1m 30s""#), "{text}");
    assert!(toml::from_str::<RetryConfig>("timeout = 90").is_err(), "a number without a unit");
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

fn count(size: u32, min_calls: u32, failure_rate: f64) -> Window {
    Window::Count(CountWindow { size, min_calls, failure_rate })
}

fn time(duration: Duration, failure_rate: f64) -> Window {
    Window::Time(TimeWindow { duration, min_calls: 1, failure_rate })
}

fn slow(duration: Duration, rate: f64) -> SlowCalls {
    SlowCalls { duration, rate }
}

#[test]
fn a_strategy_waits_as_its_file_says() {
    let worst_case = |text: &str| {
        let config: RetryConfig = toml::from_str(text).unwrap();
        config.build_with_clock(MockClock::new()).unwrap().worst_case_duration()
    };
    assert_eq!(worst_case("max_attempts = 4"), Some(7 * SECOND));
    assert_eq!(worst_case("max_attempts = 4\nbackoff = 'linear'\nincrement = '2s'"), Some((1 + 3 + 5) * SECOND));
    assert_eq!(worst_case("max_attempts = 5\nbackoff = 'fibonacci'"), Some((1 + 1 + 2 + 3) * SECOND));
    assert_eq!(worst_case("max_attempts = 9\nbackoff = 'constant'\nbase_delay = '0s'"), Some(Duration::ZERO));
    assert_eq!(worst_case("max_attempts = 4\nmax_delay = '2s'"), Some((1 + 2 + 2) * SECOND));
    assert_eq!(worst_case("max_attempts = 3\njitter = 'decorrelated'"), Some((3 + 9) * SECOND));
    assert_eq!(worst_case("max_attempts = 1\nattempt_timeout = '2s'"), Some(2 * SECOND));
    assert_eq!(worst_case("unlimited_attempts = true"), None);
    assert_eq!(worst_case("unlimited_attempts = true\ntimeout = '1h'"), Some(3_600 * SECOND));
}

#[test]
fn what_is_not_asked_for_every_time_reaches_the_strategy_too() {
    let config: RetryConfig =
        toml::from_str("only_not_sent = true\nnested_retries = true\nmax_retry_after = '7s'").unwrap();
    let plan = config.build().unwrap().plan;
    assert_eq!((plan.only_not_sent, plan.may_nest, plan.max_retry_after), (true, true, 7 * SECOND));
}

#[test]
fn a_budget_pays_as_its_file_says() {
    let clock = MockClock::new();
    let make = |text: &str| toml::from_str::<BudgetConfig>(text).unwrap().build_with_clock(clock.clone()).unwrap();
    let minutely = make("name = 'mail'\ncapacity = 6\nrefill_rate = 6.0\nrefill_interval = '1m'\ntransient_cost = 3");
    assert_eq!(minutely.name(), Some("mail"));
    assert!(minutely.try_charge(crate::Class::Transient) && minutely.available() == 3);
    clock.advance(10 * SECOND);
    assert_eq!(minutely.available(), 4);
    assert_eq!(make("kind = 'unlimited'").capacity(), u32::MAX);
    assert!(!make("kind = 'none'").try_acquire());
    assert_eq!(make("kind = 'grpc'\ncapacity = 10").capacity(), 4);
    let saved = make("kind = 'saved'\ncapacity = 2\nearned_per_success = 0.5\nquiet = '5s'");
    assert!(saved.try_acquire_multiple(2) && !saved.try_acquire());
    saved.succeeded();
    saved.succeeded();
    assert!(saved.try_acquire() && !saved.try_acquire());
    clock.advance(5 * SECOND);
    assert_eq!(saved.available(), 2);
}

#[test]
fn a_breaker_opens_and_recovers_as_its_file_says() {
    let clock = MockClock::new();
    let config: BreakerConfig = toml::from_str("failure_threshold = 2\nsuccess_threshold = 1\ntimeout = '5s'").unwrap();
    let breaker = config.build_with_clock(clock.clone()).unwrap();
    breaker.record_failure();
    assert!(breaker.should_allow_request());
    breaker.record_failure();
    assert!(!breaker.should_allow_request());
    clock.advance(5 * SECOND);
    assert!(breaker.should_allow_request() && !breaker.should_allow_request());
    breaker.record_success();
    assert!(breaker.should_allow_request());
    assert!(CircuitBreaker::try_from(BreakerConfig::default()).is_ok());
}

#[test]
fn a_window_opens_a_breaker_as_its_file_says() {
    let clock = MockClock::new();
    for window in ["[window.count]\nsize = 10", "[window.time]\nduration = '1m'"] {
        let text = format!("only_window = true\n{window}\nmin_calls = 4\nfailure_rate = 0.5");
        let config: BreakerConfig = toml::from_str(&text).unwrap();
        let breaker = config.build_with_clock(clock.clone()).unwrap();
        for _ in 0..2 {
            breaker.record_success();
            breaker.record_failure();
        }
        assert!(!breaker.should_allow_request(), "{text}");
    }
}

/// Up to a century, to the nanosecond.
fn durations() -> impl Strategy<Value = Duration> {
    (0..3_155_760_000_u64, 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos))
}

/// As people write them: readers of JSON may round the seventeenth digit.
fn factors() -> impl Strategy<Value = f64> {
    (0..=1_000_000_u32).prop_map(|millionths| f64::from(millionths) / 1e6)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        times in prop::array::uniform5(durations()), counts: [u32; 3], factor in factors(), may: bool, name in "\\PC{0,20}",
    ) {
        let optional = |time| may.then_some(time);
        both_ways(&RetryConfig {
            max_attempts: counts[0],
            unlimited_attempts: may,
            backoff: BackoffKind::Fibonacci,
            base_delay: times[0],
            increment: times[1],
            max_delay: times[2],
            jitter: JitterKind::Decorrelated,
            jitter_factor: factor,
            timeout: optional(times[3]),
            attempt_timeout: optional(times[4]),
            max_retry_after: times[1],
            only_not_sent: may,
            nested_retries: !may,
        });
        both_ways(&BreakerConfig {
            name: Some(name.clone()),
            failure_threshold: counts[0],
            timeout: times[0],
            growing_timeout: may.then_some(GrowingTimeout { factor, max: times[4] }),
            only_window: may,
            timeout_jitter: factor,
            probe_timeout: optional(times[1]),
            window: Some(if may { count(counts[0], counts[1], factor) } else { time(times[2], factor) }),
            slow_calls: may.then_some(slow(times[3], factor)),
            ..BreakerConfig::default()
        });
        both_ways(&BudgetConfig {
            name: may.then_some(name),
            kind: if may { BudgetKind::Saved } else { BudgetKind::None },
            capacity: counts[0],
            refill_rate: factor,
            refill_interval: times[0],
            earned_per_success: factor,
            quiet: times[1],
            transient_cost: counts[1],
            throttled_cost: counts[2],
            not_sent_cost: 0,
        });
    }
}
