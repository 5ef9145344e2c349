//! `backup`: a copy that is whole, while other commands run.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use crate::{
    exit::{Exit, Failure, Result},
    store::Access,
    text,
};

/// Copy everything that was stored so far to a new directory, while other commands run
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline backup /backups/monday
  syncline --dir fresh restore /backups/monday

The copy is read back and checked before it counts. With a key, the copy is encrypted like the original.")]
pub(super) struct Backup {
    /// New or empty directory for the copy
    #[arg(value_name = "BACKUP")]
    to: PathBuf,
}

impl Backup {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        // The process that makes the copy may stand elsewhere.
        let to = std::path::absolute(&self.to).map_err(|error| Failure::file("cannot name", &self.to, &error))?;
        let backup = context.ask(Access::Existing, async |store| store.backup(&to).await).await?;
        context.output.either(&backup, || {
            format!(
                "backed up {} and {} to {}: {}, read back and checked",
                text::plural(backup.items, "record"),
                text::plural(backup.tombstones, "tombstone"),
                to.display(),
                text::bytes(backup.archive_bytes)
            )
        })?;
        Ok(Exit::Done)
    }
}
