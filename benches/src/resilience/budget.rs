//! The budget's ways: a token is taken, refused or earned.

use std::{hint::black_box, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock as GovernorClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use syncline_resilience::{
    RetryBudget,
    time::{Clock, SystemClock},
};
use tower::retry::budget::{Budget as _, TpsBudget};
use tower_resilience_retry::RetryBudgetBuilder;

use super::{
    Plan,
    clocks::{Direct, Stepping, System},
    contest::{self, Contender, Outcome},
};
use crate::{Result, measure::Measure};

/// A rate at which every turn is granted all it asks for.
const PLENTY: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();
const BURST: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();
/// A rate at which nothing comes back while it is measured.
const HARDLY: Duration = Duration::from_secs(3_600 * 24);

type Governor<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as GovernorClock>::Instant>>;

/// All figures of the budget.
pub(super) fn run(plan: Plan) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    for threads in [1, 2] {
        measures.extend(judged(granted(plan, threads)));
        measures.extend(judged(refused(plan, threads)?));
        let earned = earned(plan, threads)?;
        measures.extend(earned.measures());
        let ratio = earned.ratio(["tower_tps", "syncline.full"], |[tower, own]| tower / own);
        measures.push(Measure::context(earned.name("syncline.vs_tower_tps"), ratio));
    }
    measures.extend(judged(stepping(plan)));
    Ok(measures)
}

/// Figures of a contest in which the same is asked of governor, on the same clock.
fn judged(outcome: Outcome) -> Vec<Measure> {
    let ratio = outcome.ratio(["governor", "syncline"], |[governor, own]| governor / own);
    let mut measures = outcome.measures();
    measures.push(Measure::at_least(outcome.name("syncline.vs_governor"), ratio, 0.95));
    measures
}

fn granted(plan: Plan, threads: usize) -> Outcome {
    let budget = plenty(SystemClock);
    let governor = governor(System);
    let quanta = RateLimiter::direct(Quota::per_second(PLENTY).allow_burst(BURST));
    let tps = TpsBudget::new(Duration::from_secs(60), i32::MAX as u32 - 1, 1.0);
    let contenders = [
        Contender::new("clock", |count| (0..count).for_each(|_| _ = black_box(SystemClock.now()))),
        Contender::new("syncline", |count| (0..count).for_each(|_| _ = black_box(black_box(&budget).try_acquire()))),
        Contender::new("governor", |count| {
            (0..count).for_each(|_| _ = black_box(black_box(&governor).check().is_ok()))
        }),
        Contender::new("governor_quanta", |count| {
            (0..count).for_each(|_| _ = black_box(black_box(&quanta).check().is_ok()))
        }),
        Contender::new("tower_tps", |count| (0..count).for_each(|_| _ = black_box(black_box(&tps).withdraw()))),
    ];
    contest::run("resilience.budget.granted", plan, threads, &contenders)
}

/// The same without what the clock costs.
fn stepping(plan: Plan) -> Outcome {
    let budget = plenty(Stepping::default());
    let (governor, direct) = (governor(Stepping::default()), governor(Direct::default()));
    let contenders = [
        Contender::new("syncline", |count| (0..count).for_each(|_| _ = black_box(black_box(&budget).try_acquire()))),
        Contender::new("governor", |count| {
            (0..count).for_each(|_| _ = black_box(black_box(&governor).check().is_ok()))
        }),
        Contender::new("governor_direct", |count| {
            (0..count).for_each(|_| _ = black_box(black_box(&direct).check().is_ok()))
        }),
    ];
    contest::run("resilience.budget.granted_free_clock", plan, 1, &contenders)
}

fn refused(plan: Plan, threads: usize) -> Result<Outcome> {
    let budget = RetryBudget::new(1, 1.0 / HARDLY.as_secs_f64());
    let quota = Quota::with_period(HARDLY).ok_or("no such quota")?;
    let governor = RateLimiter::direct_with_clock(quota, System);
    let tps = TpsBudget::new(Duration::from_secs(60), 0, 1.0);
    if !budget.try_acquire() || governor.check().is_err() {
        return Err("a budget was not full".into());
    }
    if budget.try_acquire() || governor.check().is_ok() || tps.withdraw() {
        return Err("a budget was not empty".into());
    }
    let contenders = [
        Contender::new("syncline", |count| (0..count).for_each(|_| _ = black_box(black_box(&budget).try_acquire()))),
        Contender::new("governor", |count| {
            (0..count).for_each(|_| _ = black_box(black_box(&governor).check().is_ok()))
        }),
        Contender::new("tower_tps", |count| (0..count).for_each(|_| _ = black_box(black_box(&tps).withdraw()))),
    ];
    Ok(contest::run("resilience.budget.refused", plan, threads, &contenders))
}

/// What every success pays in: into a full budget, and into one that owes.
fn earned(plan: Plan, threads: usize) -> Result<Outcome> {
    let full = RetryBudget::new(100, 10.0).with_deposit_ratio(0.1);
    let owing = RetryBudget::new(u32::MAX, 0.0).with_deposit_ratio(0.001);
    if !owing.try_acquire_multiple(u32::MAX) {
        return Err("a budget was not full".into());
    }
    let tps = TpsBudget::default();
    let bucket = RetryBudgetBuilder::new().token_bucket().build()?;
    let contenders = [
        Contender::new("syncline.full", |count| (0..count).for_each(|_| black_box(&full).succeeded())),
        Contender::new("syncline.owing", |count| (0..count).for_each(|_| black_box(&owing).succeeded())),
        Contender::new("tower_tps", |count| (0..count).for_each(|_| black_box(&tps).deposit())),
        Contender::new("tower_resilience", |count| (0..count).for_each(|_| black_box(&bucket).deposit())),
    ];
    Ok(contest::run("resilience.budget.earned", plan, threads, &contenders))
}

fn plenty<C: Clock>(clock: C) -> RetryBudget<C> {
    RetryBudget::with_clock(BURST.get(), f64::from(PLENTY.get()), clock)
}

fn governor<C: GovernorClock>(clock: C) -> Governor<C> {
    RateLimiter::direct_with_clock(Quota::per_second(PLENTY).allow_burst(BURST), clock)
}
