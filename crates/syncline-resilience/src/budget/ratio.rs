//! Fractions of a token, as whole thousandths.

/// Thousandths of one token.
pub(super) const TOKEN: u64 = 1_000;

/// The largest ratio: more than any capacity.
const MAX: u64 = 1 << 43;

/// `ratio` to the nearest thousandth. What is negative or no number is 0.
pub(super) fn nearest(ratio: f64) -> u64 {
    to_integer(ratio * 1e3).min(MAX)
}

/// `ratio` with the digits after its thousandths cut off, as gRPC does. What is negative or no number is 0.
pub(super) fn cut_off(ratio: f64) -> u64 {
    // By way of millionths: 0.057 * 1,000 is a little less than 57 in binary.
    (to_integer(ratio * 1e6) / 1_000).min(MAX)
}

fn to_integer(value: f64) -> u64 {
    // The cast saturates, and makes 0 of what is no number.
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_exact() {
        for thousandths in 0..=100_000_u32 {
            let ratio = f64::from(thousandths) / 1_000.0;
            assert_eq!(nearest(ratio), u64::from(thousandths));
            assert_eq!(cut_off(ratio), u64::from(thousandths));
        }
    }

    #[test]
    fn finer_digits_are_rounded_here_and_cut_off_by_grpc() {
        assert_eq!((nearest(0.546_6), cut_off(0.546_6)), (547, 546));
    }

    #[test]
    fn what_is_no_ratio_earns_nothing() {
        for ratio in [f64::NAN, -0.1, f64::NEG_INFINITY, 0.0, -0.0] {
            assert_eq!((nearest(ratio), cut_off(ratio)), (0, 0), "{ratio}");
        }
        assert_eq!((nearest(f64::INFINITY), cut_off(f64::INFINITY)), (MAX, MAX));
    }
}
