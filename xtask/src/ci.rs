//! `ci`: everything a change must pass, and how long each step took.

use crate::{
    cmd,
    error::Result,
    report::{Outcome, Report},
    test, tidy,
};

/// Manifests beside the workspace's own, whose code is formatted like all other.
const OTHER_WORKSPACES: [&str; 2] = ["benches/Cargo.toml", "fuzz/Cargo.toml"];

/// Runs the gates, then every layer of `test`. All run, whatever fails, so that one run shows all there is to mend.
///
/// # Errors
///
/// When a step failed; the closing lines name it.
pub fn run() -> Result {
    let mut report = Report::default();
    report.step("fmt", fmt);
    report.step("tidy", || tidy::run().map(|()| Outcome::Held));
    report.step("deny", deny);
    report.step("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    report.step("doc", doc);
    test::layers(&mut report);
    report.close()
}

fn fmt() -> Result<Outcome> {
    cargo(&["fmt", "--all", "--", "--check"])?;
    for manifest in OTHER_WORKSPACES.into_iter().filter(|manifest| cmd::root().join(manifest).exists()) {
        cargo(&["fmt", "--manifest-path", manifest, "--", "--check"])?;
    }
    Ok(Outcome::Held)
}

fn doc() -> Result<Outcome> {
    cmd::run(cmd::cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Held)
}

fn deny() -> Result<Outcome> {
    if !cmd::has_cargo("deny") {
        return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
    }
    cargo(&["deny", "check", "licenses", "bans", "sources"])
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    cmd::run(cmd::cargo().args(arguments))?;
    Ok(Outcome::Held)
}
