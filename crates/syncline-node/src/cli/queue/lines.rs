//! `queue push --lines` and `--records`: an item a line.

use std::path::Path;

use serde::Serialize;
use syncline::ErrorKind;

use super::{
    super::{context::Context, import::Interrupt},
    push::{CONTENT_BYTES_MAX, new_id},
    unexpected,
};
use crate::{
    exit::{Exit, Failure, Result},
    input::{self, Numbered, Source},
    output,
    store::{Access, Ask, Job, Session, Told},
    text,
};

/// Longest line: content in base64, and all that may stand beside it.
const LINE_BYTES_MAX: usize = CONTENT_BYTES_MAX / 3 * 4 + 1_024 * 1_024;

/// What became of the lines.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Items that survive loss of power.
    pushed: u64,
    /// Lines whose id or key is taken.
    duplicates: u64,
    /// Lines that are no item.
    bad: u64,
    /// Whether the user ended it.
    interrupted: bool,
}

/// Pushes the item that `read` makes of each line.
pub(super) async fn push(
    context: &Context,
    queue: &str,
    file: &Path,
    read: impl Fn(&[u8]) -> Result<Job, String>,
) -> Result<Exit> {
    let source = Source::open(file)?;
    let mut interrupt = Interrupt::listen()?;
    let mut pusher = Pusher {
        context,
        queue,
        name: source.name.clone(),
        session: context.open(Access::Create).await?,
        summary: Summary::default(),
    };
    let ended = pusher.all(source, &mut interrupt, read).await;
    let Pusher { session, summary, .. } = pusher;
    context.close(session).await;
    context.output.either(&summary, || summary.line())?;
    ended?;
    Ok(match summary {
        Summary { interrupted: true, .. } => Exit::Interrupted,
        Summary { bad: 1.., .. } => Exit::Failed,
        _ => Exit::Done,
    })
}

struct Pusher<'a> {
    context: &'a Context,
    queue: &'a str,
    name: String,
    session: Session,
    summary: Summary,
}

/// An item and the number of its line.
type Item = (u64, Job);

impl Pusher<'_> {
    async fn all(
        &mut self,
        source: Source,
        interrupt: &mut Interrupt,
        read: impl Fn(&[u8]) -> Result<Job, String>,
    ) -> Result<()> {
        let mut parts = input::number(source, LINE_BYTES_MAX)
            .map_err(|error| Failure::failed("unavailable", format!("the system gives no thread: {error}")))?;
        loop {
            let part = tokio::select! {
                part = parts.recv() => part,
                () = interrupt.next() => {
                    self.summary.interrupted = true;
                    return Ok(());
                }
            };
            let Some(part) = part else { return Ok(()) };
            let mut items = Vec::new();
            for Numbered { line, bytes } in part? {
                match bytes.and_then(|bytes| item(&read, &bytes)) {
                    Ok(job) => items.push((line, job)),
                    Err(reason) => self.bad(line, &reason),
                }
            }
            self.some(items).await?;
        }
    }

    /// Pushes some; where they are refused together, one by one, so that the bad one alone is left out.
    async fn some(&mut self, items: Vec<Item>) -> Result<()> {
        match self.together(&items).await {
            Err(error) if error.kind() == ErrorKind::Invalid => {
                for one in items {
                    match self.together(std::slice::from_ref(&one)).await {
                        Err(error) if error.kind() == ErrorKind::Invalid => self.bad(one.0, error.message()),
                        pushed => pushed.map_err(|error| self.stop(&error, std::slice::from_ref(&one)))?,
                    }
                }
                Ok(())
            }
            pushed => pushed.map_err(|error| self.stop(&error, &items)),
        }
    }

    async fn together(&mut self, items: &[Item]) -> syncline::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let ask = Ask::PushMany(items.iter().map(|(_, job)| job.clone()).collect());
        let queue = self.queue;
        match self.session.ask(async |store| store.queue(queue, ask.clone()).await).await? {
            Told::Pushed(ids) => {
                let (all, new) = (items.len() as u64, ids.len() as u64);
                self.summary.pushed += new;
                self.summary.duplicates += all.saturating_sub(new);
                Ok(())
            }
            _ => Err(syncline::Error::new(ErrorKind::Unknown, unexpected().message().to_owned())),
        }
    }

    fn bad(&mut self, line: u64, reason: &str) {
        self.summary.bad += 1;
        output::note(&format!("syncline: {}:{line}: {reason}", self.name));
    }

    /// Why the lines from these on are not pushed.
    fn stop(&self, error: &syncline::Error, items: &[Item]) -> Failure {
        let failure = self.context.failure(error);
        let (first, last) = (items.first().map_or(0, |item| item.0), items.last().map_or(0, |item| item.0));
        let what = match error.kind() {
            ErrorKind::Unknown | ErrorKind::Poisoned => {
                format!("lines {first} to {last} may have been pushed, and nothing after them")
            }
            _ => format!("line {first} and what follows it were not pushed"),
        };
        failure.after(&format!("{}: {what}", self.name))
    }
}

fn item(read: impl Fn(&[u8]) -> Result<Job, String>, line: &[u8]) -> Result<Job, String> {
    let mut job = read(line)?;
    let bytes = job.content().map_err(|error| error.to_string())?.len();
    if bytes > CONTENT_BYTES_MAX {
        return Err(format!("content has {bytes} bytes, the most is {CONTENT_BYTES_MAX}"));
    }
    if job.id.is_empty() {
        job.id = new_id();
    }
    Ok(job)
}

impl Summary {
    fn line(&self) -> String {
        let mut line = format!("pushed {}", text::plural(self.pushed, "item"));
        if self.duplicates > 0 {
            line.push_str(&format!(", {} there already", text::count(self.duplicates)));
        }
        if self.bad > 0 {
            line.push_str(&format!(", {} not pushed", text::plural(self.bad, "bad line")));
        }
        line
    }
}
