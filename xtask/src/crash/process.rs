//! One child process: what it printed, and how it ended, by itself or killed after a moment.

use std::{
    fs::File,
    io::Read,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::sync_channel,
    thread,
    time::Duration,
};

use crate::error::Result;

/// A child that nobody kills and that does not end by then is killed: better an error than a run that hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// All that reached us of its output, whole lines only: the last one of a killed process may be cut.
    pub lines: String,
    /// Its status.
    pub status: ExitStatus,
    /// We killed it; else it ended by itself, or by a signal from elsewhere.
    pub killed: bool,
}

/// Runs `command`; sends SIGKILL `after` a moment, if it has not ended by then. Its errors go to the file `complaints`.
///
/// # Errors
///
/// When it cannot be started or watched, or hangs.
pub fn run(command: &mut Command, after: Option<Duration>, complaints: &Path) -> Result<Ended> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(complaints)?)
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", Path::new(command.get_program()).display()))?;
    let Some(mut output) = child.stdout.take() else { return Err("the child has no output".into()) };
    let (ended, wait) = sync_channel(1);
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut bytes = Vec::new();
            let read = output.read_to_end(&mut bytes).map(|_| bytes);
            // The other end only stops listening when it has killed the child already.
            ended.send(()).unwrap_or_default();
            read
        });
        let killed = wait.recv_timeout(after.unwrap_or(DEADLINE)).is_err();
        if killed {
            child.kill()?;
        }
        let status = child.wait()?;
        let bytes = reader.join().map_err(|_| "the reader of the child's output panicked")??;
        if killed && after.is_none() {
            return Err(format!("no end after {} s: {command:?}", DEADLINE.as_secs()).into());
        }
        Ok(Ended { lines: whole_lines(&bytes), status, killed })
    })
}

fn whole_lines(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, after: Option<Duration>) -> Ended {
        let dir = tempfile::tempdir().unwrap();
        run(Command::new("sh").args(["-c", script]), after, &dir.path().join("stderr")).unwrap()
    }

    #[test]
    fn what_a_killed_process_said_is_kept_in_whole_lines() {
        let ended = sh("echo one; printf tw; exec tail -f /dev/null", Some(Duration::from_millis(300)));
        assert!(ended.killed && ended.status.code().is_none());
        assert_eq!(ended.lines, "one\n");
    }

    #[test]
    fn one_that_ends_by_itself_is_not_killed() {
        let ended = sh("echo one; exit 3", Some(Duration::from_secs(30)));
        assert!(!ended.killed);
        assert_eq!((ended.status.code(), ended.lines.as_str()), (Some(3), "one\n"));
    }
}
