//! What breakers remember.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use syncline_resilience::CircuitBreaker;
use tower_resilience_circuitbreaker::{CircuitState, SlidingWindowType, circuit_breaker_builder};

use super::{
    trap::{SYNCLINE, Trap},
    wrapped::{Refused, Wrapped},
};
use crate::Result;

/// Failures after which an experiment has seen enough.
const ENOUGH: u32 = 5_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// A window of the last calls that is one of all calls.
pub(super) fn not_sliding() -> Trap {
    let opened_after = |opens: &mut dyn FnMut() -> bool| {
        let failures = (1..=ENOUGH).find(|_| opens());
        Ok(f64::from(failures.ok_or("it did not open")?))
    };
    Trap::at_most(29, 5.0, "failures until a breaker opens at half of the last 10 calls, after 1,000 successes")
        .with("tower-resilience-circuitbreaker", || {
            let layer = circuit_breaker_builder()
                .sliding_window_size(10)
                .minimum_number_of_calls(10)
                .failure_rate_threshold(0.5)
                .build()?;
            let breaker = Wrapped::new(&layer);
            let call = |answer| _ = breaker.admits(answer).now_or_never();
            (0..1_000).for_each(|_| call(Ok(())));
            opened_after(&mut || {
                call(Err(Refused));
                breaker.state() == CircuitState::Open
            })
        })
        .with(SYNCLINE, || {
            let breaker = CircuitBreaker::new().with_count_window(10, 10, 0.5).without_failure_threshold();
            (0..1_000).for_each(|_| breaker.record_success());
            opened_after(&mut || {
                breaker.record_failure();
                !breaker.should_allow_request()
            })
        })
}

/// A window of time that is read through at each call.
pub(super) fn grows(calls: u32) -> Trap {
    let experiment = format!("cost of a call with {calls} calls in the window of time, over that with 1,000");
    Trap::at_most(31, 3.0, experiment)
        .with("tower-resilience-circuitbreaker", || {
            let layer = circuit_breaker_builder()
                .sliding_window_type(SlidingWindowType::TimeBased)
                .sliding_window_duration(HOUR)
                .build()?;
            let breaker = Wrapped::new(&layer);
            growth(calls, || breaker.admits(Ok(())).now_or_never().unwrap_or(false))
        })
        .with(SYNCLINE, || {
            let breaker = CircuitBreaker::new().with_time_window(HOUR, 100, 0.5);
            growth(calls, || breaker.call_sync(|| Ok::<_, ()>(())).is_ok())
        })
}

/// The cheapest hundred of calls after `calls`, over that after a thousand.
fn growth(calls: u32, mut call: impl FnMut() -> bool) -> Result<f64> {
    let mut refused = 0;
    let mut many = |count: u32| (0..count).for_each(|_| refused += u32::from(!black_box(call())));
    many(1_000);
    let before = cheapest_hundred(&mut many);
    many(calls.saturating_sub(1_500));
    let after = cheapest_hundred(&mut many);
    if refused > 0 {
        return Err("it refused calls".into());
    }
    Ok(after.div_duration_f64(before))
}

fn cheapest_hundred(many: &mut impl FnMut(u32)) -> Duration {
    let hundreds = (0..5).map(|_| {
        let start = Instant::now();
        many(100);
        start.elapsed()
    });
    hundreds.min().unwrap_or_default()
}
