//! `loom`: the models of lock-free code, compiled with every interleaving in view.

use crate::{cmd, error::Result, report::Outcome, tally};

/// Crates that have models, in modules called `loom`.
const CRATES: &[&str] = &["syncline-journal", "syncline-queue", "syncline-resilience"];

/// Runs every model. They are compiled with `--cfg syncline_loom` into a directory of their own,
/// so that the flag does not throw away what the other steps built.
///
/// # Errors
///
/// When cargo cannot be run, or no model ran.
pub fn run() -> Result<Outcome> {
    let mut command = cmd::cargo();
    // What is around the models takes longer to optimise than to run.
    command.args(["test", "--config", "profile.dev.package.'*'.opt-level=1"]);
    command
        .args(CRATES.iter().flat_map(|name| ["--package", name]))
        .args(["--lib", "--no-fail-fast", "loom"]);
    command
        .env("RUSTFLAGS", "--cfg syncline_loom")
        .env("CARGO_TARGET_DIR", cmd::target_dir().join("loom"));
    let watched = cmd::watch(&mut command)?;
    Outcome::of_run(watched.ok, tally::libtest(&watched.text))
}
