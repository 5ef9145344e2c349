//! One trap, and who walks into it.

use std::{
    fmt,
    panic::{self, AssertUnwindSafe},
};

use crate::{Result, measure::Measure};

/// The name that Syncline has in figures.
pub(super) const SYNCLINE: &str = "syncline";

/// One experiment, done with each of several libraries and judged by one goal.
pub(super) struct Trap {
    number: u8,
    /// What was done and counted, in its unit.
    experiment: String,
    goal: Goal,
    rows: Vec<Row>,
}

/// What a library without the fault is seen to do.
#[derive(Debug, Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// One library's outcome.
struct Row {
    /// The package, or [`SYNCLINE`]; what it is of the package may follow after a dot.
    who: &'static str,
    /// Why there is no number, where there is none.
    seen: std::result::Result<f64, String>,
}

impl Trap {
    /// A trap whose `experiment` should count `goal` or less.
    pub(super) fn at_most(number: u8, goal: f64, experiment: impl Into<String>) -> Self {
        Self {
            number,
            experiment: experiment.into(),
            goal: Goal::AtMost(goal),
            rows: Vec::new(),
        }
    }

    /// A trap whose `experiment` should count `goal` or more.
    pub(super) fn at_least(number: u8, goal: f64, experiment: impl Into<String>) -> Self {
        Self {
            number,
            experiment: experiment.into(),
            goal: Goal::AtLeast(goal),
            rows: Vec::new(),
        }
    }

    /// Does the experiment with `who`. A panic that was not expected is an outcome like any other.
    pub(super) fn with(mut self, who: &'static str, experiment: impl FnOnce() -> Result<f64>) -> Self {
        let seen = match panic::catch_unwind(AssertUnwindSafe(experiment)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it panicked".to_owned()),
        };
        self.rows.push(Row { who, seen });
        self
    }

    /// Its figures, one a library.
    pub(super) fn measures(&self) -> Vec<Measure> {
        self.rows.iter().map(|row| self.measure(row)).collect()
    }

    /// Its lines for people, one a library.
    pub(super) fn lines(&self, version: impl Fn(&str) -> String) -> Vec<String> {
        let line = |row: &Row| {
            let package = row.who.split('.').next().unwrap_or(row.who);
            let name = format!("{} {}", row.who, version(package));
            let seen = match &row.seen {
                Ok(value) => format!("seen {value:.6}").trim_end_matches('0').trim_end_matches('.').to_owned(),
                Err(error) => format!("no number: {error}"),
            };
            let Self { number, experiment, goal, .. } = self;
            format!("trap {number:>2}  {name:<40} {:<12} {experiment}: wanted {goal}, {seen}", self.verdict(row))
        };
        self.rows.iter().map(line).collect()
    }

    /// How many of others' rows there are, and in how many the fault was seen.
    pub(super) fn claims(&self) -> (usize, usize) {
        let claims = || self.rows.iter().filter(|row| row.who != SYNCLINE);
        (claims().count(), claims().filter(|row| !self.measure(row).held()).count())
    }

    /// Whether Syncline's own row is as it should be.
    pub(super) fn is_avoided(&self) -> bool {
        let mut own = self.rows.iter().filter(|row| row.who == SYNCLINE).peekable();
        own.peek().is_some() && own.all(|row| self.measure(row).held())
    }

    fn verdict(&self, row: &Row) -> &'static str {
        match (row.who == SYNCLINE, self.measure(row).held()) {
            (true, true) => "avoids it",
            (true, false) => "WALKS IN",
            (false, true) => "not seen",
            (false, false) => "as claimed",
        }
    }

    fn measure(&self, row: &Row) -> Measure {
        let name = format!("gallery.trap{:02}.{}", self.number, row.who.replace('-', "_"));
        let value = *row.seen.as_ref().unwrap_or(&f64::NAN);
        match self.goal {
            Goal::AtLeast(goal) => Measure::at_least(name, value, goal),
            Goal::AtMost(goal) => Measure::at_most(name, value, goal),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, "≥ {goal}"),
            Self::AtMost(goal) => write!(f, "≤ {goal}"),
        }
    }
}

/// How many of `experiments` panic.
pub(super) fn panics<const N: usize>(experiments: [&mut dyn FnMut(); N]) -> f64 {
    let panicked = experiments
        .into_iter()
        .filter_map(|experiment| panic::catch_unwind(AssertUnwindSafe(experiment)).err());
    panicked.count() as f64
}

/// Runs `work` without a word about panics: here they are outcomes.
pub(super) fn silently<T>(work: impl FnOnce() -> T) -> T {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let done = work();
    panic::set_hook(hook);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(_: &str) -> String {
        "1.0".to_owned()
    }

    #[test]
    fn a_fault_that_is_not_seen_is_said_so() {
        let trap = Trap::at_most(7, 1.0, "longest")
            .with("peer", || Ok(1.998))
            .with("other", || Ok(1.0))
            .with(SYNCLINE, || Ok(0.5));
        let lines = trap.lines(version);
        assert!(lines[0].contains("as claimed") && lines[0].ends_with("wanted ≤ 1, seen 1.998"), "{}", lines[0]);
        assert!(lines[1].contains("not seen") && lines[2].contains("avoids it"));
        assert_eq!((trap.claims(), trap.is_avoided()), ((2, 1), true));
    }

    #[test]
    fn what_cannot_be_done_avoids_nothing() {
        let trap = silently(|| Trap::at_most(7, 1.0, "x").with(SYNCLINE, || panic!("boom")));
        assert!(!trap.is_avoided());
        assert!(trap.lines(version)[0].contains("WALKS IN"));
        assert!(!Trap::at_most(7, 1.0, "x").is_avoided());
    }

    #[test]
    fn figures_are_named_after_trap_and_library() {
        let trap = Trap::at_least(3, 2.0, "x").with("tower-resilience-retry", || Ok(2.0));
        let line = trap.measures()[0].line(true);
        assert!(line.contains(r#""gallery.trap03.tower_resilience_retry","value":2.0"#), "{line}");
    }
}
