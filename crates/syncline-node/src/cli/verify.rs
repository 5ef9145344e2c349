//! `verify`: everything is read back and checked.

use clap::Args;

use super::context::Context;
use crate::{
    exit::{Exit, Result},
    store::Access,
    text,
};

/// Read every record and every frame of the journal back, and say in one line what that proved
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline verify                  exit status 0 only when all of it is whole
  syncline --json verify")]
pub(super) struct Verify {}

impl Verify {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let verified = context.ask(Access::Existing, async |store| store.verify().await).await?;
        context.output.either(&verified, || {
            format!(
                "verified: {} and {}, {} of content with the right hash; {} of the journal with the right checksum",
                text::plural(verified.items, "record"),
                text::plural(verified.tombstones, "tombstone"),
                text::bytes(verified.content_bytes),
                text::plural(verified.frames, "frame"),
            )
        })?;
        Ok(Exit::Done)
    }
}
