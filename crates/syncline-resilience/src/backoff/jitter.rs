//! The part of a delay that is left to chance.

use crate::rng::between;

/// How much of a delay is left to chance. `d` is the delay after the cap, `base` the first one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Jitter {
    /// Nothing: `d`.
    None,
    /// A part of it: from `d * (1 - factor)` to `d`. Below 0.0 and not a number are 0.0, above 1.0 is 1.0; kept to nine
    /// decimal places.
    Factor(f64),
    /// Half of it: from `d / 2` to `d`. The same as a factor of 0.5.
    Equal,
    /// All of it: from zero to `d`. The same as a factor of 1.0.
    Full,
    /// From `base` to three times the delay before it, in place of `d`: the delays walk instead of growing by rule. The upper
    /// end is capped before the draw, so that delays near the cap stay spread. A constant backoff stays constant.
    ///
    /// Source: Marc Brooker, "Exponential Backoff And Jitter" (AWS, 2015), with the cap moved inside the draw.
    Decorrelated,
}

/// A [`Jitter`] in integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// Invariant: `per_billion <= BILLION`.
    Part {
        per_billion: u32,
    },
    Decorrelated,
}

const BILLION: u32 = 1_000_000_000;

impl From<Jitter> for Spread {
    fn from(jitter: Jitter) -> Self {
        match jitter {
            Jitter::None => Self::Part { per_billion: 0 },
            Jitter::Factor(factor) => Self::Part { per_billion: per_billion(factor) },
            Jitter::Equal => Self::Part { per_billion: BILLION / 2 },
            Jitter::Full => Self::Part { per_billion: BILLION },
            Jitter::Decorrelated => Self::Decorrelated,
        }
    }
}

/// Draws from the upper `per_billion` of `nanos`, both ends possible. Without jitter nothing is drawn.
pub(super) fn shorten(nanos: u64, per_billion: u32, mut random: impl FnMut() -> u64) -> u64 {
    match part(nanos, per_billion) {
        0 => nanos,
        part => between(nanos - part, nanos, random()),
    }
}

/// `nanos * per_billion / BILLION`, rounded down. Whole billions and the rest by themselves each fit in 64 bits.
fn part(nanos: u64, per_billion: u32) -> u64 {
    let (billion, per_billion) = (u64::from(BILLION), u64::from(per_billion));
    nanos / billion * per_billion + nanos % billion * per_billion / billion
}

/// Draws from `low` to three times the larger of `low` and `previous`, at most `high`.
pub(super) fn walk(low: u64, previous: u64, high: u64, mut random: impl FnMut() -> u64) -> u64 {
    between(low, tripled(previous.max(low), high), random())
}

/// The farthest that one step of [`walk`] goes.
pub(super) fn tripled(previous: u64, high: u64) -> u64 {
    previous.saturating_mul(3).min(high)
}

fn per_billion(factor: f64) -> u32 {
    // The cast saturates, and takes what is not a number for 0.
    (factor.clamp(0.0, 1.0) * f64::from(BILLION)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_out_of_range_is_the_nearest_in_it() {
        let part = |factor| Spread::from(Jitter::Factor(factor));
        for nothing in [f64::NAN, -0.5, f64::NEG_INFINITY, -0.0] {
            assert_eq!(part(nothing), Spread::from(Jitter::None));
        }
        for all in [1.0, 1.5, f64::INFINITY] {
            assert_eq!(part(all), Spread::from(Jitter::Full));
        }
        assert_eq!(part(0.5), Spread::from(Jitter::Equal));
        assert_eq!(part(0.3), Spread::Part { per_billion: 300_000_000 });
    }

    #[test]
    fn both_ends_of_the_part_can_be_drawn() {
        let draw = |random| shorten(100_000_000, per_billion(0.3), || random);
        assert_eq!((draw(0), draw(u64::MAX)), (70_000_000, 100_000_000));
        assert_eq!(shorten(u64::MAX, BILLION, || 0), 0);
        assert_eq!(shorten(u64::MAX, BILLION, || u64::MAX), u64::MAX);
    }

    proptest::proptest! {
        #[test]
        fn a_part_is_exact(nanos: u64, per_billion in 0..=BILLION) {
            let exact = u128::from(nanos) * u128::from(per_billion) / u128::from(BILLION);
            proptest::prop_assert_eq!(u128::from(part(nanos, per_billion)), exact);
        }
    }

    #[test]
    fn no_chance_draws_nothing() {
        assert_eq!(shorten(5, 0, || panic!("nothing is left to chance")), 5);
        assert_eq!(shorten(0, BILLION, || panic!("nothing is left to chance")), 0);
    }
}
