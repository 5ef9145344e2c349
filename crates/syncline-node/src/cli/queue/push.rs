//! `queue push`: new work.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use serde_json::json;
use syncline::{
    WallTime,
    port::Clock as _,
    queue::{Priority, SyncItem},
    rt::SystemClock,
};

use super::{super::context::Context, lines, once, record, time};
use crate::{
    exit::{Exit, Failure, Result},
    input::read_whole,
    store::{Access, Ask, Job},
};

/// Largest content of an item: it has to fit into one message between two processes.
pub(super) const CONTENT_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// Add an item, or many
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue push '{\"to\":\"ada@example.org\"}' --priority high
  syncline queue push --file report.pdf --id report-7 --delay 5m
  syncline queue push nightly --at 2030-01-31T03:00:00Z --dedup-key nightly --dedup-window 12h
  find . -name '*.png' | syncline queue push --lines --partition pictures
  syncline queue export | syncline --dir other queue push --records

It prints the id once the item survives loss of power. With --lines each line is an item, byte for byte; with --records each
line is an item as export writes it, with an id and settings of its own, and a dead one is new work again. Blank lines are
passed over. A line that is no item is named by its number and the others are pushed; then the status is 1. A line whose id
or key is taken is counted, and is no failure.

TIME is a number of seconds, or 250ms, 5m, 1h 30m, 2days.")]
pub(super) struct Push {
    /// What the item carries
    #[arg(required_unless_present_any = ["file", "lines", "records"], conflicts_with_all = ["lines", "records"])]
    content: Option<String>,
    /// File to take it from, byte for byte; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "content")]
    file: Option<PathBuf>,
    /// An item a line of --file, else of standard input
    #[arg(long, conflicts_with_all = ["id", "dedup_key", "records"])]
    lines: bool,
    /// An item a line, as export writes it, of --file, else of standard input
    #[arg(long, conflicts_with_all = [
        "id", "priority", "delay", "at", "ttl", "max_attempts", "partition", "dedup_key", "dedup_window",
    ])]
    records: bool,
    /// Its id; drawn at random unless given. One that waits or is worked on is refused
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    terms: Terms,
}

/// On which terms an item is handed out.
#[derive(Debug, Args)]
struct Terms {
    /// critical, high, normal, low or background
    #[arg(long, default_value = "normal", value_parser = record::priority)]
    priority: Priority,
    /// How long it is not handed out
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    delay: Option<Duration>,
    /// When it may be handed out first, such as 2030-01-31T08:30:00Z
    #[arg(long, value_name = "MOMENT", value_parser = time::moment, conflicts_with = "delay")]
    at: Option<WallTime>,
    /// How long it is of use; then it is dead, unless somebody works on it
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    ttl: Option<Duration>,
    /// Attempts in all
    #[arg(long, value_name = "COUNT", default_value_t = syncline::queue::DEFAULT_MAX_RETRIES)]
    max_attempts: u32,
    /// Items of one partition are handed out one after another, in order
    #[arg(long, value_name = "KEY")]
    partition: Option<String>,
    /// Nothing else of this key is accepted while the item lives
    #[arg(long, value_name = "KEY")]
    dedup_key: Option<String>,
    /// Nor for so long from now on
    #[arg(long, value_name = "TIME", value_parser = time::duration, requires = "dedup_key")]
    dedup_window: Option<Duration>,
}

impl Push {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        if self.lines || self.records {
            let file = self.file.unwrap_or_else(|| PathBuf::from("-"));
            let (terms, are_records) = (self.terms, self.records);
            let read = move |line: &[u8]| if are_records { record::parse(line) } else { Ok(terms.job(line)) };
            return lines::push(context, queue, &file, read).await;
        }
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
        let id = self.id.unwrap_or_else(new_id);
        let job = Job { id: id.clone(), ..self.terms.job(&content) };
        once(context, Access::Create, queue, Ask::Push(Box::new(job))).await?;
        context.output.either(&json!({ "id": id, "bytes": content.len() }), || id.clone())?;
        Ok(Exit::Done)
    }
}

impl Terms {
    /// An item without an id.
    fn job(&self, content: &[u8]) -> Job {
        let now = SystemClock.wall().as_millis();
        let after = |time: Duration| now.saturating_add(time::millis(time));
        let mut job = Job {
            priority: self.priority.number(),
            max_attempts: self.max_attempts,
            due_at_ms: self.at.map(WallTime::as_millis).or(self.delay.map(after)),
            expires_at_ms: self.ttl.map(after),
            partition: self.partition.clone(),
            dedup_key: self.dedup_key.clone(),
            dedup_window_ms: self.dedup_window.map(time::millis),
            ..Job::default()
        };
        job.set_content(content);
        job
    }
}

/// An id that nothing else has.
pub(super) fn new_id() -> String {
    SyncItem::new(serde_json::Value::Null, Priority::Normal).id
}
