//! Delays: their cap, their jitter, their sum.

use std::{collections::HashSet, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use syncline_resilience::{Backoff, backoff::Jitter};
use tokio_retry2::strategy::ExponentialBackoff as TokioRetryBackoff;
use tower::{
    retry::backoff::{Backoff as _, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff as _},
    util::rng::HasherRng,
};
use tower_resilience_retry::{ExponentialRandomBackoff, IntervalFunction as _};

use super::{
    paused,
    trap::{SYNCLINE, Trap},
};
use crate::Result;

const SECOND: Duration = Duration::from_secs(1);
const DRAWS: usize = 10_000;
const SAMPLES: usize = 1_000;

/// Jitter is added to the longest delay.
pub(super) fn beyond_the_cap() -> Trap {
    let cap = SECOND * 10;
    let part = move |longest: Option<Duration>| Ok(longest.ok_or("no delay")?.div_duration_f64(cap));
    Trap::at_most(1, 1.0, format!("longest of {DRAWS} jittered delays, as a part of the longest allowed"))
        .with("backon", || {
            let delays = ExponentialBuilder::new().with_jitter().with_max_delay(cap).with_max_times(DRAWS);
            part(delays.build().max())
        })
        .with("tower-resilience-retry", || {
            let delays = ExponentialRandomBackoff::new(SECOND, 1.0)?.max_interval(cap);
            part((0..DRAWS).map(|attempt| delays.next_interval(attempt)).max())
        })
        .with(SYNCLINE, || {
            let delays = Backoff::exponential(SECOND, cap).with_jitter(Jitter::Full);
            part(delays.delays().take(DRAWS).max())
        })
}

/// At the longest delay everybody waits for as long.
pub(super) fn lost_at_the_cap() -> Trap {
    let (base, cap) = (Duration::from_millis(50), Duration::from_millis(100));
    Trap::at_least(2, 900.0, format!("different ones of {SAMPLES} jittered delays at the cap"))
        .with("tower", || {
            paused::run(async {
                let mut session = tower_maker(base, cap)?.make_backoff();
                Ok(distinct(tower_delays(&mut session, SAMPLES + 10).into_iter().skip(10)))
            })
        })
        .with(SYNCLINE, || {
            let delays = Backoff::exponential(base, cap).with_jitter(Jitter::Factor(0.3));
            Ok(distinct(delays.delays().skip(10).take(SAMPLES)))
        })
}

/// Operations that begin together retry together.
pub(super) fn in_step() -> Trap {
    let (base, cap) = (Duration::from_millis(50), SECOND * 10);
    Trap::at_least(3, 3.0, "different sequences of delays among 3 operations with jitter")
        .with("tower", || {
            paused::run(async {
                let mut maker = tower_maker(base, cap)?;
                Ok(distinct((0..3).map(|_| tower_delays(&mut maker.make_backoff(), 3))))
            })
        })
        .with(SYNCLINE, || {
            let backoff = Backoff::exponential(base, cap).with_jitter(Jitter::Factor(0.3));
            Ok(distinct((0..3).map(|_| backoff.delays().take(3).collect::<Vec<_>>())))
        })
}

/// Delays that pass through a type that cannot hold them.
pub(super) fn rounded() -> Trap {
    let (fine, coarse) = (Duration::from_nanos(16_777_217), Duration::from_millis(1_900));
    Trap::at_most(6, 0.0, "nanoseconds by which the first two delays are off from base and twice base")
        .with("backon", || Ok(off(fine, ExponentialBuilder::new().with_min_delay(fine).build())))
        .with("failsafe", || Ok(off(coarse, failsafe::backoff::exponential(coarse, SECOND * 60))))
        .with(SYNCLINE, || {
            let delays = |base| Backoff::exponential(base, SECOND * 60).with_jitter(Jitter::None).delays();
            Ok(off(fine, delays(fine)) + off(coarse, delays(coarse)))
        })
}

/// The first delay is also the factor.
pub(super) fn base_as_factor() -> Trap {
    let third_over_first = |delays: &mut dyn Iterator<Item = Duration>| {
        let first = delays.next().ok_or("no delay")?;
        Ok(delays.nth(1).ok_or("no third delay")?.div_duration_f64(first))
    };
    Trap::at_most(8, 4.0, "the third delay over the first of 50 ms, in the one backoff that is called exponential")
        .with("tokio-retry2", || third_over_first(&mut TokioRetryBackoff::from_millis(50)))
        .with(SYNCLINE, || {
            let backoff = Backoff::exponential(Duration::from_millis(50), SECOND * 3_600);
            third_over_first(&mut backoff.delays())
        })
}

fn tower_maker(base: Duration, cap: Duration) -> Result<ExponentialBackoffMaker> {
    Ok(ExponentialBackoffMaker::new(base, cap, 0.99, HasherRng::default())?)
}

fn tower_delays(session: &mut ExponentialBackoff, count: usize) -> Vec<Duration> {
    (0..count).map(|_| paused::length(&session.next_backoff())).collect()
}

fn distinct<T: Eq + std::hash::Hash>(values: impl Iterator<Item = T>) -> f64 {
    values.collect::<HashSet<_>>().len() as f64
}

fn off(base: Duration, delays: impl Iterator<Item = Duration>) -> f64 {
    let exact = [base, base * 2];
    exact
        .iter()
        .zip(delays)
        .map(|(exact, delay)| exact.abs_diff(delay).as_nanos() as f64)
        .sum()
}
