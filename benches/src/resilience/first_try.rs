//! Operations that succeed at once: what it costs to be ready to repeat them.

use std::{
    hint::black_box,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable as _};
use syncline_resilience::{CircuitBreaker, RetryBudget, RetryStrategy};
use tokio_retry2::{Retry, RetryError, strategy::ExponentialFactorBackoff};
use tower::{Layer as _, Service as _, ServiceExt as _};
use tower_resilience_retry::RetryLayer;

use super::{
    Plan,
    awaited::Awaited,
    contest::{self, Contender, Outcome},
};
use crate::{Result, measure::Measure};

/// Attempts that everybody is allowed.
const ATTEMPTS: u32 = 5;
/// What two threads gain when each has a processor, at least.
const PARALLEL: f64 = 1.6;
const SECOND: Duration = Duration::from_secs(1);

/// All figures of first tries.
pub(super) fn run(plan: Plan) -> Result<Vec<Measure>> {
    let coupled = Coupled::new();
    let before = coupled.words();
    let alone = contest(plan, 1, &coupled)?;
    let both = contest(plan, 2, &coupled)?;
    let mut measures = alone.measures();
    measures.extend(both.measures());
    for outcome in [&alone, &both] {
        let added = |name: &str| Measure::context(outcome.name(&format!("{name}.added_ns")), overhead(outcome, name));
        measures.extend(["syncline", "syncline.coupled", "backon", "tokio_retry2", "tower_resilience"].map(added));
        measures.push(Measure::at_most(outcome.name("syncline.added_vs_backon"), overheads(outcome), 0.5));
    }
    measures.extend([
        Measure::at_most("resilience.first_try.words_changed", f64::from(coupled.words() != before), 0.0),
        Measure::context("resilience.first_try.scaling", alone.ns("syncline") / both.ns("syncline")),
        Measure::context(
            "resilience.first_try.one_shared_write.scaling_vs_unshared",
            scaling(&alone, &both, "one_shared_write"),
        ),
        Measure::at_least(
            "resilience.first_try.coupled.scaling_vs_unshared",
            scaling(&alone, &both, "syncline.coupled"),
            0.9,
        ),
    ]);
    Ok(measures)
}

/// Nanoseconds that `name` adds to a bare await.
fn overhead(outcome: &Outcome, name: &str) -> f64 {
    outcome.ratio([name, "bare"], |[own, bare]| own - bare)
}

/// Syncline's over backon's. What adds nothing to a bare await was not measured, and is no number.
fn overheads(outcome: &Outcome) -> f64 {
    let (own, backon) = (overhead(outcome, "syncline"), overhead(outcome, "backon"));
    if own > 0.0 && backon > 0.0 { own / backon } else { f64::NAN }
}

/// How much a second thread helps `name`, over how much it helps a strategy without anything to share. No number where that
/// is little: the threads had no processor each, and a write would not have been seen.
fn scaling(alone: &Outcome, both: &Outcome, name: &str) -> f64 {
    let gain = |name| alone.ns(name) / both.ns(name);
    if gain("syncline") > PARALLEL {
        gain(name) / gain("syncline")
    } else {
        f64::NAN
    }
}

/// A strategy with all that it can be coupled with.
struct Coupled {
    strategy: RetryStrategy,
    breaker: Arc<CircuitBreaker>,
    budget: Arc<RetryBudget>,
}

impl Coupled {
    fn new() -> Self {
        let breaker = Arc::new(CircuitBreaker::new());
        let budget = Arc::new(RetryBudget::new(100, 10.0).with_deposit_ratio(0.1));
        let strategy = RetryStrategy::new()
            .with_circuit_breaker(Arc::clone(&breaker))
            .with_budget(Arc::clone(&budget));
        Self { strategy, breaker, budget }
    }

    /// All that they hold, as text: what is the same before and after was not changed.
    fn words(&self) -> (String, String) {
        (format!("{:?} {:?}", self.breaker, self.breaker.stats()), format!("{:?}", self.budget))
    }
}

fn contest(plan: Plan, threads: usize, coupled: &Coupled) -> Result<Outcome> {
    let awaited = Awaited::new()?;
    let strategy = RetryStrategy::new();
    let timed = RetryStrategy::new().with_timeout(SECOND * 30);
    let layer = RetryLayer::<u64, u64, io::Error>::builder()
        .max_attempts(ATTEMPTS as usize)
        .exponential_backoff(SECOND)
        .build();
    let service = layer.layer(tower::service_fn(answer));
    let shared = AtomicU64::new(0);
    let contenders = [
        Contender::new("bare", |count| {
            awaited.run(async {
                for place in 0..count {
                    _ = black_box(answer(place).await.is_ok());
                }
            });
        }),
        Contender::new("one_shared_write", |count| {
            awaited.run(async {
                for place in 0..count {
                    _ = black_box(strategy.execute(|| answer(place)).await.is_ok());
                    shared.fetch_add(1, Ordering::Relaxed);
                }
            });
        }),
        Contender::new("syncline", |count| {
            awaited.run(async {
                for place in 0..count {
                    _ = black_box(black_box(&strategy).execute(|| answer(place)).await.is_ok());
                }
            });
        }),
        Contender::new("syncline.timeout", |count| {
            awaited.run(async {
                for place in 0..count {
                    _ = black_box(black_box(&timed).execute(|| answer(place)).await.is_ok());
                }
            });
        }),
        Contender::new("syncline.coupled", |count| {
            awaited.run(async {
                for place in 0..count {
                    _ = black_box(black_box(&coupled.strategy).execute(|| answer(place)).await.is_ok());
                }
            });
        }),
        Contender::new("backon", |count| {
            awaited.run(async {
                for place in 0..count {
                    let builder = ExponentialBuilder::new().with_jitter().with_max_times(ATTEMPTS as usize - 1);
                    _ = black_box((|| answer(place)).retry(black_box(builder)).await.is_ok());
                }
            });
        }),
        Contender::new("tokio_retry2", |count| {
            awaited.run(async {
                for place in 0..count {
                    let delays = ExponentialFactorBackoff::from_millis(1_000, 2.0).take(ATTEMPTS as usize - 1);
                    let operation = async || answer(place).await.map_err(RetryError::transient);
                    _ = black_box(Retry::spawn(black_box(delays), operation).await.is_ok());
                }
            });
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
    ];
    Ok(contest::run("resilience.first_try", plan, threads, &contenders))
}

/// The compiler must not know how it ends. A number is hidden from it and not the result, which would go through memory.
async fn answer(place: u64) -> io::Result<u64> {
    if black_box(place) == u64::MAX {
        Err(io::ErrorKind::Other.into())
    } else {
        Ok(place)
    }
}
