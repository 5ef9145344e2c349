//! `test`: every layer of proof that ends inside minutes, and one sum.

use clap::Parser;

use crate::{
    cmd, crash,
    error::Result,
    loom,
    report::{Outcome, Report},
    resolves, setup, sim,
    tally::{self, Tally},
    torture::{self, Build},
};

/// The short crash run, as one would type it.
const SHORT_CRASHES: [&str; 5] = ["crash", "--runs", "60", "--points", "40"];

/// A run that judges itself is one test.
const ONE: Outcome = Outcome::Ran(Tally::passed(1));

/// Runs every layer; one that fails does not keep the next from running.
///
/// # Errors
///
/// When a layer failed; the closing lines name it.
pub fn run() -> Result {
    let mut report = Report::default();
    layers(&mut report);
    report.close()
}

/// Adds each layer to `report`.
pub fn layers(report: &mut Report) {
    report.step("setup", || setup::run(setup::Args::default()).map(|()| Outcome::Held));
    // All targets at once, with one profile and one set of features: what the later steps run is built here.
    report.step("build", || torture::build(Build::WithTests).map(|_| Outcome::Held));
    report.step("tests", tests);
    report.step("doctests", doctests);
    report.step("sim", || sim::run(sim::Args::default(), Build::WithTests).map(|()| ONE));
    report.step("crash", crashes);
    report.step("loom", loom::run);
    report.step("resolves", resolves::run);
}

/// Unit and integration tests, in parallel by cargo-nextest where it is installed.
fn tests() -> Result<Outcome> {
    let mut cargo = cmd::cargo();
    let has_nextest = cmd::has_cargo("nextest");
    cargo.args(if has_nextest { ["nextest", "run"].as_slice() } else { &["test"] });
    cargo.args(["--workspace", "--all-targets", "--no-fail-fast"]);
    if has_nextest {
        let watched = cmd::watch(cargo.args(["--status-level", "slow"]))?;
        return Outcome::of_run(watched.ok, tally::nextest(&watched.text).unwrap_or_default());
    }
    let watched = cmd::watch(&mut cargo)?;
    Outcome::of_run(watched.ok, tally::libtest(&watched.text))
}

fn doctests() -> Result<Outcome> {
    let watched = cmd::watch(cmd::cargo().args(["test", "--workspace", "--doc", "--no-fail-fast"]))?;
    Outcome::of_run(watched.ok, tally::libtest(&watched.text))
}

fn crashes() -> Result<Outcome> {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: crash::Args,
    }
    crash::run(Line::try_parse_from(SHORT_CRASHES)?.args, Build::WithTests)
}
