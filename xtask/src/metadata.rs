//! What cargo knows of the workspace, without resolving it: no network, no lock file.

use cargo_metadata::{MetadataCommand, Package};

use crate::{cmd, error::Result};

/// The packages of the workspace, by name.
///
/// # Errors
///
/// When a manifest cannot be read.
pub fn members() -> Result<Vec<Package>> {
    let mut packages = MetadataCommand::new().current_dir(cmd::root()).no_deps().exec()?.packages;
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}
