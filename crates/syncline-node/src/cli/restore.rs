//! `restore`: a new directory from a backup.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use crate::{
    exit::{Exit, Result},
    text,
};

/// Make a new directory from a backup
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline --dir fresh restore /backups/monday
  syncline --dir fresh verify

The directory must not hold records yet. What is written to it later is newer than all that the backup holds.")]
pub(super) struct Restore {
    /// Directory that backup made
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
}

impl Restore {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let restored = syncline::restore(&self.from, &context.dir).await;
        let backup = restored.map_err(|error| context.failure(&error))?;
        context.output.either(&backup, || {
            format!(
                "restored {} and {} from {} to {}",
                text::plural(backup.items, "record"),
                text::plural(backup.tombstones, "tombstone"),
                self.from.display(),
                context.dir.display()
            )
        })?;
        Ok(Exit::Done)
    }
}
