//! How delays grow, before cap and jitter.

use std::{fmt, sync::Arc, time::Duration};

/// Delay before a retry, by its number from 1.
type Function = dyn Fn(u32) -> Duration + Send + Sync;

/// The rule by which delays grow.
#[derive(Clone)]
pub(super) enum Growth {
    Exponential,
    Linear { increment: Duration },
    Fibonacci,
    Constant,
    Custom(Arc<Function>),
}

/// The Fibonacci numbers that fit in 64 bits, from F(1).
const FIBONACCI: [u64; 93] = fibonacci();

/// After as many retries every rule but the linear and the custom one stays where it is: at zero, at its constant, or beyond
/// 64 bits.
pub(super) const STEADY_AFTER: u32 = 128;

impl Growth {
    /// Nanoseconds before retry `retry`, saturating. Retry 0 counts as 1.
    pub(super) fn nanos(&self, base: u64, retry: u32) -> u64 {
        let earlier = retry.saturating_sub(1);
        match self {
            Self::Exponential => shifted(base, earlier),
            Self::Linear { increment } => base.saturating_add(nanos(*increment).saturating_mul(u64::from(earlier))),
            Self::Fibonacci => base.saturating_mul(nth_fibonacci(earlier)),
            Self::Constant => base,
            Self::Custom(function) => nanos(function(earlier.saturating_add(1))),
        }
    }
}

/// The nanoseconds of a duration, up to 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `base * 2^by`, or the most there is where bits would be lost.
fn shifted(base: u64, by: u32) -> u64 {
    match base {
        0 => 0,
        _ if by > base.leading_zeros() => u64::MAX,
        _ => base << by,
    }
}

fn nth_fibonacci(earlier: u32) -> u64 {
    let nth = usize::try_from(earlier).ok().and_then(|index| FIBONACCI.get(index));
    nth.copied().unwrap_or(u64::MAX)
}

#[expect(clippy::indexing_slicing, reason = "a constant: an index out of bounds does not compile")]
const fn fibonacci() -> [u64; 93] {
    let mut numbers = [1; 93];
    let mut n = 2;
    while n < numbers.len() {
        numbers[n] = numbers[n - 1] + numbers[n - 2];
        n += 1;
    }
    numbers
}

impl fmt::Debug for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exponential => f.write_str("Exponential"),
            Self::Linear { increment } => f.debug_struct("Linear").field("increment", increment).finish(),
            Self::Fibonacci => f.write_str("Fibonacci"),
            Self::Constant => f.write_str("Constant"),
            Self::Custom(_) => f.write_str("Custom(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_saturates_where_bits_would_be_lost() {
        assert_eq!(shifted(1, 63), 1 << 63);
        assert_eq!(shifted(1, 64), u64::MAX);
        assert_eq!(shifted(3, 63), u64::MAX);
        assert_eq!(shifted(u64::MAX, 0), u64::MAX);
        assert_eq!(shifted(0, u32::MAX), 0);
    }

    #[test]
    fn the_table_ends_where_the_next_number_does_not_fit() {
        let [.., before, last] = FIBONACCI;
        assert_eq!((nth_fibonacci(0), nth_fibonacci(1), nth_fibonacci(9)), (1, 1, 55));
        assert_eq!(before.checked_add(last), None);
        assert_eq!((nth_fibonacci(92), nth_fibonacci(93)), (last, u64::MAX));
    }

    #[test]
    fn growth_is_steady_where_it_is_said_to_be() {
        for growth in [Growth::Exponential, Growth::Fibonacci, Growth::Constant] {
            for base in [0, 1, 1_000_000] {
                assert_eq!(growth.nanos(base, STEADY_AFTER), growth.nanos(base, u32::MAX), "{growth:?} from {base}");
            }
        }
    }
}
