//! `queue pop`: items under leases that outlast the command.

use std::time::Duration;

use clap::Args;
use syncline::{port::Clock as _, rt::SystemClock};

use super::{super::context::Context, record, time, unexpected, usual};
use crate::{
    exit::{Exit, Failure, Result},
    store::{Access, Ask, Job, Pop as Wanted, Session, Told},
};

/// Take the next item, for work that another command completes
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue watch > events &                        holds the directory, and the leases with it
  syncline queue pop | { IFS=$'\\t' read -r id token attempt; cat > body; }
  syncline queue complete \"$id\" --token \"$token\"
  syncline --json queue pop --count 10 --lease 1h --wait 30s

The first line is the id, the number of the lease and the number of the attempt, with tabs between; what follows, to the
end, is the item's content, byte for byte. With --json it is one object a line.

A lease lasts as long as it says, and no longer than the process that holds the directory: so another one must hold it
until it is told to end, as queue watch and queue work do. Where there is none, nothing is taken and the status is 1. Where
nothing is ready it is 3.")]
pub(super) struct Pop {
    /// How long the item is yours; then it is handed out again
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time::lease)]
    lease: Duration,
    /// How long to wait until there is an item
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = time::duration)]
    wait: Duration,
    /// Most items; more than one need --json
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    count: u16,
}

impl Pop {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        if self.count > 1 && !context.output.is_json() {
            return Err(Failure::usage("where more than one item may come, their contents run together: give --json"));
        }
        let mut session = context.open(Access::Existing).await?;
        let popped = self.wait(context, &mut session, queue).await;
        context.close(session).await;
        let jobs = popped?;
        if jobs.is_empty() {
            return Err(Failure::not_found(format!("nothing is ready in the queue {queue:?}")));
        }
        jobs.iter().try_for_each(|job| show(context, job))?;
        Ok(Exit::Done)
    }

    async fn wait(&self, context: &Context, session: &mut Session, queue: &str) -> Result<Vec<Job>> {
        let deadline = SystemClock.now() + self.wait;
        loop {
            let left = deadline.saturating_since(SystemClock.now());
            let ask = Ask::Pop(Wanted {
                most: self.count.into(),
                lease_ms: time::millis(self.lease),
                wait_ms: time::millis(left),
            });
            let asked = session.ask(async |store| match store.other_owner() {
                Some(_) => store.queue(queue, ask.clone()).await,
                // A lease of our own would end with us.
                None => Ok(Told::NoKeeper),
            });
            match usual(queue, asked.await.map_err(|error| context.failure(&error))?)? {
                Told::Popped(jobs) if jobs.is_empty() && !left.is_zero() => {}
                Told::Popped(jobs) => return Ok(jobs),
                Told::NoKeeper => return Err(no_keeper(context)),
                _ => return Err(unexpected()),
            }
        }
    }
}

fn no_keeper(context: &Context) -> Failure {
    let dir = context.dir.display();
    Failure::failed(
        "no keeper",
        format!(
            "no process holds {dir} for longer than one command, and a lease ends with the process that holds it: leave \
             'syncline queue watch' or 'syncline queue work' running on it, then pop again; nothing was taken"
        ),
    )
}

fn show(context: &Context, job: &Job) -> Result<()> {
    if context.output.is_json() {
        return context.output.bytes(&record::line(job)?);
    }
    let content = job.content().map_err(|error| context.failure(&error))?;
    let token = job.lease_token.unwrap_or_default();
    context.output.line(&format!("{}\t{token}\t{}", job.id, job.attempts + 1))?;
    context.output.content(&content)
}
