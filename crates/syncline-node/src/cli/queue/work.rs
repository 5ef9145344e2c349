//! `queue work`: a command for each item.

use std::{
    io::{Read as _, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use syncline::{
    port::Clock as _,
    rt::{self, SystemClock, os},
};
use tokio::sync::oneshot;

use super::super::{context::Context, import::Interrupt};
use crate::{
    exit::{Exit, Failure, Result},
    output,
    store::{Access, Ask, Job, Session, Told},
};

/// How often a lease, which lasts five minutes, is extended while the command runs.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// What is kept of a command's standard error.
const STDERR_BYTES: usize = 1_000;

/// Run a shell command for each item, with the item's content on standard input
#[derive(Debug, Args)]
pub(super) struct Work {
    /// Command, run by sh. Status 0 completes the item, --reject-status rejects it for good, every other is tried again. It
    /// finds SYNCLINE_ITEM_ID, SYNCLINE_ATTEMPT and SYNCLINE_QUEUE in its environment
    #[arg(long, value_name = "COMMAND")]
    exec: String,
    /// Status with which the command says that no attempt can succeed
    #[arg(long, value_name = "STATUS", default_value_t = 65)]
    reject_status: i32,
    /// End after one item
    #[arg(long)]
    once: bool,
    /// End when no item is ready
    #[arg(long)]
    drain: bool,
}

impl Work {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let mut interrupt = Interrupt::listen()?;
        let mut session = context.open(Access::Create).await?;
        let ended = self.each(context, &mut session, queue, &mut interrupt).await;
        context.close(session).await;
        ended
    }

    async fn each(&self, context: &Context, session: &mut Session, queue: &str, stop: &mut Interrupt) -> Result<Exit> {
        loop {
            let told = tokio::select! {
                told = session.ask(async |store| store.queue(queue, Ask::Pop).await) => told,
                () = stop.next() => return Ok(Exit::Interrupted),
            };
            match told.map_err(|error| context.failure(&error))? {
                Told::Job(Some(job)) => {
                    if self.one(context, session, queue, job, stop).await? {
                        return Ok(Exit::Interrupted);
                    }
                    if self.once {
                        return Ok(Exit::Done);
                    }
                }
                _ if self.drain => return Ok(Exit::Done),
                _ => {}
            }
        }
    }

    /// Works on one item; whether the user wants to stop after it.
    async fn one(
        &self,
        context: &Context,
        session: &mut Session,
        queue: &str,
        job: Job,
        stop: &mut Interrupt,
    ) -> Result<bool> {
        let (id, token) = (job.id.clone(), job.lease_token.unwrap_or_default());
        let content = job.content().map_err(|error| context.failure(&error))?;
        let (group, mut ended) = self.start(queue, &job, content)?;
        let mut is_stopping = false;
        let ended = loop {
            tokio::select! {
                ended = &mut ended => break ended,
                () = stop.next() => {
                    output::note("syncline: stopping after the command that runs");
                    is_stopping = true;
                }
                () = SystemClock.sleep_until(SystemClock.now() + HEARTBEAT) => {
                    let extend = Ask::Extend { id: id.clone(), token };
                    if let Err(error) = session.ask(async |store| store.queue(queue, extend.clone()).await).await {
                        os::kill_group(group);
                        output::note(&format!("syncline: {id}: its command was killed: {error}"));
                        return Ok(is_stopping);
                    }
                }
            }
        };
        let (status, error) = ended.unwrap_or_else(|_| (None, "nobody waited for the command".to_owned()));
        let ask = match status.and_then(|status| status.code()) {
            Some(0) => Ask::Complete { id: id.clone(), token },
            code => Ask::Fail {
                id: id.clone(),
                token,
                error: format!("{}: {error}", said(status)).trim_end_matches([':', ' ']).to_owned(),
                for_good: code == Some(self.reject_status),
            },
        };
        if let Err(error) = session.ask(async |store| store.queue(queue, ask.clone()).await).await {
            // It is handed out again, or already is.
            output::note(&format!("syncline: {id}: its outcome was not taken: {error}"));
        }
        Ok(is_stopping)
    }

    /// Starts the command in a process group of its own; a thread feeds it and waits for it.
    fn start(&self, queue: &str, job: &Job, content: Vec<u8>) -> Result<(u32, oneshot::Receiver<Ended>)> {
        let failed = |error: std::io::Error| Failure::failed("unavailable", format!("cannot run the command: {error}"));
        let mut child = Command::new("sh")
            .args(["-c", &self.exec])
            .env("SYNCLINE_QUEUE", queue)
            .env("SYNCLINE_ITEM_ID", &job.id)
            .env("SYNCLINE_ATTEMPT", (job.attempts + 1).to_string())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let group = child.id();
        let (tell, told) = oneshot::channel();
        let feed = Arc::new(content);
        let stdin = child.stdin.take();
        // A command that reads nothing blocks its feeder until it ends, and no longer.
        rt::thread("work feeder", move || {
            let _closed_early = stdin.map(|mut stdin| stdin.write_all(&feed));
        })
        .map_err(failed)?;
        rt::thread("work waiter", move || drop(tell.send(wait(child)))).map_err(failed)?;
        Ok((group, told))
    }
}

/// How a command ended, and the end of what it said on standard error.
type Ended = (Option<ExitStatus>, String);

fn wait(mut child: Child) -> Ended {
    let (mut tail, mut buffer) = (Vec::new(), [0; 4_096]);
    if let Some(mut stderr) = child.stderr.take() {
        while let Ok(read @ 1..) = stderr.read(&mut buffer) {
            tail.extend_from_slice(buffer.get(..read).unwrap_or_default());
            let surplus = tail.len().saturating_sub(STDERR_BYTES);
            tail.drain(..surplus);
        }
    }
    (child.wait().ok(), String::from_utf8_lossy(&tail).trim().to_owned())
}

fn said(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("status {code}"),
        Some((None, Some(signal))) => format!("killed by signal {signal}"),
        _ => "no status".to_owned(),
    }
}
