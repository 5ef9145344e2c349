//! The server itself, ended with whoever started it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::wire::{Connection, Reply};
use crate::Result;

const PROGRAM: &str = "redis-server";
/// Longest that it may take to answer: after a turn it replays its log.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Why there is none on this machine.
pub(in super::super) fn missing() -> Option<&'static str> {
    let answer = Command::new(PROGRAM)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    (!answer.is_ok_and(|status| status.success())).then_some("redis-server is not installed")
}

/// A running server.
pub(super) struct Server {
    child: Mutex<Child>,
    socket: PathBuf,
}

impl Server {
    /// Starts one whose log is in `dir`, and waits until it answers.
    pub(super) async fn start(dir: &Path) -> Result<Self> {
        // The path of a socket is short, which that of the directory need not be.
        let socket = std::env::temp_dir().join(format!("syncline-bench-{}.sock", std::process::id()));
        let child = Command::new(PROGRAM)
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--auto-aof-rewrite-percentage", "0", "--maxmemory-policy", "noeviction", "--loglevel", "warning"])
            .arg("--logfile")
            .arg(dir.join("redis.log"))
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(dir)
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { child: Mutex::new(child), socket };
        let begun = Instant::now();
        while !server.answers().await {
            if begun.elapsed() > PATIENCE {
                return Err(format!("redis-server does not answer within {PATIENCE:?}").into());
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(server)
    }

    /// While it replays its log it answers with an error.
    async fn answers(&self) -> bool {
        let Ok(mut connection) = self.connect().await else { return false };
        matches!(connection.call(&[b"PING"]).await, Ok(Reply::Bytes(_)))
    }

    pub(super) async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.socket).await
    }

    /// Ends it in order.
    pub(super) async fn stop(&self) -> Result {
        // It hangs up instead of answering.
        let _unused = self.connect().await?.call(&[b"SHUTDOWN", b"NOSAVE"]).await;
        self.child().wait()?;
        Ok(())
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    /// Whatever went wrong, none is left behind; one that has ended is not there to be ended.
    fn drop(&mut self) {
        let mut child = self.child();
        if let Ok(None) = child.try_wait() {
            let _unused = child.kill().and_then(|()| child.wait());
        }
    }
}
