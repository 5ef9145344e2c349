//! Figures: one line for people, one object for machines.

use std::io::{self, Write};

use serde::Serialize;

#[derive(Debug, Serialize)]
struct Figure<'a> {
    name: &'a str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sense: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<bool>,
}

/// Prints one figure, held against its goal.
pub(crate) fn print(json: bool, name: &str, value: f64, goal: Option<(&str, f64)>) {
    let held = goal.map(|(sense, goal)| match sense {
        ">=" => value >= goal,
        _ => (value - goal).abs() < f64::EPSILON,
    });
    if json {
        let figure = Figure {
            name,
            value,
            goal: goal.map(|(_, goal)| goal),
            sense: goal.map(|(sense, _)| sense),
            held,
        };
        say(&serde_json::to_string(&figure).unwrap_or_default());
        return;
    }
    let verdict = match (goal, held) {
        (Some((sense, goal)), Some(held)) => {
            format!("  (goal {sense} {goal}: {})", if held { "held" } else { "missed" })
        }
        _ => String::new(),
    };
    say(&format!("{name:<32} {value:>14}{verdict}"));
}

/// Prints one line; a reader that is gone misses it.
pub(crate) fn say(line: &str) {
    writeln!(io::stdout().lock(), "{line}").unwrap_or_default();
}

/// Tells the person who watches while machines read what is printed.
pub(crate) fn complain(text: &str) {
    writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
}

/// `SkipSync` as `skip_sync`.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
