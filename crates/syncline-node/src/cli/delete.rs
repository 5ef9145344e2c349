//! `delete`: one item.

use clap::Args;
use serde_json::json;

use super::context::Context;
use crate::{
    exit::{Exit, Failure, Result},
    store::Access,
};

/// Delete one record
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline delete users.1

The exit status is 3 when there is no such record. It returns once the deletion survives loss of power.")]
pub(super) struct Delete {
    /// Id of the record
    id: String,
}

impl Delete {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let deleted = context.ask(Access::Existing, async |store| store.delete(&self.id).await).await?;
        let Some(version) = deleted else {
            return Err(Failure::not_found(format!("there is no record {:?} in {}", self.id, context.dir.display())));
        };
        let object = json!({ "id": self.id, "deleted": true, "version": version });
        context.output.either(&object, || format!("deleted {:?}, version {version}", self.id))?;
        Ok(Exit::Done)
    }
}
