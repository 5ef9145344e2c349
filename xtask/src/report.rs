//! Steps of a run: each timed, a failure kept until the end, the closing lines that machines read.

use std::time::Instant;

use crate::{error::Result, tally::Tally};

/// How a step ended, when it did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A gate that holds, such as the formatter.
    Held,
    /// Tests ran.
    Ran(Tally),
    /// Could not run here, and why.
    Skipped(String),
}

impl Outcome {
    /// What a runner counted, believed only as far as its exit status goes.
    ///
    /// # Errors
    ///
    /// When it failed though it counted no failure, or when no test ran: a layer that proves nothing must not look green.
    pub fn of_run(ok: bool, tally: Tally) -> Result<Self> {
        if !ok && tally.failed == 0 {
            return Err(format!("the runner failed though it counted {tally}").into());
        }
        if tally.ran() { Ok(Self::Ran(tally)) } else { Err("no test ran".into()) }
    }
}

/// Time that passes while people wait. It is printed and decides nothing.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "the time a step takes is for people and decides nothing")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        (Self::start().0 - self.0).as_secs_f64()
    }
}

#[derive(Debug)]
struct Row {
    name: String,
    end: String,
    seconds: f64,
}

/// The steps of a run so far.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
    tally: Tally,
}

impl Report {
    /// Runs one step and notes its end. A failure is printed and counted; the next step runs all the same.
    pub fn step(&mut self, name: &str, body: impl FnOnce() -> Result<Outcome>) {
        println!("\n== {name}");
        let watch = Stopwatch::start();
        let (end, tally) = settle(name, body());
        self.tally += tally;
        self.rows.push(Row { name: name.to_owned(), end, seconds: watch.seconds() });
    }

    /// The closing lines: one row a step with its time, then the sum.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![String::new(), format!("{:<16} {:>8}  end", "step", "seconds")];
        let rows = self.rows.iter();
        lines.extend(rows.map(|row| format!("{:<16} {:>8.1}  {}", row.name, row.seconds, row.end)));
        let total: f64 = self.rows.iter().map(|row| row.seconds).sum();
        lines.push(format!("{:<16} {:>8.1}", "total", total));
        lines.push(self.tally.to_string());
        lines
    }

    /// Prints the closing lines.
    ///
    /// # Errors
    ///
    /// When anything failed.
    pub fn close(&self) -> Result {
        self.lines().iter().for_each(|line| println!("{line}"));
        let failed = self.rows.iter().filter(|row| row.end.starts_with("FAILED"));
        let failed: Vec<_> = failed.map(|row| row.name.as_str()).collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(format!("failed: {}", failed.join(", ")).into())
        }
    }
}

/// Runs one step as a command of its own.
///
/// # Errors
///
/// When it failed.
pub fn single(name: &str, body: impl FnOnce() -> Result<Outcome>) -> Result {
    let mut report = Report::default();
    report.step(name, body);
    report.close()
}

/// What the table and the sum say of a step.
fn settle(name: &str, end: Result<Outcome>) -> (String, Tally) {
    match end {
        Ok(Outcome::Held) => ("held".to_owned(), Tally::default()),
        Ok(Outcome::Ran(tally)) if tally.failed == 0 => (tally.to_string(), tally),
        Ok(Outcome::Ran(tally)) => (format!("FAILED: {tally}"), tally),
        Ok(Outcome::Skipped(reason)) => {
            println!("SKIPPED {name}: {reason}");
            (format!("SKIPPED: {reason}"), Tally { skipped: 1, ..Tally::default() })
        }
        Err(error) => {
            println!("FAILED {name}: {error}");
            let first = error.to_string().lines().next().unwrap_or_default().to_owned();
            (format!("FAILED: {first}"), Tally { failed: 1, ..Tally::default() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_sum_and_every_step_has_a_row() {
        let mut report = Report::default();
        report.step("fmt", || Ok(Outcome::Held));
        report.step("tests", || Outcome::of_run(true, Tally { passed: 7, failed: 0, skipped: 1 }));
        report.step("deny", || Ok(Outcome::Skipped("cargo-deny is not installed".to_owned())));
        let lines = report.lines();
        assert_eq!(lines.last().map(String::as_str), Some("7 passed, 0 failed, 2 skipped"));
        assert!(lines.iter().any(|line| line.ends_with("SKIPPED: cargo-deny is not installed")));
        assert!(report.close().is_ok());
    }

    #[test]
    fn a_failure_is_counted_and_the_next_step_runs() {
        let mut report = Report::default();
        report.step("first", || Err("broken\nin detail".into()));
        report.step("second", || Outcome::of_run(true, Tally::passed(1)));
        assert_eq!(report.lines().last().map(String::as_str), Some("1 passed, 1 failed, 0 skipped"));
        assert_eq!(report.close().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn failed_tests_fail_the_run() {
        let mut report = Report::default();
        report.step("tests", || Outcome::of_run(true, Tally { passed: 3, failed: 2, skipped: 0 }));
        assert_eq!(report.close().unwrap_err().to_string(), "failed: tests");
    }

    #[test]
    fn a_runner_that_fails_without_a_failed_test_is_a_failure() {
        assert!(Outcome::of_run(false, Tally::passed(3)).is_err());
        assert_eq!(Outcome::of_run(true, Tally::passed(3)).unwrap(), Outcome::Ran(Tally::passed(3)));
    }

    #[test]
    fn a_layer_that_ran_nothing_fails() {
        let mut report = Report::default();
        report.step("loom", || Outcome::of_run(true, Tally::default()));
        assert_eq!(report.lines().last().map(String::as_str), Some("0 passed, 1 failed, 0 skipped"));
    }
}
