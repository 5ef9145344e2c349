//! The whole machine against the obvious one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use syncline_core::Instant;
use syncline_testkit::{SeededRandom, seed};

use super::model::{Config, Model, Result, Span, State, Transition};
use crate::{
    CircuitBreaker, MockClock,
    breaker::{BreakerStats, CircuitState, Permit},
    time::Clock as _,
};

const CASES: u64 = 20_000;
const STEPS: usize = 200;

/// One step of a story.
#[derive(Debug, Clone, Copy)]
enum Step {
    Acquire,
    /// Tells the result of one of the permits that are held.
    Settle(usize, Result),
    /// Loses one.
    Forget(usize),
    Ask,
    Tell(Result),
    Wait(u64),
    Force(State),
}

impl Step {
    /// Any two numbers are a step.
    fn of((kind, number): (u8, u16)) -> Self {
        let result = match number % 8 {
            0..3 => Result::Success,
            3..7 => Result::Failure,
            _ => Result::Ignored,
        };
        match kind % 32 {
            0..10 => Self::Acquire,
            10..20 => Self::Settle(usize::from(number / 8), result),
            20 => Self::Forget(usize::from(number)),
            21..23 => Self::Ask,
            23..25 => Self::Tell(result),
            25..31 => Self::Wait(wait_ms(number)),
            _ => Self::Force(match number % 16 {
                0 => State::ForcedOpen,
                1 => State::ForcedClosed { failures: 0 },
                2 => State::Disabled,
                3..6 => State::Closed { failures: 0 },
                _ => return Self::Wait(1),
            }),
        }
    }
}

/// Short, as long as the times of a case, and longer than any of them.
fn wait_ms(number: u16) -> u64 {
    let (scale, factor) = (number % 6, u64::from(number / 6));
    match scale {
        0 => 0,
        1 => 1,
        2 => factor % 10,
        3 => [10, 99, 100, 101, 999, 1_000, 1_001][usize::from(number / 6) % 7],
        4 => factor,
        _ => factor * 7_919,
    }
}

/// Any word is a case.
fn config(word: u64) -> Config {
    let random = SeededRandom::new(word);
    let pick = |choices: &[u64]| choices[random.index(choices.len())];
    let timeout_ms = [Some(0), Some(1), Some(10), Some(100), Some(1_000), None][random.index(6)];
    let probe_timeout_ms = [None, None, Some(0), Some(7), Some(500)][random.index(5)];
    let span = match random.below(5) {
        0 => Some(Span::Count(pick(&[0, 1, 2, 5, 10, 62, 63, 64, 70]) as u32)),
        1 => Some(Span::Ms(pick(&[1, 10, 100, 1_000, 60_000]))),
        _ => None,
    };
    Config {
        failure_threshold: [None, Some(1), Some(2), Some(3), Some(5)][random.index(5)],
        success_threshold: pick(&[1, 1, 2, 3]) as u32,
        half_open_requests: pick(&[1, 1, 2, 3]) as u32,
        timeout_ms,
        probe_timeout_ms,
        growth_percent: pick(&[100, 150, 200, 1_000]),
        longest_ms: pick(&[0, 500, 10_000, 1_000_000]),
        window: span.map(|span| (span, pick(&[0, 1, 3, 10, 100]) as u32, pick(&[1, 20, 50, 80, 100]))),
        slow: random.once_in(4).then(|| (pick(&[0, 1, 10, 100]), pick(&[10, 50, 100]))),
    }
}

fn build(config: &Config, clock: MockClock) -> (CircuitBreaker<MockClock>, Arc<Mutex<Vec<Transition>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let or_never = |ms: Option<u64>| ms.map_or(Duration::MAX, Duration::from_millis);
    let mut breaker = CircuitBreaker::with_clock(clock)
        .with_success_threshold(config.success_threshold)
        .with_half_open_requests(config.half_open_requests)
        .with_timeout(or_never(config.timeout_ms))
        .with_growing_timeout(config.growth_percent as f64 / 100.0, Duration::from_millis(config.longest_ms))
        .with_listener(move |t| heard.lock().unwrap().push((t.from, t.to, t.reason, t.generation)));
    breaker = match config.failure_threshold {
        Some(threshold) => breaker.with_failure_threshold(threshold),
        None => breaker.without_failure_threshold(),
    };
    if let Some(timeout) = config.probe_timeout_ms {
        breaker = breaker.with_probe_timeout(Duration::from_millis(timeout));
    }
    if let Some((from, percent)) = config.slow {
        breaker = breaker.with_slow_call(Duration::from_millis(from), percent as f64 / 100.0);
    }
    match config.window {
        Some((Span::Count(size), min, percent)) => {
            breaker = breaker.with_count_window(size, min, percent as f64 / 100.0)
        }
        Some((Span::Ms(ms), min, percent)) => {
            breaker = breaker.with_time_window(Duration::from_millis(ms), min, percent as f64 / 100.0);
        }
        None => {}
    }
    (breaker, told)
}

fn tell(permit: Permit<'_, MockClock>, result: Result) {
    match result {
        Result::Success => permit.success(),
        Result::Failure => permit.failure(),
        Result::Ignored => permit.ignore(),
    }
}

/// Tells the same story to both; returns the transitions that it led to.
fn check(case: u64, steps: impl IntoIterator<Item = (u8, u16)>) -> Vec<Transition> {
    let config = config(case);
    // Wherever the clock stands at first, no moment fits the word as it is.
    let start_ms = case % (1 << 40);
    let clock = MockClock::new();
    clock.set(Instant::from_origin(Duration::from_millis(start_ms)));
    let (breaker, told) = build(&config, clock.clone());
    let mut model = Model::new(config.clone(), start_ms);
    let mut held = Vec::new();
    let mut story = Vec::new();
    for step in steps.into_iter().map(Step::of) {
        story.push(step);
        match step {
            Step::Acquire => match (breaker.try_acquire(), model.acquire()) {
                (Ok(permit), Some(generation)) => held.push((permit, generation, model.now_ms)),
                (Err(rejected), None) => assert_eq!(rejected.state, model.public()),
                (real, expected) => panic!("{real:?} for {expected:?}\n{config:?}\n{story:?}"),
            },
            Step::Settle(which, result) if !held.is_empty() => {
                let (permit, generation, began_ms) = held.swap_remove(which % held.len());
                tell(permit, result);
                model.record(Some(generation), result, Some(model.now_ms - began_ms));
            }
            Step::Forget(which) if !held.is_empty() => std::mem::forget(held.swap_remove(which % held.len())),
            Step::Settle(..) | Step::Forget(_) => {}
            Step::Ask => assert_eq!(breaker.should_allow_request(), model.acquire().is_some(), "{config:?}\n{story:?}"),
            Step::Tell(result) => {
                match result {
                    Result::Success => breaker.record_success(),
                    Result::Failure => breaker.record_failure(),
                    Result::Ignored => breaker.record_ignored(),
                }
                model.record(None, result, None);
            }
            Step::Wait(ms) => {
                clock.advance(Duration::from_millis(ms));
                model.now_ms += ms;
            }
            Step::Force(state) => {
                match state {
                    State::ForcedOpen => breaker.force_open(),
                    State::ForcedClosed { .. } => breaker.force_closed(),
                    State::Disabled => breaker.disable(),
                    _ => breaker.reset(),
                }
                model.force(state);
            }
        }
        compare(&breaker.stats(), &model, || format!("{config:?}\n{story:?}"));
        let refusal = model
            .refusal_ms()
            .map(|ms| if ms == u64::MAX { Duration::MAX } else { Duration::from_millis(ms) });
        assert_eq!(breaker.retry_after(), refusal, "{config:?}\n{story:?}");
    }
    assert_eq!(*told.lock().unwrap(), model.transitions, "{config:?}\n{story:?}");
    assert_eq!(clock.now().since_origin(), Duration::from_millis(model.now_ms));
    model.transitions
}

fn compare(stats: &BreakerStats<'_, MockClock>, model: &Model, story: impl Fn() -> String) {
    let counts = match model.state {
        State::Closed { failures } | State::ForcedClosed { failures } => (failures, 0, 0),
        State::Open { .. } => (model.opened_by, 0, 0),
        State::HalfOpen { in_flight, successes, .. } => (model.opened_by, successes, in_flight),
        State::ForcedOpen | State::Disabled => (0, 0, 0),
    };
    let opened = model.transitions.iter().filter(|(_, to, ..)| *to == CircuitState::Open).count() as u64;
    let last_failure = stats.last_failure_time.map(|at| at.instant().since_origin());
    let same = stats.state == model.public()
        && stats.generation == model.generation
        && (stats.failure_count, stats.success_count, stats.half_open_requests) == counts
        && (stats.opened_total, stats.rejected_total, stats.stale_total) == (opened, model.rejected, model.stale)
        && last_failure == model.last_failure_ms.map(Duration::from_millis)
        && stats.failure_rate == model.failure_rate();
    assert!(same, "{stats:?}\n{model:?}\n{}", story());
}

#[test]
fn it_does_what_the_obvious_machine_does() {
    let random = SeededRandom::new(seed());
    let mut reasons = HashMap::new();
    for _ in 0..CASES {
        let case = random.word();
        let steps = (0..STEPS).map(|_| {
            let word = random.word();
            (word as u8, (word >> 8) as u16)
        });
        for (.., reason, _) in check(case, steps) {
            *reasons.entry(reason).or_insert(0) += 1;
        }
    }
    // A story that leads nowhere proves nothing.
    assert_eq!(reasons.len(), 9, "{reasons:?}");
    assert!(reasons.values().all(|count| *count >= 1_000), "{reasons:?}");
}

proptest! {
    /// The same with fewer cases, which shrink.
    #[test]
    fn it_does_what_the_obvious_machine_does_in_short(
        case: u64,
        steps in proptest::collection::vec(any::<(u8, u16)>(), 0..STEPS),
    ) {
        check(case, steps);
    }
}
