//! What SQLite's errors mean to a caller.

use rusqlite::ErrorCode;
use syncline_core::{Error, ErrorKind};

/// Turns an error of SQLite into ours: `.map_err(failed("the row could not be written"))`.
pub(crate) fn failed(what: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |source| {
        let (kind, advice) = classify(source.sqlite_error_code());
        Error::new(kind, format!("{what}: {advice}")).with_source(source)
    }
}

/// What a failed commit means: after a failed write or sync the transaction may be found again after a crash, so its
/// outcome is unknown; every other refusal left nothing behind.
pub(crate) fn commit_failed(source: rusqlite::Error) -> Error {
    let error = failed("the transaction could not be committed")(source);
    match error.kind() {
        ErrorKind::Full | ErrorKind::Denied => error,
        _ if is_busy(&error) => error,
        _ => {
            Error::new(ErrorKind::Unknown, "the commit failed, it may be found done after a restart").with_source(error)
        }
    }
}

/// Whether nothing more may be written after this failure of a commit or checkpoint: what a failed sync left in the
/// operating system's memory looks written and is not.
pub(crate) fn poisons(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(this) = cause {
        let code = this.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
        if code == Some(ErrorCode::SystemIoFailure) {
            return true;
        }
        cause = this.source();
    }
    false
}

fn is_busy(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<rusqlite::Error>());
    matches!(
        source.and_then(rusqlite::Error::sqlite_error_code),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// The kind of an SQLite error, and what to do about it. `None` stands for values that are not what was stored.
fn classify(code: Option<ErrorCode>) -> (ErrorKind, &'static str) {
    match code {
        Some(ErrorCode::DiskFull) => (ErrorKind::Full, "no space is left, free some and try again"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            (ErrorKind::Denied, "the file or its directory must not be written, check their permissions")
        }
        Some(ErrorCode::CannotOpen) => {
            (ErrorKind::Denied, "the file cannot be opened, check the path and its permissions")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            (ErrorKind::Unavailable, "another process holds it locked, stop that one or try again")
        }
        Some(ErrorCode::SystemIoFailure) => {
            (ErrorKind::Unavailable, "the disk reports an error, check it and its space")
        }
        Some(ErrorCode::OutOfMemory | ErrorCode::OperationInterrupted | ErrorCode::OperationAborted) => {
            (ErrorKind::Unavailable, "it was interrupted or had no memory, try again")
        }
        Some(ErrorCode::TooBig) => (ErrorKind::Invalid, "it is larger than a row may be"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (ErrorKind::Corrupt, "the file is damaged, restore a backup")
        }
        _ => (ErrorKind::Corrupt, "the file does not hold what an archive holds"),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn every_code_tells_the_caller_what_to_do() {
        let kinds = [
            (ffi::SQLITE_FULL, ErrorKind::Full),
            (ffi::SQLITE_READONLY, ErrorKind::Denied),
            (ffi::SQLITE_PERM, ErrorKind::Denied),
            (ffi::SQLITE_CANTOPEN, ErrorKind::Denied),
            (ffi::SQLITE_BUSY, ErrorKind::Unavailable),
            (ffi::SQLITE_LOCKED, ErrorKind::Unavailable),
            (ffi::SQLITE_PROTOCOL, ErrorKind::Unavailable),
            (ffi::SQLITE_IOERR, ErrorKind::Unavailable),
            (ffi::SQLITE_IOERR_FSYNC, ErrorKind::Unavailable),
            (ffi::SQLITE_NOMEM, ErrorKind::Unavailable),
            (ffi::SQLITE_INTERRUPT, ErrorKind::Unavailable),
            (ffi::SQLITE_TOOBIG, ErrorKind::Invalid),
            (ffi::SQLITE_CORRUPT, ErrorKind::Corrupt),
            (ffi::SQLITE_NOTADB, ErrorKind::Corrupt),
            (ffi::SQLITE_ERROR, ErrorKind::Corrupt),
            (ffi::SQLITE_CONSTRAINT, ErrorKind::Corrupt),
        ];
        for (code, kind) in kinds {
            let error = failed("reading failed")(sqlite(code));
            assert_eq!(error.kind(), kind, "code {code}");
            assert!(error.to_string().starts_with("reading failed: "), "{error}");
        }
        assert_eq!(failed("x")(rusqlite::Error::QueryReturnedNoRows).kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_commit_whose_sync_failed_is_unknown_and_poisons() {
        let error = commit_failed(sqlite(ffi::SQLITE_IOERR_FSYNC));
        assert_eq!(error.kind(), ErrorKind::Unknown);
        assert!(poisons(&error));
    }

    #[test]
    fn a_commit_that_left_nothing_behind_says_so_and_does_not_poison() {
        for (code, kind) in [(ffi::SQLITE_FULL, ErrorKind::Full), (ffi::SQLITE_BUSY, ErrorKind::Unavailable)] {
            let error = commit_failed(sqlite(code));
            assert_eq!(error.kind(), kind);
            assert!(!poisons(&error));
        }
    }
}
