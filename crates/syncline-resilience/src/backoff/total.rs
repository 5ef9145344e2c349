//! The longest time that delays take together.

use std::time::Duration;

use super::{
    Backoff,
    growth::{Growth, STEADY_AFTER, nanos},
    jitter::{Spread, tripled},
};

/// Delays of a custom backoff that are asked for.
const ASKED_MAX: u32 = 1_000;

const NANOS_PER_SEC: u128 = 1_000_000_000;

/// The sum of the first `retries` delays at their longest.
pub(super) fn longest(backoff: &Backoff, retries: u32) -> Duration {
    duration(match (backoff.spread, &backoff.growth) {
        (Spread::Decorrelated, _) => walked(backoff, retries),
        (Spread::Part { .. }, Growth::Linear { increment }) => {
            arithmetic(backoff.base(), nanos(*increment), backoff.cap(), retries)
        }
        (Spread::Part { .. }, Growth::Custom(_)) => stepped(backoff, retries, ASKED_MAX, backoff.cap()),
        (Spread::Part { .. }, _) => stepped(backoff, retries, STEADY_AFTER, backoff.capped(STEADY_AFTER)),
    })
}

/// The first `steps` one by one, and `rest` for each after them.
fn stepped(backoff: &Backoff, retries: u32, steps: u32, rest: u64) -> u128 {
    let sum: u128 = (1..=retries.min(steps)).map(|retry| u128::from(backoff.capped(retry))).sum();
    sum + u128::from(rest) * u128::from(retries.saturating_sub(steps))
}

/// Each step three times as far as the one before it, up to the cap.
fn walked(backoff: &Backoff, retries: u32) -> u128 {
    let (mut sum, mut step) = (0, backoff.capped(1));
    let steps = retries.min(STEADY_AFTER);
    for _ in 0..steps {
        step = tripled(step, backoff.cap());
        sum += u128::from(step);
    }
    sum + u128::from(step) * u128::from(retries - steps)
}

/// `base + n * increment` while that is below the cap, then the cap: as a formula, because a small increment takes many steps.
fn arithmetic(base: u64, increment: u64, cap: u64, retries: u32) -> u128 {
    let [base, cap, all] = [u128::from(base.min(cap)), u128::from(cap), u128::from(retries)];
    let growing = match increment {
        0 => all,
        increment => ((cap - base) / u128::from(increment) + 1).min(all),
    };
    // At most 2^32 delays of 64 bits each: every term is below 2^128.
    let grown = u128::from(increment) * (growing * growing.saturating_sub(1) / 2);
    growing * base + grown + (all - growing) * cap
}

fn duration(nanos: u128) -> Duration {
    let below_a_second = u32::try_from(nanos % NANOS_PER_SEC).unwrap_or_default();
    u64::try_from(nanos / NANOS_PER_SEC).map_or(Duration::MAX, |secs| Duration::new(secs, below_a_second))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backoff::Jitter;

    const MILLI: Duration = Duration::from_millis(1);

    proptest! {
        #[test]
        fn the_sum_is_that_of_its_delays(base in 0..2_000_u32, increment in 0..50_u32, max in 0..3_000_u32, retries in 0..400_u32) {
            let (base, increment, max) = (base * MILLI, increment * MILLI, max * MILLI);
            for backoff in [
                Backoff::exponential(base, max),
                Backoff::linear(base, increment, max),
                Backoff::fibonacci(base, max),
                Backoff::constant(base).with_max_delay(max),
                Backoff::custom(move |retry| if retry % 2 == 0 { base } else { increment }, max),
            ] {
                let sum: Duration = backoff.delays().take(retries as usize).sum();
                prop_assert_eq!(backoff.worst_case_duration(retries), sum, "{:?}", backoff);
                let jittered = backoff.clone().with_jitter(Jitter::Full);
                prop_assert_eq!(jittered.worst_case_duration(retries), sum, "jitter only shortens: {:?}", backoff);
            }
        }

        #[test]
        fn a_walk_never_takes_longer_than_its_worst_case(seed: u64, base in 1..500_u32, max in 1..60_000_u32, retries in 0..300_u32) {
            let backoff = Backoff::exponential(base * MILLI, max * MILLI).with_jitter(Jitter::Decorrelated);
            let walked: Duration = backoff.delays().with_seed(seed).take(retries as usize).sum();
            prop_assert!(walked <= backoff.worst_case_duration(retries));
        }
    }

    #[test]
    fn the_farthest_walk_triples_up_to_its_cap() {
        let backoff = Backoff::exponential(MILLI, 50 * MILLI).with_jitter(Jitter::Decorrelated);
        assert_eq!(backoff.worst_case_duration(6), (3 + 9 + 27 + 50 + 50 + 50) * MILLI);
    }

    /// Trap 04: sums that overflow or take as many steps as there are retries.
    #[test]
    fn any_number_of_retries_is_summed_at_once() {
        let (base, max) = (Duration::from_nanos(1), Duration::from_secs(60));
        let all = u32::MAX;
        assert_eq!(Backoff::constant(max).worst_case_duration(all), max * all);
        let linear = Backoff::linear(base, base, max);
        assert!(linear.worst_case_duration(all) < max * all);
        for backoff in [
            Backoff::exponential(max, Duration::MAX),
            Backoff::linear(max, Duration::MAX, Duration::MAX),
            Backoff::fibonacci(max, Duration::MAX),
            Backoff::constant(Duration::MAX),
            Backoff::custom(|_| Duration::MAX, Duration::MAX),
            Backoff::exponential(max, Duration::MAX).with_jitter(Jitter::Decorrelated),
        ] {
            assert_eq!(backoff.worst_case_duration(all), Duration::MAX, "{backoff:?}");
            assert_eq!(backoff.worst_case_duration(0), Duration::ZERO, "{backoff:?}");
        }
    }

    #[test]
    fn a_custom_backoff_is_counted_at_its_longest_after_a_thousand() {
        let backoff = Backoff::custom(|_| MILLI, 2 * MILLI);
        assert_eq!(backoff.worst_case_duration(1_003), 1_000 * MILLI + 3 * 2 * MILLI);
    }
}
