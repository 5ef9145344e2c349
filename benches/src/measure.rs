//! One figure, as a line for people or an object for machines.

use std::fmt;

/// Which side of the goal is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    AtLeast,
    AtMost,
}

/// One figure, with its goal if it has one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measure {
    /// Dotted, from the room to the detail.
    name: String,
    value: f64,
    goal: Option<f64>,
    sense: Sense,
}

impl Measure {
    /// A figure that should be `goal` or more.
    pub(crate) fn at_least(name: impl Into<String>, value: f64, goal: f64) -> Self {
        Self { name: name.into(), value, goal: Some(goal), sense: Sense::AtLeast }
    }

    /// A figure that should be `goal` or less.
    pub(crate) fn at_most(name: impl Into<String>, value: f64, goal: f64) -> Self {
        Self { name: name.into(), value, goal: Some(goal), sense: Sense::AtMost }
    }

    /// A figure that only helps to read the others.
    pub(crate) fn context(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, goal: None, sense: Sense::AtLeast }
    }

    /// Whether the goal is met. Without a goal nothing is missed; what is not a number meets none.
    pub(crate) fn held(&self) -> bool {
        self.goal.is_none_or(|goal| match self.sense {
            Sense::AtLeast => self.value >= goal,
            Sense::AtMost => self.value <= goal,
        })
    }

    /// The line to print.
    pub(crate) fn line(&self, json: bool) -> String {
        if json { self.json() } else { self.to_string() }
    }

    /// Names are plain words with dots, so nothing needs escaping.
    fn json(&self) -> String {
        let Self { name, value, goal, sense } = self;
        let sense = if *sense == Sense::AtLeast { ">=" } else { "<=" };
        let goal = goal.map_or("null".to_owned(), number);
        format!(
            r#"{{"name":"{name}","value":{},"goal":{goal},"sense":"{sense}","held":{}}}"#,
            number(*value),
            self.held()
        )
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<44} {:>14}", self.name, rounded(self.value))?;
        let Some(goal) = self.goal else { return Ok(()) };
        let sign = if self.sense == Sense::AtLeast { "≥" } else { "≤" };
        write!(f, "   goal {sign} {:<10} {}", rounded(goal), if self.held() { "held" } else { "MISSED" })
    }
}

/// JSON knows no infinities.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:?}") } else { "null".to_owned() }
}

/// As many digits as can be read at a glance.
fn rounded(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1_000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

/// The middle of `values`, the mean of the two middle ones when their count is even; not a number without any.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => f64::NAN,
        (Some(value), 1) => *value,
        (Some(value), _) => f64::midpoint(values[middle - 1], *value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_as_documented() {
        assert_eq!(
            Measure::at_least("journal.w64.vs_fjall", 4.1, 3.0).line(true),
            r#"{"name":"journal.w64.vs_fjall","value":4.1,"goal":3.0,"sense":">=","held":true}"#
        );
        assert_eq!(
            Measure::context("fsync.p50_us", 95.0).line(true),
            r#"{"name":"fsync.p50_us","value":95.0,"goal":null,"sense":">=","held":true}"#
        );
    }

    #[test]
    fn a_missed_goal_says_so() {
        let line = Measure::at_most("journal.b100.device_bytes", 1.5, 1.45).line(false);
        assert!(line.contains("1.500") && line.contains("≤ 1.450") && line.ends_with("MISSED"), "{line}");
    }

    #[test]
    fn what_is_no_number_meets_no_goal() {
        let line = Measure::at_most("x", f64::NAN, 1.0).line(true);
        assert!(line.contains(r#""value":null"#) && line.contains(r#""held":false"#), "{line}");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        assert!(median(Vec::new()).is_nan());
    }
}
