//! What delays are, whatever they are drawn from.

use std::{collections::HashSet, time::Duration};

use proptest::prelude::*;

use super::*;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

const JITTERS: [Jitter; 5] = [Jitter::None, Jitter::Factor(0.3), Jitter::Equal, Jitter::Full, Jitter::Decorrelated];

fn every_kind(base: Duration, max: Duration) -> [Backoff; 5] {
    [
        Backoff::exponential(base, max),
        Backoff::linear(base, base / 2, max),
        Backoff::fibonacci(base, max),
        Backoff::constant(base).with_max_delay(max),
        Backoff::custom(move |retry| base.saturating_mul(retry), max),
    ]
}

/// The delay before `retry` at its longest.
fn longest(backoff: &Backoff, retry: u32) -> Duration {
    backoff.delay_after(retry, Duration::MAX, || u64::MAX)
}

#[track_caller]
fn check_millis(backoff: Backoff, expected: [u128; 6]) {
    let millis: Vec<_> = backoff.delays().take(6).map(|delay| delay.as_millis()).collect();
    assert_eq!(millis, expected, "{backoff:?}");
}

/// Trap 01: jitter that is added to the capped delay, up to twice the cap.
#[test]
fn no_delay_is_above_its_cap_whatever_the_jitter() {
    let max = 40 * SECOND;
    for backoff in every_kind(100 * MILLI, max) {
        for factor in [0.0, 0.1, 0.3, 0.5, 0.9, 1.0] {
            let delays = backoff.clone().with_jitter(Jitter::Factor(factor)).delays().with_seed(1);
            assert!(delays.take(20_000).all(|delay| delay <= max), "{backoff:?} with {factor}");
        }
    }
}

/// Trap 02: jitter that is cut off by the cap, so that everybody at the cap waits in step.
#[test]
fn delays_at_the_cap_stay_spread() {
    for backoff in every_kind(100 * MILLI, 30 * SECOND) {
        let backoff = if longest(&backoff, 1_000) < 30 * SECOND {
            Backoff::constant(30 * SECOND)
        } else {
            backoff
        };
        for jitter in [Jitter::Factor(0.3), Jitter::Equal, Jitter::Full] {
            let delays = backoff.clone().with_jitter(jitter).delays().with_seed(2);
            let distinct: HashSet<_> = delays.skip(1_000).take(1_000).collect();
            assert!(distinct.len() > 900, "{} distinct of 1000: {backoff:?} with {jitter:?}", distinct.len());
        }
    }
}

/// Trap 02: a walk that is clamped after the draw stands at the cap a third of the time.
#[test]
fn a_walk_at_the_cap_stays_spread() {
    let cap = 60 * SECOND;
    let backoff = Backoff::exponential(SECOND, cap).with_jitter(Jitter::Decorrelated);
    let delays: Vec<_> = backoff.delays().with_seed(3).skip(1_000).take(1_000).collect();
    assert!(delays.iter().collect::<HashSet<_>>().len() > 900);
    assert!(delays.iter().filter(|delay| **delay == cap).count() < 10);
}

/// Trap 03: a generator that is copied with the strategy, so that every session draws the same.
#[test]
fn two_sessions_of_one_backoff_differ() {
    let backoff = Backoff::exponential(SECOND, 60 * SECOND).with_jitter(Jitter::Full);
    let session = || backoff.clone().delays().take(8).collect::<Vec<_>>();
    assert_ne!(session(), session());
    let delays = backoff.delays();
    let [first, second] = [delays.clone(), delays].map(|delays| delays.take(8).collect::<Vec<_>>());
    assert_ne!(first, second, "a copied iterator");
}

/// Trap 04: powers, products and casts that overflow after many retries.
#[test]
fn the_last_retry_that_can_be_counted_waits_the_longest_delay() {
    let max = 60 * SECOND;
    for backoff in every_kind(MILLI, max) {
        let at_the_cap = if backoff.cap() < 60_000_000_000 { MILLI } else { max };
        assert_eq!(longest(&backoff, u32::MAX), at_the_cap, "{backoff:?}");
    }
    let forever = Duration::from_nanos(u64::MAX);
    for backoff in every_kind(Duration::MAX, Duration::MAX) {
        assert_eq!(longest(&backoff, u32::MAX), forever, "{backoff:?}");
        for jitter in JITTERS {
            let delays = backoff.clone().with_jitter(jitter).delays().with_seed(4);
            assert!(delays.take(200).all(|delay| delay <= forever), "{backoff:?} with {jitter:?}");
        }
    }
}

/// Trap 06: durations that pass through a float and lose nanoseconds.
#[test]
fn doubling_is_exact_to_the_nanosecond() {
    let odd = 16_777_217;
    let backoff = Backoff::exponential(Duration::from_nanos(odd), Duration::MAX);
    for (retry, delay) in (0..20).zip(backoff.delays()) {
        assert_eq!(delay, Duration::from_nanos(odd << retry), "retry {}", retry + 1);
    }
}

/// Trap 07: setters that look at each other, so that their order decides whether they fail.
#[test]
fn the_order_of_setters_does_not_matter() {
    let small = || Backoff::exponential(SECOND, 2 * SECOND);
    let (base, max) = (100 * SECOND, 200 * SECOND);
    let base_first = small().with_base_delay(base).with_max_delay(max);
    let max_first = small().with_max_delay(max).with_base_delay(base);
    for backoff in [base_first, max_first] {
        assert_eq!((longest(&backoff, 1), longest(&backoff, 2)), (base, max));
    }
    assert_eq!(longest(&small().with_base_delay(base), 1), 2 * SECOND, "a base above the cap is the cap");
}

/// Trap 08: a base that is raised to a power: 50 ms, 2.5 s, 125 s.
#[test]
fn delays_grow_by_the_documented_rule() {
    let (base, max) = (100 * MILLI, 10 * SECOND);
    check_millis(Backoff::exponential(base, max), [100, 200, 400, 800, 1_600, 3_200]);
    check_millis(Backoff::exponential(base, 450 * MILLI), [100, 200, 400, 450, 450, 450]);
    check_millis(Backoff::linear(base, 50 * MILLI, max), [100, 150, 200, 250, 300, 350]);
    check_millis(Backoff::fibonacci(base, max), [100, 100, 200, 300, 500, 800]);
    check_millis(Backoff::constant(base), [100; 6]);
    check_millis(Backoff::custom(|retry| retry * retry * MILLI, 20 * MILLI), [1, 4, 9, 16, 20, 20]);
}

#[test]
fn retry_zero_counts_as_the_first() {
    for backoff in every_kind(100 * MILLI, SECOND) {
        assert_eq!(longest(&backoff, 0), longest(&backoff, 1), "{backoff:?}");
    }
}

#[test]
fn a_function_is_not_part_of_what_is_printed() {
    let backoff = Backoff::custom(|_| SECOND, SECOND);
    assert!(format!("{backoff:?}").contains("growth: Custom(..)"));
}

#[test]
fn a_strategy_remembers_only_what_it_counts() {
    let mut strategy = ExponentialBackoff::new(SECOND, 60 * SECOND);
    assert_eq!((strategy.next_delay(), strategy.next_delay()), (SECOND, 2 * SECOND));
    assert_eq!(strategy.delay(6), 32 * SECOND);
    assert_eq!(strategy.next_delay(), 4 * SECOND);
    strategy.reset();
    assert_eq!(strategy.next_delay(), SECOND);
}

#[test]
fn strategies_are_their_backoffs_by_name() {
    let (base, max) = (100 * MILLI, SECOND);
    let named: [(Backoff, Backoff); 5] = [
        (ExponentialBackoff::new(base, max).into(), Backoff::exponential(base, max)),
        (LinearBackoff::new(base, base, max).into(), Backoff::linear(base, base, max)),
        (ConstantBackoff::new(base).into(), Backoff::constant(base)),
        (FixedBackoff::new(base).into(), Backoff::fixed(base)),
        (FibonacciBackoff::new(base, max).into(), Backoff::fibonacci(base, max)),
    ];
    for (named, backoff) in named {
        assert_eq!(format!("{named:?}"), format!("{backoff:?}"));
    }
}

#[test]
fn a_walk_asked_for_by_number_reaches_its_cap() {
    let walk = ExponentialBackoff::new(SECOND, 60 * SECOND)
        .with_jitter(Jitter::Decorrelated)
        .with_seed(5);
    assert!((0..100).all(|_| walk.delay(1) <= 3 * SECOND));
    assert!((0..100).any(|_| walk.delay(u32::MAX) > 30 * SECOND));
}

#[test]
fn a_walk_begins_between_its_base_and_three_times_it_and_again_after_a_reset() {
    let backoff = Backoff::exponential(SECOND, 60 * SECOND).with_jitter(Jitter::Decorrelated);
    let first = |random| backoff.delay_after(1, Duration::ZERO, || random);
    assert_eq!((first(0), first(u64::MAX)), (SECOND, 3 * SECOND));
    let mut delays = backoff.delays().with_seed(6);
    for _ in 0..50 {
        assert!(delays.by_ref().take(20).any(|delay| delay > 9 * SECOND));
        delays.reset();
        assert!(delays.next().unwrap() <= 3 * SECOND);
    }
}

proptest! {
    #[test]
    fn a_delay_is_in_the_part_that_its_jitter_leaves(
        base in 0..=u64::MAX, max in 0..=u64::MAX, factor in 0.0..=1.0_f64, retry in 0..200_u32, random: u64,
    ) {
        for backoff in every_kind(Duration::from_nanos(base), Duration::from_nanos(max)) {
            let capped = longest(&backoff, retry);
            let draw = |jitter| backoff.clone().with_jitter(jitter).delay_after(retry, Duration::ZERO, || random);
            let low = capped.as_nanos() as f64 * (1.0 - factor);
            let delay = draw(Jitter::Factor(factor));
            prop_assert!(delay <= capped && capped <= Duration::from_nanos(max));
            // A factor is kept to nine places.
            prop_assert!(delay.as_nanos() as f64 >= low - capped.as_nanos() as f64 * 1e-9 - 1.0);
            prop_assert!(draw(Jitter::Equal) >= capped / 2 && draw(Jitter::Equal) <= capped);
            prop_assert!(draw(Jitter::Full) <= capped);
            prop_assert_eq!(draw(Jitter::None), capped);
        }
    }

    #[test]
    fn a_walk_stays_between_its_base_and_three_times_the_last_delay(
        base in 1..=u64::MAX, max in 1..=u64::MAX, previous: u64, random: u64,
    ) {
        let [base, max, previous] = [base, max, previous].map(Duration::from_nanos);
        let backoff = Backoff::exponential(base, max).with_jitter(Jitter::Decorrelated);
        let delay = backoff.delay_after(9, previous, || random);
        prop_assert!(delay >= base.min(max));
        prop_assert!(delay <= max && delay <= previous.max(base).saturating_mul(3));
    }

    #[test]
    fn delays_without_jitter_never_shrink(base: u64, max: u64) {
        let [base, max] = [base, max].map(Duration::from_nanos);
        for backoff in every_kind(base, max) {
            let delays: Vec<_> = backoff.delays().take(150).collect();
            prop_assert!(delays.is_sorted(), "{:?}", backoff);
        }
    }

    #[test]
    fn a_seed_replays(seed: u64) {
        for jitter in JITTERS {
            let backoff = Backoff::fibonacci(SECOND, 60 * SECOND).with_jitter(jitter);
            let draw = || backoff.delays().with_seed(seed).take(10).collect::<Vec<_>>();
            prop_assert_eq!(draw(), draw());
        }
    }
}
