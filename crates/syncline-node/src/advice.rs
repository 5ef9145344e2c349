//! From an error of the library to one sentence that says what to do.

use std::path::Path;

use syncline::{Error, ErrorKind};

use crate::exit::Failure;

/// The failure that `error`, met while working on `dir`, means to the user: what to do, then every detail.
pub(crate) fn failure(error: &Error, dir: &Path) -> Failure {
    // The whole chain: a cause that is left out cannot be acted on.
    let detail = error.share().message().to_owned();
    let message = match advice(error.kind(), &detail, dir) {
        Some(advice) => format!("{advice} ({detail})"),
        None => detail,
    };
    Failure::failed(&error.kind().to_string(), message)
}

fn advice(kind: ErrorKind, detail: &str, dir: &Path) -> Option<String> {
    let place = dir.display();
    match (kind, Cause::of(detail)) {
        (_, Some(Cause::NoSpace)) => Some(format!(
            "the disk of {place} is full: free some space and run the command again; what was accepted is safe"
        )),
        (_, Some(Cause::ReadOnly)) => {
            Some(format!("{place} cannot be written: make it writable for this user, or run as its owner"))
        }
        // The rooms say which key is missing; where it comes from is the command's own affair.
        (ErrorKind::Denied, None) if detail.contains("key") => Some(format!(
            "{place} is encrypted with another key: give the key that it was written with, through --key-file or SYNCLINE_KEY"
        )),
        (ErrorKind::Corrupt, _) => Some(format!(
            "{place} is damaged: restore a backup into another directory, or set on_damage = \"quarantine\" in its \
             syncline.toml to go on without what is lost"
        )),
        (ErrorKind::Poisoned, _) => Some(format!(
            "the disk of {place} failed: check it, then run the command again; what was accepted is safe"
        )),
        (ErrorKind::Unknown, _) => {
            Some("it may have been done: look, and run the command again if it was not".to_owned())
        }
        _ => None,
    }
}

/// Causes that only the user can cure.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    NoSpace,
    ReadOnly,
}

impl Cause {
    /// Read from the text, which is all that is left of an error that was shared or came from another process. The
    /// numbers are the system's, the words those of SQLite and of the journal.
    fn of(detail: &str) -> Option<Self> {
        const NO_SPACE: [&str; 5] = [
            "(os error 28)",
            "(os error 122)",
            "(os error 27)",
            "database or disk is full",
            "no space for another segment",
        ];
        const READ_ONLY: [&str; 4] = [
            "(os error 13)",
            "(os error 30)",
            "attempt to write a readonly database",
            "unable to open database file",
        ];
        let holds_one_of = |texts: &[&str]| texts.iter().any(|text| detail.contains(text));
        if holds_one_of(&NO_SPACE) {
            return Some(Self::NoSpace);
        }
        holds_one_of(&READ_ONLY).then_some(Self::ReadOnly)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[track_caller]
    fn check_advice(error: &Error, begins: &str) {
        for error in [error, &error.share()] {
            let failure = failure(error, Path::new("data"));
            assert!(failure.message().starts_with(begins), "{}", failure.message());
            assert!(failure.message().ends_with(&format!("({})", error.share().message())), "{}", failure.message());
        }
    }

    fn caused_by(kind: ErrorKind, errno: i32) -> Error {
        Error::new(kind, "writing failed").with_source(io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn what_only_the_user_can_cure_is_said_first() {
        for errno in [28, 122, 27] {
            check_advice(&caused_by(ErrorKind::Full, errno), "the disk of data is full: free some space");
        }
        let refused = Error::new(ErrorKind::Full, "no space for another segment of 64 bytes in data/journal");
        check_advice(&refused, "the disk of data is full: free some space");
        for errno in [13, 30] {
            check_advice(
                &caused_by(ErrorKind::Denied, errno),
                "data cannot be written: make it writable for this user",
            );
        }
        let key = Error::new(ErrorKind::Denied, "it is encrypted with the key ab and no key was given");
        check_advice(&key, "data is encrypted with another key: give the key");
        check_advice(&caused_by(ErrorKind::Poisoned, 5), "the disk of data failed: check it");
        check_advice(&Error::new(ErrorKind::Corrupt, "bad checksum"), "data is damaged: restore a backup");
        check_advice(&Error::new(ErrorKind::Unknown, "no answer"), "it may have been done: look");
    }

    #[test]
    fn an_error_that_says_what_to_do_is_left_as_it_is() {
        let error = Error::new(ErrorKind::Invalid, "it has format 9; use a newer program");
        assert_eq!(failure(&error, Path::new("data")).message(), "it has format 9; use a newer program");
    }
}
