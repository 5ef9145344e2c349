//! The seed of a test: printed, and given back to it to see the same run again.

use syncline_core::{port::Random as _, rt::SystemRandom};

/// The variable that sets the seed.
const VARIABLE: &str = "SYNCLINE_SEED";

/// The seed of this run: that of the variable `SYNCLINE_SEED` (decimal, or hexadecimal after `0x`), else a drawn one.
///
/// It is printed, so that a failing test says how to see its run again.
///
/// # Panics
///
/// When the variable is set to something else: a run that was to be replayed must not be another one.
#[expect(clippy::print_stdout, reason = "a test that fails must say which seed it ran with")]
pub fn seed() -> u64 {
    let seed = match std::env::var(VARIABLE) {
        Ok(text) => parse(&text),
        Err(_) => Some(SystemRandom.next_u64()),
    };
    assert!(seed.is_some(), "{VARIABLE} is no number");
    let seed = seed.unwrap_or_default();
    println!("{VARIABLE}={seed:#x}");
    seed
}

fn parse(text: &str) -> Option<u64> {
    match text.trim().strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_seed_reads_back() {
        assert_eq!(parse(&format!("{:#x}", u64::MAX)), Some(u64::MAX));
        assert_eq!(parse("12"), Some(12));
        assert_eq!(parse("twelve"), None);
    }
}
