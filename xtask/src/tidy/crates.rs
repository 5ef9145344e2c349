//! What every crate carries: a description, the workspace's lints and dependencies, and in libraries no panics.

use std::fs;

use cargo_metadata::{Package, camino::Utf8Path};
use toml::{Table, Value};

use super::Finding;
use crate::error::Result;

/// Lints that every library denies outside its tests: a caller's thread is not ours to end.
const ZERO_PANIC: &[&str] = &["unwrap_used", "expect_used", "panic", "unreachable", "todo", "indexing_slicing"];

/// Tables of a manifest that hold dependencies.
const DEPENDENCY_TABLES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

/// Broken rules of one package.
///
/// # Errors
///
/// When one of its files cannot be read.
pub fn check(package: &Package) -> Result<Vec<Finding>> {
    let name = package.name.as_str();
    let mut findings = Vec::new();
    if package.description.as_deref().is_none_or(|text| text.trim().is_empty()) {
        findings.push(format!("{name} has no description"));
    }
    findings.extend(manifest(name, &toml::from_str(&read(&package.manifest_path)?)?));
    for target in package.targets.iter().filter(|target| target.is_lib()) {
        findings.extend(library(name, &read(&target.src_path)?));
    }
    Ok(findings)
}

fn read(path: &Utf8Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}").into())
}

fn manifest(name: &str, manifest: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The workspace forbids unsafe code; a crate that does not take its lints escapes that too.
    if !manifest.get("lints").is_some_and(from_workspace) {
        findings.push(format!("{name} does not take the workspace's lints"));
    }
    let tables = DEPENDENCY_TABLES.iter().filter_map(|table| manifest.get(*table)?.as_table());
    let own = tables.flatten().filter(|(_, value)| !from_workspace(value));
    findings.extend(own.map(|(dependency, _)| format!("{name} declares {dependency} itself: use the workspace's")));
    findings
}

fn from_workspace(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn library(name: &str, text: &str) -> Vec<Finding> {
    let text: String = text.split_whitespace().collect();
    let denied = text
        .split_once("cfg_attr(not(test),deny(")
        .and_then(|(_, rest)| rest.split(')').next())
        .unwrap_or("");
    let denied: Vec<_> = denied.split(',').collect();
    let missing = ZERO_PANIC.iter().filter(|lint| !denied.contains(&format!("clippy::{lint}").as_str()));
    missing
        .map(|lint| format!("{name}: lib.rs does not deny clippy::{lint} outside tests"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "#![cfg_attr(\n    not(test),\n    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, \
                        clippy::unreachable, clippy::todo, clippy::indexing_slicing)\n)]\nmod a;";

    #[test]
    fn each_missing_lint_is_named() {
        assert_eq!(library("x", GOOD), [""; 0]);
        assert_eq!(library("x", "mod a;").len(), ZERO_PANIC.len());
        let without = GOOD.replace("clippy::todo, ", "");
        assert_eq!(library("x", &without), ["x: lib.rs does not deny clippy::todo outside tests"]);
    }

    #[test]
    fn the_root_manifest_is_the_place_for_versions() {
        let table: Table = toml::from_str(
            "[dependencies]\na.workspace = true\nb = \"1\"\n[dev-dependencies]\nc = { workspace = true, features = [\"x\"] }\nd = { path = \"../d\" }\n",
        )
        .unwrap();
        assert_eq!(
            manifest("x", &table),
            [
                "x does not take the workspace's lints",
                "x declares b itself: use the workspace's",
                "x declares d itself: use the workspace's",
            ]
        );
        assert_eq!(manifest("x", &toml::from_str("[lints]\nworkspace = true\n").unwrap()), [""; 0]);
    }
}
