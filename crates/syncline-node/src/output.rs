//! Everything that the command prints: results on standard output, words about them on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::exit::{Exit, Failure, Result};

/// Where results go. With `--json` each is one object on a line of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Prints for machines when `json`, for people otherwise.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether machines read it.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One line for people.
    pub(crate) fn line(self, line: &str) -> Result<()> {
        self.bytes(format!("{line}\n").as_bytes())
    }

    /// One object for machines.
    pub(crate) fn object(self, object: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(object).map_err(|error| Failure::failed("invalid", error.to_string()))?;
        line.push(b'\n');
        self.bytes(&line)
    }

    /// `object` for machines, or `line` for people.
    pub(crate) fn either(self, object: &impl Serialize, line: impl FnOnce() -> String) -> Result<()> {
        if self.json { self.object(object) } else { self.line(&line()) }
    }

    /// Bytes as they are.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| closed(&error))
    }

    /// Content as it is; on a terminal its last line ends, so that the prompt begins a new one.
    pub(crate) fn content(self, content: &[u8]) -> Result<()> {
        self.bytes(content)?;
        if io::stdout().is_terminal() && !content.ends_with(b"\n") {
            return self.bytes(b"\n");
        }
        Ok(())
    }

    /// How the command ended without success, on standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.exit() == Exit::Done {
            return;
        }
        let text = if self.json {
            let object = serde_json::json!({ "error": failure, "exit": failure.exit() as u8 });
            format!("{object}\n")
        } else {
            format!("syncline: {}\n", failure.message())
        };
        say(&text);
    }
}

/// A line about what goes on, on standard error. Nobody can be told when that fails, so nobody is.
pub(crate) fn note(line: &str) {
    say(&format!("{line}\n"));
}

fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _unheard = stderr.write_all(text.as_bytes());
}

/// Who reads our output may have seen enough: `syncline export | head` is no failure.
fn closed(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::enough(),
        _ => Failure::failed("unavailable", format!("cannot write to standard output: {error}")),
    }
}
