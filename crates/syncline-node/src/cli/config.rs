//! `config`: the settings and what they mean.

use clap::Args;

use crate::{
    config,
    exit::{Exit, Result},
    output::Output,
};

/// Print every setting with its default and what it means
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline config --example > syncline-data/syncline.toml")]
pub(super) struct Config {
    /// Print a settings file to begin with
    #[arg(long, required = true)]
    example: bool,
}

impl Config {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        output.bytes(config::EXAMPLE.as_bytes())?;
        Ok(Exit::Done)
    }
}
