//! `queue complete` and `queue fail`: how an attempt went.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{super::context::Context, once, time, unexpected};
use crate::{
    exit::{Exit, Result},
    store::{Access, Ask, Told},
};

/// Say that an item that was popped is done
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue complete report-7 --token 3

Exit status 3: there is no such item. 4: the lease had ended, by time or with the process that held the directory; the item
waits again, or somebody else has it, and nothing was changed.")]
pub(super) struct Complete {
    /// Its id
    id: String,
    /// Number of the lease, as pop printed it; without it whoever has the item now is meant
    #[arg(long, value_name = "TOKEN")]
    token: Option<u64>,
}

/// Say that an attempt at an item that was popped has failed
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue fail report-7 --token 3 --error 'no route to host'
  syncline queue fail report-7 --token 3 --delay 10m
  syncline queue fail report-7 --token 3 --reject

It prints whether another attempt follows. Exit status 3 and 4 are those of complete.")]
pub(super) struct Fail {
    /// Its id
    id: String,
    /// Number of the lease, as pop printed it; without it whoever has the item now is meant
    #[arg(long, value_name = "TOKEN")]
    token: Option<u64>,
    /// Why; the item keeps it
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// How long until the next attempt; grows with each of them unless given
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    delay: Option<Duration>,
    /// No attempt can succeed: the item is dead at once
    #[arg(long, conflicts_with = "delay")]
    reject: bool,
}

impl Complete {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let ask = Ask::Complete { id: self.id.clone(), token: self.token };
        once(context, Access::Existing, queue, ask).await?;
        context
            .output
            .either(&json!({ "id": self.id, "status": "completed" }), || format!("{}\tcompleted", self.id))?;
        Ok(Exit::Done)
    }
}

impl Fail {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let ask = Ask::Fail {
            id: self.id.clone(),
            token: self.token,
            error: self.error,
            delay_ms: self.delay.map(time::millis),
            for_good: self.reject,
        };
        let Told::Failed { again } = once(context, Access::Existing, queue, ask).await? else {
            return Err(unexpected());
        };
        let status = if again { "scheduled" } else { "dead" };
        context
            .output
            .either(&json!({ "id": self.id, "status": status }), || format!("{}\t{status}", self.id))?;
        Ok(Exit::Done)
    }
}
