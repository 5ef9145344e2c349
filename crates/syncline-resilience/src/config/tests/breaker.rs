//! What breakers do that files describe.

use std::time::Duration;

use super::{SECOND, slow};
use crate::{CircuitBreaker, MockClock, breaker::CircuitState, config::BreakerConfig};

fn breaker(clock: &MockClock, text: &str) -> CircuitBreaker<MockClock> {
    toml::from_str::<BreakerConfig>(text).unwrap().build_with_clock(clock.clone()).unwrap()
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
}

#[test]
fn a_window_opens_a_breaker_as_its_file_says() {
    let clock = MockClock::new();
    for window in ["[window.count]\nsize = 10", "[window.time]\nduration = '1m'"] {
        let text = format!("only_window = true\n{window}\nmin_calls = 4\nfailure_rate = 0.5");
        let breaker = breaker(&clock, &text);
        for _ in 0..2 {
            breaker.record_success();
            breaker.record_failure();
        }
        assert!(!breaker.should_allow_request(), "{text}");
    }
}

#[test]
fn the_time_open_grows_as_its_file_says() {
    let clock = MockClock::new();
    let growing =
        breaker(&clock, "failure_threshold = 1\ntimeout = '2s'\n[growing_timeout]\nfactor = 3.0\nmax = '10s'");
    let open_for = [2, 6, 10, 10].map(|secs| {
        growing.record_failure();
        let open_for = growing.retry_after();
        clock.advance(Duration::from_secs(secs));
        assert!(growing.should_allow_request(), "after {secs} s");
        open_for
    });
    assert_eq!(open_for, [2, 6, 10, 10].map(|secs| Some(Duration::from_secs(secs))));
}

#[test]
fn probes_are_as_many_and_live_as_long_as_their_file_says() {
    let clock = MockClock::new();
    let text =
        "failure_threshold = 1\nsuccess_threshold = 3\ntimeout = '2s'\nhalf_open_requests = 2\nprobe_timeout = '5s'";
    let probed = breaker(&clock, text);
    probed.record_failure();
    clock.advance(2 * SECOND);
    assert_eq!([(); 3].map(|()| probed.should_allow_request()), [true, true, false]);
    clock.advance(4 * SECOND);
    assert!(!probed.should_allow_request());
    clock.advance(SECOND);
    assert!(probed.should_allow_request(), "both were lost");
    let states = [(); 3].map(|()| {
        probed.record_success();
        probed.state().to_string()
    });
    assert_eq!(states, ["HalfOpen", "HalfOpen", "Closed"]);
}

#[test]
fn a_file_names_a_breaker_and_spreads_its_time_open() {
    let clock = MockClock::new();
    let open_for = |_| {
        let spread = breaker(&clock, "name = 'mail'\nfailure_threshold = 1\ntimeout_jitter = 0.5");
        spread.record_failure();
        let rejected = spread.try_acquire().unwrap_err();
        assert!(rejected.to_string().contains("mail"), "{rejected}");
        spread.retry_after().unwrap()
    };
    let all: Vec<_> = (0..100).map(open_for).collect();
    assert!(all.iter().all(|open_for| (30 * SECOND..=60 * SECOND).contains(open_for)));
    assert!(all.iter().max().unwrap().saturating_sub(*all.iter().min().unwrap()) > 10 * SECOND);
}

#[test]
fn slow_calls_open_a_breaker_as_its_file_says() {
    let clock = MockClock::new();
    let text = "[window.count]\nsize = 4\nmin_calls = 4\nfailure_rate = 1.0\n[slow_calls]\nduration = '3s'\nrate = 0.5";
    let slow = breaker(&clock, text);
    for secs in [1, 3, 1, 3] {
        let permit = slow.try_acquire().unwrap();
        clock.advance(Duration::from_secs(secs));
        permit.success();
    }
    assert!(!slow.should_allow_request());
}

/// What went wrong: a breaker that slow calls alone open was refused as one that nothing would open.
#[test]
fn slow_calls_alone_may_open_it() {
    let config = BreakerConfig {
        only_window: true,
        slow_calls: Some(slow(SECOND, 1.0)),
        ..BreakerConfig::default()
    };
    let clock = MockClock::new();
    let breaker = config.build_with_clock(clock.clone()).unwrap();
    for _ in 0..10 {
        assert_eq!(breaker.state(), CircuitState::Closed);
        let permit = breaker.try_acquire().unwrap();
        clock.advance(SECOND);
        permit.success();
    }
    assert_eq!(breaker.state(), CircuitState::Open);
}
