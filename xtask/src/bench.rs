//! `bench`: side by side with peers, in a workspace of its own so that no peer is locked with the product.

use crate::{cmd, error::Result};

/// Measures one room against its peers, interleaved, and prints ratios with their goals.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The room: `journal`, `engine`, `queue`, `resilience` or `gallery`
    pub room: String,
    /// Inside a minute once built, with wider spread
    #[arg(long)]
    pub quick: bool,
    /// One object a figure, for machines
    #[arg(long)]
    pub json: bool,
    /// For `resilience`: draw the simulated fleet into `docs/figures`, and measure nothing
    #[arg(long)]
    pub figures: bool,
}

/// Builds the benchmarks and runs those of one room.
///
/// # Errors
///
/// When they do not build or do not run to their end. A missed goal is printed and is no error.
pub fn run(args: &Args) -> Result {
    let mut command = cmd::cargo();
    command.args(["run", "--quiet", "--release", "--manifest-path", "benches/Cargo.toml"]);
    // Counting makes each allocation dearer, so that rooms whose figures depend on them are built without.
    if args.room == "resilience" {
        command.args(["--features", "allocations"]);
    }
    command.args(["--", &args.room]);
    if args.quick {
        command.arg("--quick");
    }
    if args.json {
        command.arg("--json");
    }
    if args.figures {
        command.args(["--figures", "docs/figures"]);
    }
    cmd::run(&mut command)
}
