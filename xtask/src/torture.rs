//! The `torture` binary that sim, crash and powercut share: built once, found where cargo put it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::Message;

use crate::{cmd, error::Result};

/// The package of the binary, and the binary.
const PACKAGE: &str = "syncline-torture";

/// How the binary is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Optimised, alone: for long runs.
    Release,
    /// With the tests of the whole workspace, so that no crate is compiled twice. The hot rooms are optimised there too.
    WithTests,
}

/// Builds the binary and gives its path.
///
/// # Errors
///
/// When it does not compile, or cargo names no such binary.
pub fn build(how: Build) -> Result<PathBuf> {
    let arguments: &[&str] = match how {
        Build::Release => &["build", "--release", "--package", PACKAGE],
        Build::WithTests => &["build", "--workspace", "--all-targets"],
    };
    eprintln!("$ cargo {}", arguments.join(" "));
    let mut command = cmd::cargo();
    command.args(arguments).args(["--message-format=json-render-diagnostics"]);
    executable(&messages(&mut command)?).ok_or_else(|| format!("cargo built no binary of {PACKAGE}").into())
}

/// A run of the binary, to be given its arguments.
pub fn command(binary: &Path) -> Command {
    cmd::program(binary)
}

/// Cargo's messages; what the compiler says goes to the terminal.
fn messages(command: &mut Command) -> Result<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{}: the workspace does not build", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The program that cargo reports for our package, not one of its test harnesses.
fn executable(messages: &str) -> Option<PathBuf> {
    Message::parse_stream(messages.as_bytes())
        .filter_map(std::result::Result::ok)
        .find_map(|message| {
            let Message::CompilerArtifact(artifact) = message else { return None };
            let ours = artifact.package_id.repr.contains(PACKAGE) || artifact.target.name == PACKAGE;
            let wanted = ours && artifact.target.is_bin() && !artifact.profile.test;
            artifact.executable.filter(|_| wanted).map(PathBuf::from)
        })
}
