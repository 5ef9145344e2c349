//! `queue work`: a command for each item.

mod command;
mod crew;
mod given;
mod held;
mod take;

use std::time::Duration;

use clap::Args;
use crew::Crew;

use super::{
    super::{context::Context, import::Interrupt},
    time,
};
use crate::{
    exit::{Exit, Result},
    store::Access,
};

/// Run a shell command for each item, with the item's content on standard input
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue work --exec './send-mail.sh' --concurrency 4
  syncline queue work --exec 'timeout -k 5 60 ./render.sh' --until-empty
  syncline queue work --exec './bulk-load.sh' --batch 100 --deadline 10m

The command is run by sh, in a process group of its own, with its standard output left to it. It finds in its environment
SYNCLINE_QUEUE, SYNCLINE_ITEM_ID, SYNCLINE_ATTEMPT (1 is the first), SYNCLINE_MAX_ATTEMPTS, SYNCLINE_PRIORITY and
SYNCLINE_LEASE_TOKEN. With --batch it finds SYNCLINE_COUNT and, on standard input, a line of JSON for each item, as export
writes them; its status is that of all of them.

Status 0 completes the item, 65 (EX_DATAERR, or --reject-status) makes it dead at once, every other is tried again after a
delay, up to its attempts. The end of what it said on standard error is kept with the item.

The first Ctrl-C, or SIGTERM, takes no more items and waits for the commands that run; the second kills them and gives their
items back, with the attempt not counted. When the worker is killed with -9 its items come back when the directory is opened
again or, where another process holds it, when their leases end; a command that it left behind may still run then.")]
pub(super) struct Work {
    /// Command for each item
    #[arg(long, value_name = "COMMAND")]
    exec: String,
    /// Commands at once
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Items for one command, as lines of JSON
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    batch: Option<u16>,
    /// How long a command may run; then its whole process group is killed, and the attempt has failed
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    deadline: Option<Duration>,
    /// How long an item stays away when this worker dies; extended while its command runs
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time::lease)]
    lease: Duration,
    /// Status with which the command says that no attempt can succeed
    #[arg(long, value_name = "STATUS", default_value_t = 65)]
    reject_status: i32,
    /// End after one command
    #[arg(long)]
    once: bool,
    /// End when no item is ready
    #[arg(long)]
    drain: bool,
    /// End when no item is left: none waits, for its turn or its time, and nobody works on one
    #[arg(long, conflicts_with_all = ["once", "drain"])]
    until_empty: bool,
}

impl Work {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let mut interrupt = Interrupt::listen()?;
        let session = match self.once || self.drain || self.until_empty {
            true => context.open(Access::Create).await?,
            false => context.keep(Access::Create).await?,
        };
        let mut crew = Crew::new(context, queue, &self, session);
        let ended = crew.work(&mut interrupt).await;
        context.close(crew.into_session()).await;
        ended
    }

    /// Items of one command.
    fn batch(&self) -> usize {
        self.batch.unwrap_or(1).into()
    }

    /// How often leases are extended: a few may fail before one ends.
    fn heartbeat(&self) -> Duration {
        self.lease / 5
    }
}
