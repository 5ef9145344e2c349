//! One shell command, from its start to its end.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use syncline::{
    port::Clock as _,
    rt::{self, SystemClock},
};
use tokio::sync::oneshot;

/// What is kept of a command's standard error.
const STDERR_BYTES: usize = 1_000;
/// How long the end of standard error is waited for once the command has ended: what it left behind may hold it open for ever.
const STDERR_WAIT: Duration = Duration::from_millis(200);

/// A command that runs.
pub(super) struct Running {
    /// Its process group.
    pub(super) group: u32,
    status: oneshot::Receiver<Option<ExitStatus>>,
    said_all: oneshot::Receiver<()>,
    tail: Arc<Mutex<Vec<u8>>>,
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: Option<ExitStatus>,
    /// The end of what it said on standard error.
    pub(super) stderr: String,
}

/// Starts `exec` in a process group of its own, with `input` on standard input. Threads feed it, listen to it and wait for it.
pub(super) fn start(exec: &str, environment: &[(&str, String)], input: Vec<u8>) -> io::Result<Running> {
    let mut child = Command::new("sh")
        .args(["-c", exec])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let group = child.id();
    let tail = Arc::new(Mutex::new(Vec::new()));
    let (tell_status, status) = oneshot::channel();
    let (tell_said, said_all) = oneshot::channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads nothing blocks its feeder until it ends, and no longer.
        rt::thread("work feeder", move || {
            let _closed_early = stdin.write_all(&input).is_err();
        })?;
    }
    if let Some(stderr) = child.stderr.take() {
        let tail = Arc::clone(&tail);
        rt::thread("work listener", move || {
            listen(stderr, &tail);
            let _ended = tell_said.send(());
        })?;
    }
    rt::thread("work waiter", move || {
        let _nobody = tell_status.send(child.wait().ok());
    })?;
    Ok(Running { group, status, said_all, tail })
}

impl Running {
    /// Waits for its end.
    pub(super) async fn end(self) -> Ended {
        let status = self.status.await.unwrap_or(None);
        let clock = SystemClock;
        tokio::select! {
            _ = self.said_all => {}
            () = clock.sleep_until(clock.now() + STDERR_WAIT) => {}
        }
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        Ended { status, stderr: String::from_utf8_lossy(&tail).trim().to_owned() }
    }
}

impl Ended {
    /// The status that it ended with by itself.
    pub(super) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// Why it failed.
    pub(super) fn reason(&self) -> String {
        let how = match self.status.map(|status| (status.code(), status.signal())) {
            Some((Some(code), _)) => format!("status {code}"),
            Some((None, Some(signal))) => format!("killed by signal {signal}"),
            _ => "no status".to_owned(),
        };
        if self.stderr.is_empty() { how } else { format!("{how}: {}", self.stderr) }
    }
}

fn listen(mut stderr: ChildStderr, tail: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4_096];
    loop {
        match stderr.read(&mut buffer) {
            Ok(read @ 1..) => {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                tail.extend_from_slice(buffer.get(..read).unwrap_or_default());
                let surplus = tail.len().saturating_sub(STDERR_BYTES);
                tail.drain(..surplus);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}
