//! What files say and what is made of it.

mod breaker;
mod refused;

use std::{fmt::Debug, time::Duration};

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::*;
use crate::{Backoff, CircuitBreaker, Class, MockClock, RetryBudget, RetryStrategy, backoff::Jitter};

const SECOND: Duration = Duration::from_secs(1);

fn both_ways<T: Serialize + DeserializeOwned + PartialEq + Debug>(config: &T) {
    let toml = toml::to_string(config).unwrap();
    assert_eq!(&toml::from_str::<T>(&toml).unwrap(), config, "{toml}");
    let json = serde_json::to_string(config).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), config, "{json}");
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
    let breaker = CircuitBreaker::try_from(BreakerConfig::default()).unwrap();
    assert_eq!(format!("{breaker:?}"), format!("{:?}", CircuitBreaker::new()));
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
fn every_jitter_of_a_file_is_that_of_its_name() {
    let backoff = || Backoff::exponential(SECOND, 60 * SECOND);
    for (kind, jitter) in [
        ("none", Jitter::None),
        ("factor", Jitter::Factor(0.1)),
        ("equal", Jitter::Equal),
        ("full", Jitter::Full),
        ("decorrelated", Jitter::Decorrelated),
    ] {
        let config: RetryConfig = toml::from_str(&format!("jitter = '{kind}'\njitter_factor = 0.1")).unwrap();
        let made = config.build().unwrap().plan.backoff;
        assert_eq!(format!("{made:?}"), format!("{:?}", backoff().with_jitter(jitter)), "{kind}");
    }
}

#[test]
fn a_budget_pays_as_its_file_says() {
    let clock = MockClock::new();
    let make = |text: &str| toml::from_str::<BudgetConfig>(text).unwrap().build_with_clock(clock.clone()).unwrap();
    let minutely = make("name = 'mail'\ncapacity = 6\nrefill_rate = 6.0\nrefill_interval = '1m'\ntransient_cost = 3");
    assert_eq!(minutely.name(), Some("mail"));
    assert!(minutely.try_charge(Class::Transient) && minutely.available() == 3);
    clock.advance(10 * SECOND);
    assert_eq!(minutely.available(), 4);
    let priced = make("transient_cost = 0\nthrottled_cost = 30\nnot_sent_cost = 2\nearned_per_success = 0.5");
    let left = |class| {
        assert!(priced.try_charge(class));
        priced.available()
    };
    assert_eq!(left(Class::Transient), 100);
    assert_eq!(left(Class::Throttled { retry_after: None }), 70);
    assert_eq!(left(Class::NotSent), 68);
    priced.succeeded();
    priced.succeeded();
    assert_eq!(priced.available(), 69);
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

fn count(size: u32, min_calls: u32, failure_rate: f64) -> Window {
    Window::Count(CountWindow { size, min_calls, failure_rate })
}

fn time(duration: Duration, failure_rate: f64) -> Window {
    Window::Time(TimeWindow { duration, min_calls: 1, failure_rate })
}

fn slow(duration: Duration, rate: f64) -> SlowCalls {
    SlowCalls { duration, rate }
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
