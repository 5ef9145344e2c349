//! `resolves`: an application that uses sqlx can add Syncline, with one SQLite in the program.

use std::fs;

use crate::{
    cmd,
    error::Result,
    lock::{self, Locked},
    report::Outcome,
    tally::Tally,
};

/// The C library may be linked once in a program, so this package may be chosen once.
const LINKED_ONCE: &str = "libsqlite3-sys";

/// What an application like many depends on. Its features pull every driver of sqlx into the resolution.
const MANIFEST: &str = r#"[package]
name = "beside-sqlx"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
sqlx = { version = "0.9", features = ["macros", "migrate", "json", "uuid", "chrono", "sqlite"] }
"#;

/// Resolves the application from nothing, as cargo would for a user, and looks at what was chosen.
///
/// # Errors
///
/// When nothing fits both, or two versions were chosen.
pub fn run() -> Result<Outcome> {
    let dir = cmd::target_dir().join("resolves");
    fs::create_dir_all(dir.join("src"))?;
    let facade = cmd::root().join("crates/syncline");
    fs::write(dir.join("Cargo.toml"), format!("{MANIFEST}syncline = {{ path = {facade:?} }}\n"))?;
    fs::write(dir.join("src/lib.rs"), "//! Only resolved, never built.\n")?;
    let resolved = cmd::capture(cmd::cargo().arg("generate-lockfile").current_dir(&dir));
    if let Err(error) = resolved {
        let text = error.to_string();
        return if unreachable(&text) {
            Ok(Outcome::Skipped("the registry is not reachable".to_owned()))
        } else {
            Err(error)
        };
    }
    one_sqlite(&lock::packages(&fs::read_to_string(dir.join("Cargo.lock"))?)?)?;
    Ok(Outcome::Ran(Tally::passed(1)))
}

fn one_sqlite(packages: &[Locked]) -> Result {
    for needed in ["sqlx-sqlite", "rusqlite"] {
        if lock::versions(packages, needed).is_empty() {
            return Err(format!("{needed} was not resolved: this check would prove nothing").into());
        }
    }
    match lock::versions(packages, LINKED_ONCE).as_slice() {
        [version] => {
            println!("one {LINKED_ONCE} beside sqlx: {version}");
            Ok(())
        }
        versions => Err(format!("{LINKED_ONCE} must be chosen once, chosen: {}", versions.join(", ")).into()),
    }
}

/// Whether cargo failed for want of the network, which says nothing about versions.
fn unreachable(text: &str) -> bool {
    ["Could not resolve host", "failed to download from", "Unable to update registry", "Couldn't connect"]
        .iter()
        .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(list: &[(&str, &str)]) -> Vec<Locked> {
        list.iter()
            .map(|(name, version)| Locked { name: (*name).to_owned(), version: (*version).to_owned() })
            .collect()
    }

    #[test]
    fn a_second_sqlite_is_refused_by_its_version() {
        let good = [("sqlx-sqlite", "0.9.0"), ("rusqlite", "0.39.0"), ("libsqlite3-sys", "0.37.0")];
        assert!(one_sqlite(&locked(&good)).is_ok());
        let bad = [good.as_slice(), &[("libsqlite3-sys", "0.38.0")]].concat();
        let error = one_sqlite(&locked(&bad)).unwrap_err().to_string();
        assert_eq!(error, "libsqlite3-sys must be chosen once, chosen: 0.37.0, 0.38.0");
    }

    #[test]
    fn a_resolution_without_both_sides_proves_nothing() {
        assert!(one_sqlite(&locked(&[("rusqlite", "0.39.0"), ("libsqlite3-sys", "0.37.0")])).is_err());
    }

    #[test]
    fn a_conflict_is_not_taken_for_a_missing_network() {
        assert!(!unreachable("error: failed to select a version for `libsqlite3-sys`"));
        assert!(unreachable("[6] Could not resolve hostname (Could not resolve host: index)"));
    }
}
