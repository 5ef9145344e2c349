//! `queue`: work that is pushed by one command and done by another.

mod dead;
mod export;
mod lines;
mod list;
mod look;
mod pop;
mod push;
mod record;
mod settle;
mod time;
mod watch;
mod work;

use clap::{Args, Subcommand};
use syncline::queue::SyncQueue;

use super::context::Context;
use crate::{
    exit::{Exit, Failure, Result},
    store::{Access, Ask, Told},
};

/// Push work, and run a command for each item of it
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue work --exec './send-mail.sh'            in one terminal
  syncline queue push '{\"to\":\"ada@example.org\"}'         in another
  syncline queue push --file report.pdf --priority high --id report-7
  seq 100 | syncline queue push --lines                  an item a line
  syncline queue --queue mails stats
  syncline queue dead
  syncline queue redrive                                 all dead items get their attempts back

An item that was pushed survives loss of power. It is handed out until a command ends with status 0, up to its attempts;
then it is dead, and stays with its errors until it is redriven or purged. Queues of one directory are told apart by
--queue and are made by the first push.

Exit status: 0 done, 1 failed, 2 asked in the wrong way, 3 there is no such item, or none to pop, 4 the lease had ended,
130 stopped by Ctrl-C.")]
pub(super) struct Queue {
    /// Name of the queue
    #[arg(long, value_name = "NAME", default_value = "default", global = true)]
    queue: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Push(Box<push::Push>),
    Pop(pop::Pop),
    Complete(settle::Complete),
    Fail(settle::Fail),
    Work(work::Work),
    Inspect(look::Inspect),
    List(list::List),
    Dead(list::Dead),
    Redrive(dead::Redrive),
    Purge(dead::Purge),
    Watch(watch::Watch),
    Export(export::Export),
    /// Print numbers of the queue
    Stats,
}

impl Queue {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        SyncQueue::check_name(&self.queue).map_err(|error| Failure::usage(error.to_string()))?;
        let (context, queue) = (&context, self.queue.as_str());
        match self.command {
            Command::Push(push) => push.run(context, queue).await,
            Command::Pop(pop) => pop.run(context, queue).await,
            Command::Complete(complete) => complete.run(context, queue).await,
            Command::Fail(fail) => fail.run(context, queue).await,
            Command::Work(work) => work.run(context, queue).await,
            Command::Inspect(inspect) => inspect.run(context, queue).await,
            Command::List(list) => list.run(context, queue).await,
            Command::Dead(dead) => dead.run(context, queue).await,
            Command::Redrive(redrive) => redrive.run(context, queue).await,
            Command::Purge(purge) => purge.run(context, queue).await,
            Command::Watch(watch) => watch.run(context, queue).await,
            Command::Export(export) => export.run(context, queue).await,
            Command::Stats => look::stats(context, queue).await,
        }
    }
}

/// Asks once. What is not there, and a lease that has ended, end each command alike.
async fn once(context: &Context, access: Access, queue: &str, ask: Ask) -> Result<Told> {
    let told = context.ask(access, async |store| store.queue(queue, ask.clone()).await).await?;
    usual(queue, told)
}

fn usual(queue: &str, told: Told) -> Result<Told> {
    match told {
        Told::Missing(id) => Err(no_item(queue, &id)),
        Told::Lost(message) => Err(Failure::lease_lost(message)),
        told => Ok(told),
    }
}

fn no_item(queue: &str, id: &str) -> Failure {
    Failure::not_found(format!("there is no item {id:?} in the queue {queue:?}"))
}

/// What no queue answers to what was asked.
fn unexpected() -> Failure {
    Failure::failed("invalid", "the queue gave another answer than was asked for")
}
