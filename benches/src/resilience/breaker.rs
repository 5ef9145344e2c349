//! The breaker's ways: closed and well, and open.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use failsafe::{CircuitBreaker as _, failure_policy};
use recloser::Recloser;
use syncline_resilience::CircuitBreaker;
use tower::{Service as _, ServiceExt as _};
use tower_resilience_circuitbreaker::circuit_breaker_builder;

use super::{
    Plan,
    awaited::Awaited,
    contest::{self, Contender, Outcome},
};
use crate::{Result, measure::Measure};

const HOUR: Duration = Duration::from_secs(3_600);

/// All figures of the breaker.
pub(super) fn run(plan: Plan) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    for threads in [1, 2] {
        let outcome = closed(plan, threads)?;
        measures.extend(outcome.measures());
        measures.extend([
            Measure::at_most(
                outcome.name("syncline.vs_fetch_add"),
                outcome.ratio(["syncline.permit", "fetch_add"], |[own, add]| own / add),
                1.5,
            ),
            Measure::at_least(
                outcome.name("syncline.vs_recloser"),
                outcome.ratio(["recloser", "syncline.call"], |[recloser, own]| recloser / own),
                3.0,
            ),
            // Recloser has a window of calls and no other mode: this is the one that does the same work.
            Measure::context(
                outcome.name("syncline.count_window.vs_recloser"),
                outcome.ratio(["recloser", "syncline.count_window"], |[recloser, own]| recloser / own),
            ),
            Measure::context(
                outcome.name("syncline.vs_failsafe_consecutive"),
                outcome.ratio(["failsafe_consecutive", "syncline.call"], |[failsafe, own]| failsafe / own),
            ),
        ]);
    }
    let outcome = open(plan)?;
    measures.extend(outcome.measures());
    let ratio = outcome.ratio(["recloser", "syncline.permit"], |[recloser, own]| recloser / own);
    measures.push(Measure::context(outcome.name("syncline.vs_recloser"), ratio));
    Ok(measures)
}

/// A request that succeeds at once, through a breaker that is closed.
fn closed(plan: Plan, threads: usize) -> Result<Outcome> {
    let breaker = CircuitBreaker::new();
    let counting = CircuitBreaker::new().with_count_window(50, 10, 0.5);
    let timing = CircuitBreaker::new().with_time_window(HOUR, 10, 0.5);
    let recloser = Recloser::custom().build();
    let failsafe = failsafe::Config::new().build();
    let policy = failure_policy::consecutive_failures(5, failsafe::backoff::constant(HOUR));
    let consecutive = failsafe::Config::new().failure_policy(policy).build();
    let layer = circuit_breaker_builder().consecutive_failures(5).build()?;
    let service = layer.layer_fn(tower::service_fn(answer));
    let awaited = Awaited::new()?;
    let shared = AtomicU64::new(0);
    let contenders = [
        Contender::new("fetch_add", |count| {
            let own = AtomicU64::new(0);
            (0..count).for_each(|_| _ = black_box(&own).fetch_add(1, Ordering::AcqRel));
        }),
        Contender::new("fetch_add_shared", |count| {
            (0..count).for_each(|_| _ = black_box(&shared).fetch_add(1, Ordering::AcqRel));
        }),
        Contender::new("syncline.permit", |count| {
            for _ in 0..count {
                if let Ok(permit) = black_box(&breaker).try_acquire() {
                    permit.success();
                }
            }
        }),
        Contender::new("syncline.call", |count| {
            (0..count).for_each(|place| _ = black_box(black_box(&breaker).call_sync(|| succeed(place)).is_ok()));
        }),
        Contender::new("syncline.count_window", |count| {
            (0..count).for_each(|place| _ = black_box(black_box(&counting).call_sync(|| succeed(place)).is_ok()));
        }),
        Contender::new("syncline.time_window", |count| {
            (0..count).for_each(|place| _ = black_box(black_box(&timing).call_sync(|| succeed(place)).is_ok()));
        }),
        Contender::new("recloser", |count| {
            (0..count).for_each(|place| _ = black_box(black_box(&recloser).call(|| succeed(place)).is_ok()));
        }),
        Contender::new("failsafe", |count| {
            (0..count).for_each(|place| _ = black_box(black_box(&failsafe).call(|| succeed(place)).is_ok()));
        }),
        Contender::new("failsafe_consecutive", |count| {
            (0..count).for_each(|place| _ = black_box(black_box(&consecutive).call(|| succeed(place)).is_ok()));
        }),
        Contender::new("tower_resilience", |count| {
            awaited.run(async {
                let mut service = service.clone();
                for place in 0..count {
                    if let Ok(ready) = service.ready().await {
                        _ = black_box(ready.call(place).await.is_ok());
                    }
                }
            });
        }),
        Contender::new("awaited", |count| {
            awaited.run(async {
                for place in 0..count {
                    _ = black_box(answer(place).await.is_ok());
                }
            });
        }),
    ];
    Ok(contest::run("resilience.breaker.closed", plan, threads, &contenders))
}

/// A request that is refused.
fn open(plan: Plan) -> Result<Outcome> {
    let breaker = CircuitBreaker::new().with_timeout(HOUR);
    let recloser = Recloser::custom().closed_len(1).open_wait(HOUR).build();
    let policy = failure_policy::consecutive_failures(5, failsafe::backoff::constant(HOUR));
    let failsafe = failsafe::Config::new().failure_policy(policy).build();
    for _ in 0..5 {
        breaker.record_failure();
        _ = recloser.call(|| Err::<u64, ()>(()));
        _ = failsafe.call(|| Err::<u64, ()>(()));
    }
    let is_refused =
        breaker.try_acquire().is_err() && recloser.call(|| succeed(0)).is_err() && !failsafe.is_call_permitted();
    if !is_refused {
        return Err("a breaker did not open".into());
    }
    let contenders = [
        Contender::new("clock", |count| (0..count).for_each(|_| _ = black_box(std::time::Instant::now()))),
        Contender::new("syncline.permit", |count| {
            (0..count).for_each(|_| _ = black_box(black_box(&breaker).try_acquire().is_ok()));
        }),
        Contender::new("recloser", |count| {
            (0..count).for_each(|place| _ = black_box(black_box(&recloser).call(|| succeed(place)).is_ok()));
        }),
        Contender::new("failsafe", |count| {
            (0..count).for_each(|place| _ = black_box(black_box(&failsafe).call(|| succeed(place)).is_ok()));
        }),
    ];
    Ok(contest::run("resilience.breaker.open", plan, 1, &contenders))
}

/// The compiler must not know how it ends. A number is hidden from it and not the result, which would go through memory.
fn succeed(place: u64) -> std::result::Result<u64, ()> {
    if black_box(place) == u64::MAX { Err(()) } else { Ok(place) }
}

async fn answer(place: u64) -> std::result::Result<u64, ()> {
    succeed(place)
}
