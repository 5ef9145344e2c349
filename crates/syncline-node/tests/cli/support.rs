//! A directory and the binary to work on it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use syncline::rt::os;
use tempfile::TempDir;

/// The 2,000 records that come with the repository.
pub(crate) const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/packages.ndjson");

/// A temporary directory and a data directory in it.
pub(crate) struct Place {
    dir: TempDir,
    data: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::at("data")
    }

    /// A data directory at `data` below the temporary one.
    pub(crate) fn at(data: impl AsRef<Path>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join(data);
        Self { dir, data }
    }

    /// A path beside the data directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Writes a file beside the data directory.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The binary with these arguments, on this place's data, with nothing of the caller's environment.
    pub(crate) fn command<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
        command.args(arguments).stdin(Stdio::null());
        command.env_remove("SYNCLINE_KEY").env_remove("RUST_LOG").env("SYNCLINE_DIR", &self.data);
        command
    }

    /// Runs it to its end.
    pub(crate) fn run<const N: usize>(&self, arguments: [&str; N]) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    /// Runs it to its end, with `input` on standard input.
    pub(crate) fn run_with<const N: usize>(&self, arguments: [&str; N], input: &[u8]) -> Ended {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = syncline::rt::thread("stdin", move || {
            // It may have ended before it read everything.
            let _closed = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.unwrap().join().unwrap();
        Ended::from(output)
    }

    /// Runs it, and takes its output for one object.
    #[track_caller]
    pub(crate) fn json<const N: usize>(&self, arguments: [&str; N]) -> Value {
        let mut command = self.command(["--json"]);
        let ended = Ended::of(command.args(arguments));
        assert_eq!(ended.status, Some(0), "{ended:?}");
        ended.json()
    }

    /// Starts an import of standard input, which holds the directory until the input ends.
    pub(crate) fn holder(&self) -> Holder {
        let mut command = self.command(["--json", "import", "-"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Holder { child, stdin }
    }

    /// Waits until somebody listens on the socket.
    pub(crate) fn wait_for_owner(&self) {
        wait_until("the socket is there", || self.data.join("control.sock").exists());
    }

    /// Waits until this id is stored.
    pub(crate) fn wait_for(&self, id: &str) {
        wait_until(id, || self.run(["get", id]).status == Some(0));
    }
}

/// An import of standard input that is under way.
pub(crate) struct Holder {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Holder {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Feeds it lines.
    pub(crate) fn feed(&mut self, lines: &str) {
        self.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    }

    /// Ends its input.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Ends its input, and waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        self.end_input();
        Ended::from(self.child.wait_with_output().unwrap())
    }

    /// Waits for its end while its input is still open.
    pub(crate) fn wait(mut self) -> Ended {
        let stdin = self.stdin.take();
        let ended = Ended::from(self.child.wait_with_output().unwrap());
        drop(stdin);
        ended
    }
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// The one object that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }

    /// It failed with this status and one line that holds all of these.
    #[track_caller]
    pub(crate) fn check_refused(&self, status: i32, parts: &[&str]) {
        assert_eq!(self.status, Some(status), "{self:?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        let [line] = lines[..] else { panic!("not one line: {}", self.stderr) };
        assert!(line.starts_with("syncline: "), "{line}");
        for part in parts {
            assert!(line.contains(part), "{part:?} is not in: {line}");
        }
    }
}

impl From<std::process::Output> for Ended {
    fn from(output: std::process::Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Lines of records `first..last`.
pub(crate) fn lines(first: u32, last: u32) -> String {
    (first..last)
        .map(|n| format!("{{\"id\":\"item.{n:06}\",\"content\":{{\"n\":{n}}}}}\n"))
        .collect()
}

/// Waits, for a process that cannot be stepped, until `ready`.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if ready() {
            return;
        }
        os::pause(Duration::from_millis(10));
    }
    panic!("waited 30 s in vain until {what}");
}
