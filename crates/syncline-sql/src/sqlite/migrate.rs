//! The schema, step by step from any version to this one.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use syncline_core::{Error, ErrorKind, Result};

use super::{
    error::failed,
    look::{APPLICATION_ID, Found},
};

/// Step `n` leads from version `n` to `n + 1`; version 0 is an empty file. Steps are never changed, only added.
const STEPS: &[&str] = &[include_str!("../../schema/sqlite-v1.sql")];

/// Refuses what this program must not touch, by what was [seen](super::look::look) of the file.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when it is not an archive, or one of a newer version.
pub(super) fn admit(found: Found) -> Result<()> {
    let message = match found {
        Found::Nothing => return Ok(()),
        Found::Archive { version } => return known(version, STEPS.len()).map(drop),
        Found::OtherDatabase => "it is a database of another application; it was left as it is, choose another path",
        Found::OtherFile => "it is not an SQLite file; it was left as it is, choose another path",
    };
    Err(Error::new(ErrorKind::Invalid, message))
}

/// Brings the file to the schema of this program.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] as [`admit`] does, and what SQLite says; the file then has the schema it had.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    migrate_by(connection, STEPS)
}

fn migrate_by(connection: &mut Connection, steps: &[&str]) -> Result<()> {
    // Looked at first without the write lock: an archive that is up to date is opened beside one that is written.
    if remaining(connection, steps)?.is_empty() {
        return Ok(());
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let tx = tx.map_err(failed("the schema cannot be locked"))?;
    for step in remaining(&tx, steps)? {
        tx.execute_batch(step).map_err(failed("the schema cannot be brought up to date"))?;
    }
    sign(&tx, steps.len()).map_err(failed("the schema cannot be signed"))?;
    tx.commit().map_err(failed("the schema cannot be committed"))
}

/// The steps that the file lacks. The header that was looked at may be older than what the WAL holds, so all is asked again.
fn remaining<'a, 'b>(connection: &Connection, steps: &'a [&'b str]) -> Result<&'a [&'b str]> {
    let ask = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let unreadable = failed("the schema cannot be read");
    let (id, version) = (ask("application_id").map_err(&unreadable)?, ask("user_version").map_err(&unreadable)?);
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    let found = match (id, tables.map_err(&unreadable)?) {
        (APPLICATION_ID, _) => Found::Archive { version },
        (0, 0) => return Ok(steps),
        _ => Found::OtherDatabase,
    };
    match found {
        Found::Archive { version } => Ok(steps.get(known(version, steps.len())?..).unwrap_or_default()),
        other => admit(other).map(|()| steps),
    }
}

/// How many steps a file of this version has behind it.
fn known(version: i32, steps: usize) -> Result<usize> {
    match usize::try_from(version) {
        Ok(done) if (1..=steps).contains(&done) => Ok(done),
        Ok(newer) if newer > steps => {
            let message = format!(
                "its schema has version {newer} and this program knows up to {steps}; it was left as it is, use a newer program"
            );
            Err(Error::new(ErrorKind::Invalid, message))
        }
        _ => Err(Error::new(ErrorKind::Corrupt, format!("its schema has the version {version}, which never was"))),
    }
}

fn sign(tx: &Transaction<'_>, version: usize) -> rusqlite::Result<()> {
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", i32::try_from(version).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn steps_run_once_each_and_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection), 1);
        let steps = [STEPS[0], "CREATE TABLE extra (x INTEGER); INSERT INTO extra VALUES (7)"];
        for _ in 0..2 {
            migrate_by(&mut connection, &steps).unwrap();
        }
        let extra: Vec<i64> = connection
            .prepare("SELECT x FROM extra")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(|x| x.unwrap())
            .collect();
        assert_eq!((version(&connection), extra), (2, vec![7]));
    }

    #[test]
    fn a_step_that_fails_leaves_the_schema_of_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let steps = [STEPS[0], "CREATE TABLE extra (x); CREATE TABLE item (y)"];
        assert_eq!(migrate_by(&mut connection, &steps).unwrap_err().kind(), ErrorKind::Corrupt);
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'", [], |row| row.get(0))
            .unwrap();
        assert_eq!((version(&connection), tables), (1, 0));
    }

    #[test]
    fn a_newer_schema_is_refused_by_its_number() {
        let error = admit(Found::Archive { version: 9 }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = "its schema has version 9 and this program knows up to 1; it was left as it is, use a newer program";
        assert_eq!(error.to_string(), text);
        assert_eq!(admit(Found::Archive { version: -1 }).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
