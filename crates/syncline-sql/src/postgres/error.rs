//! What PostgreSQL's errors mean to a caller.

use syncline_core::{Error, ErrorKind};

/// Turns an error into ours, of something that was not committed: `.map_err(failed("the queue cannot be written"))`.
///
/// [`ErrorKind::Conflict`] is for the transaction to be made again, and leaves this module no further than its loop.
pub(super) fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |source| {
        let (kind, advice) = classify(&source);
        Error::new(kind, format!("{what}: {advice}")).with_source(source)
    }
}

/// What a failed commit means: unless the server said that it undid it, nobody knows.
pub(super) fn commit_failed(source: sqlx::Error) -> Error {
    let error = failed("the transaction could not be committed")(source);
    if error.kind() == ErrorKind::Conflict {
        return error;
    }
    Error::new(ErrorKind::Unknown, "the answer of the commit was lost, it may have happened").with_source(error)
}

fn classify(error: &sqlx::Error) -> (ErrorKind, &'static str) {
    match error {
        sqlx::Error::Database(error) => of_code(error.code().as_deref().unwrap_or_default()),
        sqlx::Error::Configuration(_) => (ErrorKind::Invalid, "the URL cannot be used, look at its parameters"),
        sqlx::Error::PoolClosed => (ErrorKind::Closed, "the storage was closed"),
        sqlx::Error::PoolTimedOut => (
            ErrorKind::Unavailable,
            "no connection became free in time, the server does not answer or all are in use",
        ),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            (ErrorKind::Corrupt, "a row holds what no program of ours writes")
        }
        sqlx::Error::Encode(_) => (ErrorKind::Invalid, "a value cannot be sent"),
        _ => (ErrorKind::Unavailable, "the server does not answer, try again"),
    }
}

/// The kind of an error's SQLSTATE, by its class where all of it mean the same.
fn of_code(code: &str) -> (ErrorKind, &'static str) {
    match code {
        "53100" => (ErrorKind::Full, "the server has no space left, free some and try again"),
        "42501" => (ErrorKind::Denied, "the role may not do it, look at its privileges"),
        "3D000" => (ErrorKind::Invalid, "there is no such database, make it first"),
        "57014" | "55P03" => (ErrorKind::Unavailable, "it took too long, another transaction may hold what it needs"),
        "54000" => (ErrorKind::Invalid, "an id, a lane or a key is too long"),
        "22021" => (ErrorKind::Invalid, "an id, a lane or a key holds a zero byte"),
        // A unique violation is a race that was lost against a front of the same lane: made again, it sees it.
        "40001" | "40P01" | "23505" => (ErrorKind::Conflict, "another transaction was first"),
        "42P01" | "42703" | "3F000" => (ErrorKind::Corrupt, "a table of the queue is gone or is not ours"),
        _ if code.starts_with("28") => (ErrorKind::Denied, "the server refuses the role or its password"),
        _ if code.starts_with("XX00") && code != "XX000" => (ErrorKind::Corrupt, "the server found its files damaged"),
        _ => (ErrorKind::Unavailable, "the server could not do it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_committed_is_never_unknown_and_a_lost_commit_is() {
        let lost = || sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert_eq!(failed("x")(lost()).kind(), ErrorKind::Unavailable);
        assert_eq!(commit_failed(lost()).kind(), ErrorKind::Unknown);
        assert_eq!(commit_failed(sqlx::Error::PoolClosed).kind(), ErrorKind::Unknown);
    }

    #[test]
    fn codes_say_what_a_caller_can_do() {
        let kind = |code| of_code(code).0;
        assert_eq!(
            [kind("53100"), kind("28P01"), kind("40P01")],
            [ErrorKind::Full, ErrorKind::Denied, ErrorKind::Conflict]
        );
        assert_eq!([kind("57P01"), kind("XX000"), kind("25006")], [ErrorKind::Unavailable; 3]);
        assert_eq!(kind("XX001"), ErrorKind::Corrupt);
    }
}
