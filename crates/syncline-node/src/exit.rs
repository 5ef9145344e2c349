//! How the command ends: a status for scripts, a sentence for people, an object for machines.

use std::{io, path::Path, process::ExitCode};

use serde::Serialize;

/// The command's exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It was done.
    Done = 0,
    /// It was not, or not all of it.
    Failed = 1,
    /// It was asked in the wrong way; nothing was done.
    Usage = 2,
    /// What was asked for is not there.
    NotFound = 3,
    /// The lease had ended: nothing was done, and somebody else may have the item.
    LeaseLost = 4,
    /// The user stopped it; what it reported as done is done.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked: one sentence that says what to do.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    exit: Exit,
    kind: String,
    message: String,
}

/// Result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure of `kind` that says `message`.
    pub(crate) fn failed(kind: &str, message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, kind: kind.to_owned(), message: message.into() }
    }

    /// A command that was asked in the wrong way.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, kind: "usage".to_owned(), message: message.into() }
    }

    /// Something that is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { exit: Exit::NotFound, kind: "not found".to_owned(), message: message.into() }
    }

    /// A lease that has ended.
    pub(crate) fn lease_lost(message: impl Into<String>) -> Self {
        Self { exit: Exit::LeaseLost, kind: "lease lost".to_owned(), message: message.into() }
    }

    /// A file that the user named and that cannot be used.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        let message = format!("{what} {}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::NotFound => Self { exit: Exit::Usage, ..Self::failed("not found", message) },
            _ => Self::failed("unavailable", message),
        }
    }

    /// Not a failure: who reads our output has seen enough, so the command ends, done.
    pub(crate) fn enough() -> Self {
        Self {
            exit: Exit::Done,
            kind: "closed".to_owned(),
            message: "nobody reads standard output".to_owned(),
        }
    }

    /// The same failure, with what came of it said first.
    pub(crate) fn after(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// The status to exit with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The sentence.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}
