//! The tables of the file, and the row of a queue in it.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use syncline_core::{Error, ErrorKind, Result};

use super::{error::failed, look::Found};

/// "SYNQ" in the header of the file: that it holds queues of Syncline.
const APPLICATION_ID: i32 = 0x5359_4e51;

/// Step `n` leads from version `n` to `n + 1`; version 0 is an empty file. Steps are never changed, only added.
const STEPS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// Refuses what is no database, or an archive, before SQLite touches it.
///
/// # Errors
///
/// [`ErrorKind::Invalid`].
pub(super) fn admit(found: Found) -> Result<()> {
    let message = match found {
        // Which database it is stands in its pages: `prepare` looks.
        Found::Nothing | Found::OtherDatabase => return Ok(()),
        Found::Archive { version } => {
            format!("it is an archive, of version {version}; it was left as it is, choose another path")
        }
        Found::OtherFile => "it is not an SQLite file; it was left as it is, choose another path".to_owned(),
    };
    Err(Error::new(ErrorKind::Invalid, message))
}

/// Brings the file to the tables of this program, and returns the number of the queue `name`, which is made where it is
/// missing.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when the file is not ours, or of a newer version; what SQLite says. The file is then as it was.
pub(super) fn prepare(connection: &mut Connection, name: &str) -> Result<i64> {
    // Looked at first without the write lock: a queue that is there is opened beside one that is written.
    if let Some(number) = look_up(connection, name)? {
        return Ok(number);
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let tx = tx.map_err(failed("the tables cannot be locked"))?;
    let unmade = failed("the tables cannot be made");
    for step in remaining(&tx)? {
        tx.execute_batch(step).map_err(&unmade)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(&unmade)?;
    let version = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    tx.pragma_update(None, "user_version", version).map_err(&unmade)?;
    let insert = "INSERT INTO queue (name, time, token) VALUES (?, 0, 0) ON CONFLICT DO NOTHING";
    tx.execute(insert, [name.as_bytes()]).map_err(&unmade)?;
    let number = number(&tx, name)?;
    tx.commit().map_err(failed("the tables cannot be committed"))?;
    number.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the row of the queue is gone as soon as it is made"))
}

/// The number of the queue, where it and all tables are there.
fn look_up(connection: &mut Connection, name: &str) -> Result<Option<i64>> {
    let tx = connection.transaction().map_err(failed("the tables cannot be looked at"))?;
    if remaining(&tx)?.is_empty() { number(&tx, name) } else { Ok(None) }
}

fn number(connection: &Connection, name: &str) -> Result<Option<i64>> {
    connection
        .query_row("SELECT number FROM queue WHERE name = ?", [name.as_bytes()], |row| row.get(0))
        .optional()
        .map_err(failed("the queue cannot be looked up"))
}

/// The steps that the file lacks. In a transaction, so that what it reads is of one moment: a process that looked while another
/// one made the tables once took the file for a stranger's.
fn remaining(connection: &Transaction<'_>) -> Result<&'static [&'static str]> {
    let unreadable = failed("the tables cannot be read");
    let ask = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (id, version) = (ask("application_id").map_err(&unreadable)?, ask("user_version").map_err(&unreadable)?);
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    match (id, tables.map_err(&unreadable)?, usize::try_from(version)) {
        (0, 0, _) => Ok(STEPS),
        (APPLICATION_ID, _, Ok(done)) if (1..=STEPS.len()).contains(&done) => Ok(STEPS.get(done..).unwrap_or_default()),
        (APPLICATION_ID, _, Ok(newer)) if newer > STEPS.len() => {
            let message = format!(
                "its tables have version {newer} and this program knows up to {}; it was left as it is, use a newer program",
                STEPS.len()
            );
            Err(Error::new(ErrorKind::Invalid, message))
        }
        (APPLICATION_ID, ..) => {
            Err(Error::new(ErrorKind::Corrupt, format!("its tables have the version {version}, which never was")))
        }
        _ => {
            let message = "it is a database of another application; it was left as it is, choose another path";
            Err(Error::new(ErrorKind::Invalid, message))
        }
    }
}

#[cfg(test)]
pub(super) fn in_memory() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    prepare(&mut connection, "jobs").unwrap();
    connection
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread, time::Duration};

    use super::{super::connect, *};
    use crate::SqliteConfig;

    #[test]
    fn a_file_holds_several_queues_and_each_keeps_its_number() {
        let mut connection = in_memory();
        let numbers = ["jobs", "mails", "jobs", "Jobs"].map(|name| prepare(&mut connection, name).unwrap());
        assert_eq!(numbers, [1, 2, 1, 3]);
    }

    #[test]
    fn the_dead_of_an_older_file_died_when_the_queue_was_last_used() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(STEPS[0]).unwrap();
        let dead = "INSERT INTO queue VALUES (1, CAST('jobs' AS BLOB), 77, 0); \
                    INSERT INTO item VALUES (5, 1, 3, 2, 0, NULL, NULL, 0, 1, 1, 0, 1, x'61', NULL, NULL, x'')";
        connection.execute_batch(dead).unwrap();
        connection
            .execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1"))
            .unwrap();
        assert_eq!(prepare(&mut connection, "jobs").unwrap(), 1);
        let died: i64 = connection.query_row("SELECT dead_at FROM item", [], |row| row.get(0)).unwrap();
        assert_eq!(died, 77);
    }

    #[test]
    fn a_newer_version_is_refused_by_its_number_and_one_that_never_was_is_damage() {
        let mut connection = in_memory();
        connection.execute_batch("PRAGMA user_version = 9").unwrap();
        let error = prepare(&mut connection, "jobs").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(
            error.to_string().starts_with("its tables have version 9 and this program knows up to 4;"),
            "{error}"
        );
        connection.execute_batch("PRAGMA user_version = 0").unwrap();
        assert_eq!(prepare(&mut connection, "jobs").unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn tables_of_somebody_else_are_refused() {
        for sql in ["CREATE TABLE t (x)", "PRAGMA application_id = 7"] {
            let mut connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(sql).unwrap();
            assert_eq!(prepare(&mut connection, "jobs").unwrap_err().kind(), ErrorKind::Invalid);
        }
    }

    /// What went wrong: of processes that made one file at once now and then one failed. It had looked at the tables while another
    /// one made them, and took the file for a stranger's; or the other one was about to write when it set WAL mode.
    #[test]
    fn many_who_make_one_file_at_once_all_open_it() {
        const ROUNDS: usize = 60;
        let config = || SqliteConfig { busy_timeout: Duration::from_secs(20), ..SqliteConfig::default() };
        for _ in 0..ROUNDS {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("queue.db");
            connect::create_file(&path).unwrap();
            let all_there = Barrier::new(4);
            thread::scope(|scope| {
                let open = || {
                    all_there.wait();
                    let mut connection = connect::open_writer(&path, &config())?;
                    prepare(&mut connection, "jobs")?;
                    connect::make_durable(&connection, &config())
                };
                let opening: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                for one in opening {
                    one.join().unwrap().unwrap();
                }
            });
        }
    }
}
