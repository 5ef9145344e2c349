//! `coverage`: lines that the tests run, a crate at a time.

use std::{collections::BTreeMap, fs};

use serde::Deserialize;

use crate::{cmd, error::Result, measure::Measure};

/// Per cent of lines that each library should have run.
const GOAL: f64 = 90.0;

/// Counts the lines that the tests run, where cargo-llvm-cov is installed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// One object a crate, for machines
    #[arg(long)]
    pub json: bool,
}

/// Runs the tests instrumented and prints one figure a crate.
///
/// # Errors
///
/// When a test fails, or the tool's report cannot be read.
pub fn run(args: Args) -> Result {
    if !cmd::has_cargo("llvm-cov") {
        println!("SKIPPED coverage: cargo-llvm-cov is not installed");
        return Ok(());
    }
    // Into a file, because the tests print to standard output too.
    let path = cmd::target_dir().join("coverage.json");
    let mut command = cmd::cargo();
    command.args(["llvm-cov", "--workspace", "--exclude", "xtask", "--json", "--summary-only", "--output-path"]);
    let watched = cmd::watch(command.arg(&path))?;
    if !watched.ok {
        return Err("the instrumented tests did not pass".into());
    }
    for measure in measures(&fs::read_to_string(&path)?)? {
        measure.print(args.json);
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    filename: String,
    summary: Summary,
}

#[derive(Debug, Deserialize)]
struct Summary {
    lines: Lines,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Lines {
    count: u32,
    covered: u32,
}

/// One figure a crate from the report of cargo-llvm-cov.
fn measures(text: &str) -> Result<Vec<Measure>> {
    let export: Export = serde_json::from_str(text)?;
    let mut crates = BTreeMap::<&str, Lines>::new();
    for file in export.data.iter().flat_map(|data| &data.files) {
        let Some(name) = crate_of(&file.filename) else { continue };
        let sum = crates.entry(name).or_default();
        sum.count += file.summary.lines.count;
        sum.covered += file.summary.lines.covered;
    }
    let figure = |(name, lines): (&str, Lines)| Measure::at_least(format!("coverage.{name}"), percent(lines), GOAL);
    Ok(crates.into_iter().map(figure).collect())
}

fn percent(lines: Lines) -> f64 {
    // A crate without lines has none that was missed.
    if lines.count == 0 {
        100.0
    } else {
        100.0 * f64::from(lines.covered) / f64::from(lines.count)
    }
}

/// `syncline-core` of `…/crates/syncline-core/src/key.rs`; only sources count, not tests.
fn crate_of(path: &str) -> Option<&str> {
    let (_, inside) = path.rsplit_once("crates/")?;
    let (name, file) = inside.split_once('/')?;
    file.starts_with("src/").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_summed_by_crate_and_tests_are_left_out() {
        let file = |name: &str, count: u32, covered: u32| {
            format!(
                r#"{{"filename":"/r/{name}","summary":{{"lines":{{"count":{count},"covered":{covered},"percent":0}}}}}}"#
            )
        };
        let files = [
            file("crates/syncline-core/src/key.rs", 60, 60),
            file("crates/syncline-core/src/rt/os.rs", 40, 20),
            file("crates/syncline-core/tests/all.rs", 10, 0),
            file("torture/src/main.rs", 10, 0),
        ];
        let text = format!(
            r#"{{"data":[{{"files":[{}],"totals":{{}}}}],"type":"llvm.coverage.json.export"}}"#,
            files.join(",")
        );
        assert_eq!(measures(&text).unwrap(), [Measure::at_least("coverage.syncline-core", 80.0, 90.0)]);
    }

    #[test]
    fn a_report_of_another_shape_is_an_error() {
        assert!(measures("{}").is_err());
    }
}
