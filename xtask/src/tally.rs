//! How many tests ran: read from what the runners print, so that a run of nothing is seen.

use std::{fmt, ops::AddAssign};

/// Tests by their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ran and held.
    pub passed: u64,
    /// Ran and did not hold, or did not end.
    pub failed: u64,
    /// Did not run.
    pub skipped: u64,
}

impl Tally {
    /// `passed` checks that held.
    pub const fn passed(passed: u64) -> Self {
        Self { passed, failed: 0, skipped: 0 }
    }

    /// Whether any test ran.
    pub const fn ran(&self) -> bool {
        self.passed + self.failed > 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Sums the lines `test result: ok. 3 passed; 0 failed; 1 ignored; …` of cargo's own runner.
///
/// Tests that a filter left out are not counted as skipped: the filter was asked for.
pub fn libtest(text: &str) -> Tally {
    let mut sum = Tally::default();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
        let line = line.split_once(". ").map_or(line, |(_, counts)| counts);
        sum += Tally {
            passed: count(line, ';', "passed"),
            failed: count(line, ';', "failed"),
            skipped: count(line, ';', "ignored"),
        };
    }
    sum
}

/// Reads the line `Summary [ 1.2s] 3 tests run: 2 passed (1 slow), 1 failed, 0 skipped` of cargo-nextest.
pub fn nextest(text: &str) -> Option<Tally> {
    let summary = text.lines().rev().find_map(|line| line.trim().strip_prefix("Summary ["))?;
    let (_, counts) = summary.split_once("run: ")?;
    let failed = ["failed", "timed out", "exec failed"].iter().map(|word| count(counts, ',', word)).sum();
    Some(Tally {
        passed: count(counts, ',', "passed"),
        failed,
        skipped: count(counts, ',', "skipped"),
    })
}

/// The number before `word` in a list such as `2 passed (1 slow), 1 failed`; 0 where there is none.
fn count(list: &str, separator: char, word: &str) -> u64 {
    list.split(separator)
        .map(|part| part.split(" (").next().unwrap_or(part).trim())
        .find_map(|part| part.strip_suffix(word)?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_are_summed() {
        let text = "running 4 tests\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        assert_eq!(libtest(text), Tally { passed: 4, failed: 2, skipped: 1 });
    }

    #[test]
    fn a_run_of_nothing_ran_nothing() {
        assert!(!libtest("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 5 filtered out").ran());
        assert_eq!(nextest("error: could not compile"), None);
    }

    #[test]
    fn a_summary_of_nextest_is_read_with_its_remarks() {
        let text = "     Summary [   0.123s] 6 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 1 exec failed, 4 skipped\n        FAIL x";
        assert_eq!(nextest(text), Some(Tally { passed: 3, failed: 3, skipped: 4 }));
    }

    #[test]
    fn one_test_is_a_summary_too() {
        let text = "Summary [   0.004s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(nextest(text), Some(Tally::passed(1)));
    }

    #[test]
    fn an_interrupted_summary_is_read() {
        let text = "Summary [   0.004s] 2/9 tests run: 2 passed, 0 skipped";
        assert_eq!(nextest(text), Some(Tally::passed(2)));
    }
}
