//! Dead letters.

use clap::Args;
use serde_json::json;

use super::{super::context::Context, once, unexpected};
use crate::{
    exit::{Exit, Failure, Result},
    output::Output,
    store::{Access, Ask, Job, Session, Told},
};

/// Give dead items their attempts back
#[derive(Debug, Args)]
pub(super) struct Redrive {
    /// Their ids; all when none is named
    ids: Vec<String>,
}

/// Throw dead items away
#[derive(Debug, Args)]
pub(super) struct Purge {
    /// Their ids; with --all every one
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// Throw every dead item away
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl Redrive {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        count(context, queue, self.ids.len(), Ask::Redrive { ids: self.ids }, "redriven").await
    }
}

impl Purge {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        count(context, queue, self.ids.len(), Ask::Purge { ids: self.ids }, "purged").await
    }
}

async fn count(context: &Context, queue: &str, named: usize, ask: Ask, what: &str) -> Result<Exit> {
    let Told::Count(count) = once(context, Access::Existing, queue, ask).await? else {
        return Err(unexpected());
    };
    context.output.either(&json!({ what: count }), || format!("{what}: {count}"))?;
    match named.saturating_sub(count) {
        0 => Ok(Exit::Done),
        missing => {
            let message = format!("{missing} of the {named} named are no dead items of the queue {queue:?}");
            Err(Failure::not_found(message))
        }
    }
}

pub(super) async fn list(context: &Context, queue: &str) -> Result<Exit> {
    let mut session = context.open(Access::Existing).await?;
    let listed = each(context, &mut session, queue).await;
    context.close(session).await;
    listed.map(|()| Exit::Done)
}

async fn each(context: &Context, session: &mut Session, queue: &str) -> Result<()> {
    let mut after = None;
    loop {
        let told = session
            .ask(async |store| store.queue(queue, Ask::Dead { after: after.clone() }).await)
            .await;
        let Told::Dead(jobs) = told.map_err(|error| context.failure(&error))? else {
            return Err(unexpected());
        };
        let Some(last) = jobs.last() else { return Ok(()) };
        after = Some(last.id.clone());
        jobs.iter().try_for_each(|job| show(context.output, job))?;
    }
}

fn show(output: Output, job: &Job) -> Result<()> {
    output.either(job, || {
        let error = job.errors.last().map(String::as_str).unwrap_or_default();
        format!("{}\t{} attempts\t{}", job.id, job.attempts, error.lines().last().unwrap_or_default())
    })
}
