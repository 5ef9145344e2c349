//! What pays for retries.

use std::{
    hint,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use syncline_resilience::RetryBudget;
use tower::retry::budget::{Budget as _, TpsBudget};
use tower_resilience_retry::RetryBudgetBuilder;

use super::{
    paused,
    trap::{SYNCLINE, Trap},
};
use crate::Result;

const SECOND: Duration = Duration::from_secs(1);
const MONTH: Duration = Duration::from_secs(3_600 * 24 * 30);
const SUCCESSES: u32 = 1_000;
const THREADS: usize = 4;
/// Races between two starts of threads, so that their budgets fit into memory.
const HEAT: usize = 5_000;

/// Time that nobody used is walked through, step by step.
pub(super) fn idle() -> Trap {
    Trap::at_most(32, 10.0, "microseconds of the first withdrawal after 30 idle days, the window being 1 s")
        .with("tower", || {
            paused::run(async {
                let budget = TpsBudget::new(SECOND, 10, 0.2);
                after_a_month(|| budget.withdraw()).await
            })
        })
        .with(SYNCLINE, || {
            paused::run(async {
                let budget = RetryBudget::tps(SECOND, 10, 0.2);
                after_a_month(|| budget.try_acquire()).await
            })
        })
}

/// Looks, then takes.
pub(super) fn overdrawn(races: usize) -> Trap {
    let experiment = format!("races overdrawn, of {races} in which {THREADS} threads want the only token");
    Trap::at_most(42, 0.0, experiment)
        .with("tower", || {
            let fresh = || {
                let budget = TpsBudget::new(SECOND * 60, 0, 1.0);
                budget.deposit();
                budget
            };
            race(races, fresh, |budget| budget.withdraw())
        })
        .with(SYNCLINE, || race(races, || RetryBudget::new(1, 0.0), |budget| budget.try_acquire()))
}

/// A ratio that is cut off to a whole number.
pub(super) fn cut_off() -> Trap {
    Trap::at_most(43, 1.0, format!("retries off from the 600 that {SUCCESSES} successes earn at a ratio of 0.6"))
        .with("tower", || {
            let budget = TpsBudget::new(SECOND * 60, 0, 0.6);
            let earned = earned(|| budget.deposit(), || budget.withdraw());
            Ok((earned - 600.0).abs())
        })
        .with(SYNCLINE, || {
            let budget = RetryBudget::new(SUCCESSES, 0.0).with_deposit_ratio(0.6);
            let earned = earned(|| budget.succeeded(), || budget.try_acquire());
            Ok((earned - 600.0).abs())
        })
}

/// A success earns a whole retry; the other budget of that library can be told otherwise.
pub(super) fn no_ratio() -> Trap {
    let experiment = format!("retries earned by {SUCCESSES} successes, where a fifth was wanted if it can be had");
    Trap::at_most(44, 200.0, experiment)
        .with("tower-resilience-retry", || {
            let builder = RetryBudgetBuilder::new().token_bucket();
            let budget = builder.tokens_per_second(0.0).max_tokens(SUCCESSES as usize).build()?;
            Ok(earned(|| budget.deposit(), || budget.try_withdraw()))
        })
        .with("tower-resilience-retry.aimd", || {
            let builder = RetryBudgetBuilder::new().aimd().deposit_amount(1).withdraw_amount(5);
            let budget = builder.min_budget(SUCCESSES as usize).max_budget(SUCCESSES as usize).build()?;
            Ok(earned(|| budget.deposit(), || budget.try_withdraw()))
        })
        .with(SYNCLINE, || {
            let budget = RetryBudget::new(SUCCESSES, 0.0).with_deposit_ratio(0.2);
            Ok(earned(|| budget.succeeded(), || budget.try_acquire()))
        })
}

/// Empties a budget, lets it earn, and counts what can be withdrawn then.
fn earned(deposit: impl Fn(), withdraw: impl Fn() -> bool) -> f64 {
    let all = || (0..2 * SUCCESSES).take_while(|_| withdraw()).count();
    all();
    (0..SUCCESSES).for_each(|_| deposit());
    all() as f64
}

/// The cheapest of three, so that what else the machine does is not counted.
async fn after_a_month(withdraw: impl Fn() -> bool) -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..3 {
        tokio::time::advance(MONTH).await;
        let start = Instant::now();
        if !hint::black_box(withdraw()) {
            return Err("it refused".into());
        }
        took.push(start.elapsed());
    }
    Ok(took.into_iter().min().unwrap_or_default().as_secs_f64() * 1e6)
}

/// In how many of `races` more than one thread was paid by a budget that `fresh` makes for one.
fn race<B: Send + Sync>(races: usize, fresh: impl Fn() -> B, withdraw: impl Fn(&B) -> bool + Sync) -> Result<f64> {
    let mut overdrawn = 0;
    for _ in 0..races / HEAT {
        let paid = heat((0..HEAT).map(|_| fresh()).collect(), &withdraw);
        if paid.contains(&0) {
            return Err("nobody was paid in some race".into());
        }
        overdrawn += paid.iter().filter(|paid| **paid > 1).count();
    }
    Ok(overdrawn as f64)
}

/// How many threads each of `budgets` paid, all asking at once.
fn heat<B: Send + Sync>(budgets: Vec<B>, withdraw: impl Fn(&B) -> bool + Sync) -> Vec<u32> {
    let paid: Vec<_> = budgets.iter().map(|_| AtomicU32::new(0)).collect();
    let arrived = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for (round, (budget, paid)) in budgets.iter().zip(&paid).enumerate() {
                    meet(&arrived, (round + 1) * THREADS);
                    if withdraw(budget) {
                        paid.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    paid.into_iter().map(AtomicU32::into_inner).collect()
}

/// Waits until `all` have arrived, counted from the first race on; there may be more threads than processors.
fn meet(arrived: &AtomicUsize, all: usize) {
    arrived.fetch_add(1, Ordering::AcqRel);
    let mut spins = 0_u32;
    while arrived.load(Ordering::Acquire) < all {
        spins += 1;
        if spins.is_multiple_of(64) {
            thread::yield_now();
        } else {
            hint::spin_loop();
        }
    }
}
