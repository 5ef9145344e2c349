//! `features`: each feature of each crate alone, so that none leans on another by accident.

use std::collections::BTreeMap;

use cargo_metadata::Package;

use crate::{
    cmd,
    error::Result,
    metadata,
    report::{Outcome, Report},
    tally::Tally,
};

/// Checks every crate without features and with each feature alone.
///
/// # Errors
///
/// When one does not compile.
pub fn run() -> Result {
    let mut report = Report::default();
    for package in metadata::members()? {
        report.step(&package.name, || check(&package));
    }
    report.close()
}

fn check(package: &Package) -> Result<Outcome> {
    let sets = feature_sets(&package.features);
    for features in &sets {
        let mut command = cmd::cargo();
        command.args(["check", "--quiet", "--package", &package.name, "--no-default-features"]);
        cmd::run(command.args(["--features", features]))?;
    }
    Ok(Outcome::Ran(Tally::passed(sets.len() as u64)))
}

/// No feature, then each one alone. `default` is a choice of the others, not one of its own.
fn feature_sets(features: &BTreeMap<String, Vec<String>>) -> Vec<&str> {
    let alone = features.keys().map(String::as_str).filter(|name| *name != "default");
    std::iter::once("").chain(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_not_a_feature_of_its_own() {
        let features = ["default", "sqlite", "planted"].map(|name| (name.to_owned(), Vec::new()));
        assert_eq!(feature_sets(&BTreeMap::from(features)), ["", "planted", "sqlite"]);
        assert_eq!(feature_sets(&BTreeMap::new()), [""]);
    }
}
