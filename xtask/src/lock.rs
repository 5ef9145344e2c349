//! `Cargo.lock`: which packages cargo chose.

use serde::Deserialize;

use crate::error::Result;

/// One chosen package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its one version in this entry.
    pub version: String,
}

#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

/// The packages of a lock file.
///
/// # Errors
///
/// When it is no lock file.
pub fn packages(text: &str) -> Result<Vec<Locked>> {
    Ok(toml::from_str::<Lock>(text).map_err(|error| format!("not a lock file: {error}"))?.package)
}

/// The versions of the package called `name`.
pub fn versions<'a>(packages: &'a [Locked], name: &str) -> Vec<&'a str> {
    packages
        .iter()
        .filter(|package| package.name == name)
        .map(|package| package.version.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n\
                        [[package]]\nname = \"a\"\nversion = \"2.0.0\"\ndependencies = [\"b\"]\n";

    #[test]
    fn two_versions_of_a_package_are_two() {
        let packages = packages(LOCK).unwrap();
        assert_eq!(versions(&packages, "a"), ["1.0.0", "2.0.0"]);
        assert_eq!(versions(&packages, "b"), [""; 0]);
    }

    #[test]
    fn what_is_no_lock_file_is_an_error() {
        assert!(packages("[package]\nname = \"a\"\n").is_err());
    }
}
