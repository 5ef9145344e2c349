//! `man`: the manual's pages.

use clap::{Args, CommandFactory as _};

use crate::{
    exit::{Exit, Failure, Result},
    output::Output,
};

/// Print a page of the manual
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline man | man -l -
  syncline man import > syncline-import.1
  syncline man queue push                                 a command of a command")]
pub(super) struct Man {
    /// Command whose page is printed; without it the page of syncline itself
    command: Vec<String>,
}

impl Man {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        // Built, so that each command knows the options that all of them take.
        let mut cli = super::Cli::command();
        cli.build();
        let mut command = cli;
        for name in &self.command {
            let found = command.find_subcommand(name).cloned();
            command = found.ok_or_else(|| Failure::usage(format!("there is no command {name:?}")))?;
        }
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| Failure::failed("invalid", format!("cannot write the page: {error}")))?;
        output.bytes(&page)?;
        Ok(Exit::Done)
    }
}
