//! The tables of the database, and the row of a queue in it.

use sqlx::{Connection as _, PgConnection};
use syncline_core::{Error, ErrorKind, Result};

use super::error::{commit_failed, failed};

/// Step `n` leads from version `n` to `n + 1`; version 0 is a database without our tables. Steps are never changed, only added.
const STEPS: &[&str] = &[include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];
/// The lock that one holds who makes the tables: "SYNQ", and the first use of it.
const LOCK: &str = "select pg_advisory_xact_lock(1398361681::bigint << 32)";

/// Whether the table of the version is there.
const IS_THERE: &str = "select exists (select from pg_catalog.pg_class c \
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    where n.nspname = 'syncline_queue' and c.relname = 'version')";

/// Brings the database to the tables of this program, and returns the number of the queue `name`, which is made where it is
/// missing.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when the tables are of a newer version, or texts are not UTF-8; what the server says. The database is
/// then as it was.
pub(super) async fn prepare(connection: &mut PgConnection, name: &str) -> Result<i32> {
    let unreadable = failed("the tables cannot be read");
    let encoding: String = sqlx::query_scalar("select current_setting('server_encoding')")
        .fetch_one(&mut *connection)
        .await
        .map_err(&unreadable)?;
    if encoding != "UTF8" {
        return Err(Error::new(ErrorKind::Invalid, format!("the database keeps texts as {encoding}, it must be UTF8")));
    }
    if !remaining(version(connection).await?)?.is_empty() {
        make(connection).await?;
    }
    number(connection, name).await
}

async fn make(connection: &mut PgConnection) -> Result<()> {
    let unmade = failed("the tables cannot be made");
    let mut tx = connection.begin().await.map_err(&unmade)?;
    sqlx::raw_sql(LOCK).execute(&mut *tx).await.map_err(&unmade)?;
    // Another one may have made them meanwhile.
    let done = version(&mut tx).await?;
    if done == 0 {
        sqlx::raw_sql("create schema if not exists syncline_queue")
            .execute(&mut *tx)
            .await
            .map_err(&unmade)?;
    }
    for step in remaining(done)? {
        sqlx::raw_sql(*step).execute(&mut *tx).await.map_err(&unmade)?;
    }
    sqlx::query("update syncline_queue.version set version = $1")
        .bind(i32::try_from(STEPS.len()).unwrap_or(i32::MAX))
        .execute(&mut *tx)
        .await
        .map_err(&unmade)?;
    tx.commit().await.map_err(commit_failed)
}

/// The version of the tables that are there; 0 for none.
async fn version(connection: &mut PgConnection) -> Result<i32> {
    let unreadable = failed("the tables cannot be read");
    // Read as rows, not looked up by name: a server may answer a name from memory as it was before a lock was waited for.
    let is_there: bool = sqlx::query_scalar(IS_THERE).fetch_one(&mut *connection).await.map_err(&unreadable)?;
    if !is_there {
        return Ok(0);
    }
    let version = sqlx::query_scalar("select version from syncline_queue.version");
    version.fetch_one(connection).await.map_err(unreadable)
}

/// The steps that lead from `version` to this program's.
fn remaining(version: i32) -> Result<&'static [&'static str]> {
    let known = STEPS.len();
    match usize::try_from(version).ok().and_then(|done| STEPS.get(done..)) {
        Some(steps) => Ok(steps),
        None if version > 0 => {
            let message = format!(
                "its tables have version {version} and this program knows up to {known}; they were left as they are, \
                 use a newer program"
            );
            Err(Error::new(ErrorKind::Invalid, message))
        }
        None => Err(Error::new(ErrorKind::Corrupt, format!("its tables have the version {version}, which never was"))),
    }
}

async fn number(connection: &mut PgConnection, name: &str) -> Result<i32> {
    let unmade = failed("the queue cannot be looked up");
    let found: Option<i32> = sqlx::query_scalar("select number from syncline_queue.queue where name = $1")
        .bind(name)
        .fetch_optional(&mut *connection)
        .await
        .map_err(&unmade)?;
    if let Some(number) = found {
        return Ok(number);
    }
    // Updated to what it is: two who make it at once are both told its number.
    let insert = "insert into syncline_queue.queue (name) values ($1) \
                  on conflict (name) do update set name = excluded.name returning number";
    sqlx::query_scalar(insert).bind(name).fetch_one(connection).await.map_err(unmade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_refused_by_its_number_and_one_that_never_was_is_damage() {
        assert_eq!(remaining(0).unwrap().len(), STEPS.len());
        assert_eq!(remaining(1).unwrap().len(), STEPS.len() - 1);
        assert!(remaining(3).unwrap().is_empty());
        let error = remaining(9).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(
            error.to_string().starts_with("its tables have version 9 and this program knows up to 3;"),
            "{error}"
        );
        assert_eq!(remaining(-1).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
