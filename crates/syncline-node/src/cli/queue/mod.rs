//! `queue`: work that is pushed by one command and done by another.

mod work;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use syncline::{
    port::Clock as _,
    queue::{Priority, SyncItem, SyncQueue},
    rt::SystemClock,
};

use super::context::Context;
use crate::{
    exit::{Exit, Failure, Result},
    input::read_whole,
    store::{Access, Ask, Job, Told},
};

/// Largest content of an item: it has to fit into one message between two processes.
const CONTENT_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// Push work, and run a command for each item of it
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue work --exec './send-mail.sh'            in one terminal
  syncline queue push '{\"to\":\"ada@example.org\"}'         in another
  syncline queue push --file report.pdf --priority high --id report-7
  syncline queue --queue mails stats
  syncline queue dead
  syncline queue redrive                                 all dead items get their attempts back

An item that was pushed survives loss of power. It is handed out until a command ends with status 0, up to its attempts;
then it is dead, and stays with its errors until it is redriven or purged. Queues of one directory are told apart by
--queue and are made by the first push.")]
pub(super) struct Queue {
    /// Name of the queue
    #[arg(long, value_name = "NAME", default_value = "default", global = true)]
    queue: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Push(Push),
    Work(work::Work),
    /// Print one item
    Inspect {
        /// Its id
        id: String,
    },
    /// Print what will not be tried again, oldest first
    Dead,
    /// Give dead items their attempts back
    Redrive {
        /// Their ids; all when none is named
        ids: Vec<String>,
    },
    /// Throw dead items away
    Purge {
        /// Their ids; with --all every one
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// Throw every dead item away
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Print numbers of the queue
    Stats,
}

/// Add an item
#[derive(Debug, Args)]
struct Push {
    /// What the item carries
    #[arg(required_unless_present = "file")]
    content: Option<String>,
    /// File to take it from, byte for byte; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "content")]
    file: Option<PathBuf>,
    /// Its id; drawn at random unless given. One that waits or is worked on is refused
    #[arg(long)]
    id: Option<String>,
    /// critical, high, normal, low or background
    #[arg(long, default_value = "normal", value_parser = priority)]
    priority: Priority,
    /// Seconds before which it is not handed out
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    delay: Option<std::time::Duration>,
    /// Attempts in all
    #[arg(long, value_name = "COUNT", default_value_t = syncline::queue::DEFAULT_MAX_RETRIES)]
    max_attempts: u32,
}

fn priority(text: &str) -> std::result::Result<Priority, String> {
    let names = [
        ("critical", Priority::Critical),
        ("high", Priority::High),
        ("normal", Priority::Normal),
        ("low", Priority::Low),
        ("background", Priority::Background),
    ];
    let found = names.into_iter().find(|(name, _)| *name == text);
    found
        .map(|(_, priority)| priority)
        .ok_or_else(|| "not critical, high, normal, low or background".to_owned())
}

impl Queue {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        SyncQueue::check_name(&self.queue).map_err(|error| Failure::usage(error.to_string()))?;
        match self.command {
            Command::Push(push) => push.run(&context, &self.queue).await,
            Command::Work(work) => work.run(&context, &self.queue).await,
            Command::Inspect { id } => inspect(&context, &self.queue, id).await,
            Command::Dead => dead(&context, &self.queue).await,
            Command::Redrive { ids } => count(&context, &self.queue, Ask::Redrive { ids }, "redriven").await,
            Command::Purge { ids, .. } => count(&context, &self.queue, Ask::Purge { ids }, "purged").await,
            Command::Stats => stats(&context, &self.queue).await,
        }
    }
}

async fn once(context: &Context, access: Access, queue: &str, ask: Ask) -> Result<Told> {
    context.ask(access, async |store| store.queue(queue, ask.clone()).await).await
}

impl Push {
    async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let content = match (self.content, &self.file) {
            (Some(content), _) => content.into_bytes(),
            (None, Some(file)) => read_whole(file, CONTENT_BYTES_MAX)?,
            (None, None) => Vec::new(),
        };
        if content.len() > CONTENT_BYTES_MAX {
            return Err(Failure::usage(format!(
                "content has {} bytes, the most is {CONTENT_BYTES_MAX}",
                content.len()
            )));
        }
        let id = self.id.unwrap_or_else(|| SyncItem::new(serde_json::Value::Null, self.priority).id);
        let delay_ms = self.delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        let mut job = Job {
            id: id.clone(),
            priority: self.priority.number(),
            max_attempts: self.max_attempts,
            due_at_ms: delay_ms.map(|delay| SystemClock.wall().as_millis().saturating_add(delay)),
            ..Job::default()
        };
        job.set_content(&content);
        once(context, Access::Create, queue, Ask::Push(job)).await?;
        context.output.either(&json!({ "id": id, "bytes": content.len() }), || id.clone())?;
        Ok(Exit::Done)
    }
}

async fn inspect(context: &Context, queue: &str, id: String) -> Result<Exit> {
    match once(context, Access::Existing, queue, Ask::Inspect { id: id.clone() }).await? {
        Told::Job(Some(job)) => {
            context.output.object(&job)?;
            Ok(Exit::Done)
        }
        _ => Err(Failure::not_found(format!("there is no item {id:?} in the queue {queue:?}"))),
    }
}

async fn dead(context: &Context, queue: &str) -> Result<Exit> {
    let mut session = context.open(Access::Existing).await?;
    let mut after = None;
    let printed = loop {
        let told = session
            .ask(async |store| store.queue(queue, Ask::Dead { after: after.clone() }).await)
            .await;
        let jobs = match told {
            Ok(Told::Dead(jobs)) => jobs,
            Ok(_) => Vec::new(),
            Err(error) => break Err(context.failure(&error)),
        };
        let Some(last) = jobs.last() else { break Ok(Exit::Done) };
        after = Some(last.id.clone());
        let print = |job: &Job| {
            context.output.either(job, || {
                let error = job.errors.last().map(String::as_str).unwrap_or_default();
                format!("{}\t{} attempts\t{}", job.id, job.attempts, error.lines().last().unwrap_or_default())
            })
        };
        if let Err(failure) = jobs.iter().try_for_each(print) {
            break Err(failure);
        }
    };
    context.close(session).await;
    printed
}

async fn count(context: &Context, queue: &str, ask: Ask, what: &str) -> Result<Exit> {
    let count = match once(context, Access::Existing, queue, ask).await? {
        Told::Count(count) => count,
        _ => 0,
    };
    context.output.either(&json!({ what: count }), || format!("{what}: {count}"))?;
    Ok(Exit::Done)
}

async fn stats(context: &Context, queue: &str) -> Result<Exit> {
    if let Told::Numbers(numbers) = once(context, Access::Existing, queue, Ask::Stats).await? {
        context.output.either(&numbers, || {
            format!(
                "waiting or in hand  {}\nin hand             {}\ndead                {}",
                numbers.current_size, numbers.in_flight, numbers.dead
            )
        })?;
    }
    Ok(Exit::Done)
}
