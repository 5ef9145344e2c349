//! One figure, printed for people or for machines.

use std::fmt;

use serde::Serialize;

/// Which values meet a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Sense {
    /// More is better.
    #[serde(rename = ">=")]
    AtLeast,
    /// This and nothing else is good.
    #[serde(rename = "==")]
    Exactly,
}

/// One figure with its goal. A missed goal is shown as missed and fails nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Dotted, from the room to the detail: `journal.w64.vs_fjall`.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// What was aimed at, if anything.
    pub goal: Option<f64>,
    /// Which values meet a goal.
    pub sense: Sense,
}

impl Measure {
    /// A figure that should be `goal` or more.
    pub fn at_least(name: impl Into<String>, value: f64, goal: f64) -> Self {
        Self { name: name.into(), value, goal: Some(goal), sense: Sense::AtLeast }
    }

    /// A figure that should be `goal` itself: a count of what must never happen.
    pub fn exactly(name: impl Into<String>, value: f64, goal: f64) -> Self {
        Self { name: name.into(), value, goal: Some(goal), sense: Sense::Exactly }
    }

    /// A figure without a goal.
    pub fn plain(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, goal: None, sense: Sense::AtLeast }
    }

    /// Whether the goal is met. Without a goal nothing can be missed; what is not a number meets none.
    pub fn held(&self) -> bool {
        self.goal.is_none_or(|goal| match self.sense {
            Sense::AtLeast => self.value >= goal,
            Sense::Exactly => self.value.total_cmp(&goal).is_eq(),
        })
    }

    /// Prints one line: an object when `json`, else for people.
    pub fn print(&self, json: bool) {
        if json {
            println!("{}", self.json());
        } else {
            println!("{self}");
        }
    }

    /// The object for machines, its fields in the documented order.
    pub fn json(&self) -> String {
        let line = Line {
            name: &self.name,
            value: self.value,
            goal: self.goal,
            sense: self.sense,
            held: self.held(),
        };
        serde_json::to_string(&line).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<44} {:>14}", self.name, rounded(self.value))?;
        let Some(goal) = self.goal else { return Ok(()) };
        let sign = match self.sense {
            Sense::AtLeast => "≥",
            Sense::Exactly => "=",
        };
        write!(f, "   goal {sign} {:<10} {}", rounded(goal), if self.held() { "held" } else { "MISSED" })
    }
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    value: f64,
    goal: Option<f64>,
    sense: Sense,
    held: bool,
}

/// Three digits behind the point, none where they would all be noughts.
fn rounded(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_as_documented() {
        assert_eq!(
            Measure::at_least("journal.w64.vs_fjall", 4.1, 3.0).json(),
            r#"{"name":"journal.w64.vs_fjall","value":4.1,"goal":3.0,"sense":">=","held":true}"#
        );
        assert_eq!(
            Measure::exactly("crash.lost", 0.0, 0.0).json(),
            r#"{"name":"crash.lost","value":0.0,"goal":0.0,"sense":"==","held":true}"#
        );
        assert_eq!(
            Measure::plain("import.rate", 0.5).json(),
            r#"{"name":"import.rate","value":0.5,"goal":null,"sense":">=","held":true}"#
        );
    }

    #[test]
    fn a_missed_goal_says_so() {
        let line = Measure::at_least("journal.w16.vs_redb", 4.5, 5.0).to_string();
        assert!(line.contains("4.500") && line.contains("≥ 5 ") && line.ends_with("MISSED"), "{line}");
    }

    #[test]
    fn what_is_no_number_meets_no_goal() {
        let nan = Measure::exactly("x", f64::NAN, 0.0);
        assert!(!nan.held());
        assert!(nan.json().contains("\"value\":null"));
    }
}
