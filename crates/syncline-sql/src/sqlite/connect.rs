//! Connections, and the settings that durability rests on: set, then read back.

use std::{io, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};
use syncline_core::{Error, ErrorKind, Result, limits, rt::os};

use super::{SqliteConfig, error::failed};

/// Bytes of a page; SQLite's own default, smallest where random keys are written.
pub(crate) const PAGE_BYTES: u64 = 4_096;

/// Largest row, content and all: what exceeds it is refused before memory is taken for it.
pub(crate) const ROW_BYTES_MAX: usize = limits::SUBMISSION_BYTES_MAX;

/// Earlier versions could damage a file that several connections wrote.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// `synchronous=FULL`: a commit returns after the disk has it.
const SYNCHRONOUS_FULL: i64 = 2;

const STATEMENTS_MAX: usize = 32;

/// Others may be in the way again and again, but each is there for a moment: once one has set WAL mode, it is set.
const WAL_TRIES_MAX: u32 = 64;

/// Makes an empty file at `path`, for the owner alone, unless one is there.
///
/// # Errors
///
/// [`ErrorKind::Denied`], [`ErrorKind::Full`], or [`ErrorKind::Unavailable`] with what the system says.
pub(crate) fn create_file(path: &Path) -> Result<()> {
    let make = || {
        let dir = path.parent().ok_or(io::ErrorKind::NotADirectory)?;
        os::create_dir(dir)?;
        match os::private_file().write(true).create_new(true).open(path) {
            Ok(file) => file.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error),
        }
        os::sync_dir(dir)
    };
    make().map_err(system_failed("the file cannot be made"))
}

/// Turns an error of the operating system into ours.
pub(crate) fn system_failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| {
        let kind = match source.kind() {
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory => ErrorKind::Denied,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("{what}: {source}"))
    }
}

/// A connection that writes, not yet in its final journal mode: see [`make_durable`].
pub(crate) fn open_writer(path: &Path, config: &SqliteConfig) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, config.busy_timeout)?;
    // SQLite falls back to reading by itself; better said now than at the first write.
    if connection.is_readonly("main").map_err(failed("it cannot be opened"))? {
        let message = "the file must not be written, check its permissions and those of its directory";
        return Err(Error::new(ErrorKind::Denied, message));
    }
    cache(&connection, config.writer_cache_bytes)?;
    set(&connection, "synchronous", "FULL", SYNCHRONOUS_FULL)?;
    if let Some(bytes) = config.disk_bytes_max {
        let pages = i64::try_from(bytes / PAGE_BYTES).unwrap_or(i64::MAX).max(1);
        // SQLite never sets it below what the file has.
        let set = connection.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()));
        set.map_err(failed("the size of the file could not be bounded"))?;
    }
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path, config: &SqliteConfig) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, config.busy_timeout)?;
    cache(&connection, config.reader_cache_bytes)?;
    set(&connection, "query_only", "ON", 1)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags, busy_timeout: Duration) -> Result<Connection> {
    let version = rusqlite::version_number();
    if version < SQLITE_VERSION_MIN {
        let message = format!("SQLite {} is too old, it may damage files", rusqlite::version());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let connect = || {
        // Each connection has one thread, so SQLite needs no lock of its own around it.
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(ROW_BYTES_MAX).unwrap_or(i32::MAX))?;
        restrict(&connection)?;
        Ok(connection)
    };
    let connection = connect().map_err(failed("it cannot be opened"))?;
    set(&connection, "cell_size_check", "ON", 1)?;
    set(&connection, "trusted_schema", "OFF", 0)?;
    set(&connection, "foreign_keys", "OFF", 0)?;
    Ok(connection)
}

/// Switches off what an archive never uses and a tampered file could: triggers, views, attaching, writable schemas.
fn restrict(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    for off in [
        DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA,
        DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY,
        DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER,
        DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW,
        DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE,
        DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE,
        DbConfig::SQLITE_DBCONFIG_DQS_DDL,
        DbConfig::SQLITE_DBCONFIG_DQS_DML,
    ] {
        connection.set_db_config(off, false)?;
    }
    Ok(())
}

fn cache(connection: &Connection, bytes: usize) -> Result<()> {
    // Negative: in KiB rather than pages.
    let kib = i64::try_from(bytes / 1_024).unwrap_or(i64::MAX).max(64);
    set(connection, "cache_size", &format!("-{kib}"), -kib)
}

/// Puts the writing connection, which syncs every commit, into WAL mode.
///
/// # Errors
///
/// [`ErrorKind::Unavailable`] when SQLite answers another setting: then no promise could be kept.
pub(crate) fn make_durable(connection: &Connection, config: &SqliteConfig) -> Result<()> {
    let mode = set_wal(connection);
    expect("journal_mode", "wal", &mode.map_err(failed("WAL mode cannot be set"))?)?;
    let limit = i64::try_from(config.checkpoint_bytes).unwrap_or(i64::MAX);
    let kept = connection.query_row(&format!("PRAGMA journal_size_limit={limit}"), [], |row| row.get::<_, i64>(0));
    expect("journal_size_limit", &limit, &kept.map_err(failed("the journal's size cannot be bounded"))?)?;
    // The writer moves pages itself, after it has answered, and sees the errors.
    let pages = connection.query_row("PRAGMA wal_autocheckpoint=0", [], |row| row.get::<_, i64>(0));
    expect("wal_autocheckpoint", &0, &pages.map_err(failed("checkpoints cannot be taken over"))?)?;
    check_durable(connection)
}

/// Sets WAL mode. Where another connection is about to write, SQLite does not wait with this change, as it does with a
/// transaction that wants the file alone: so that one is begun where others were in the way, and then the change is made again.
fn set_wal(connection: &Connection) -> rusqlite::Result<String> {
    let set = || connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0));
    for _ in 1..WAL_TRIES_MAX {
        match set() {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                connection.execute_batch("BEGIN EXCLUSIVE; ROLLBACK")?;
            }
            answer => return answer,
        }
    }
    set()
}

/// Reads back that a commit is synced, and into a WAL.
///
/// # Errors
///
/// [`ErrorKind::Unavailable`] naming the setting that has changed.
pub(crate) fn check_durable(connection: &Connection) -> Result<()> {
    let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    expect("journal_mode", "wal", &mode.map_err(failed("settings cannot be read"))?)?;
    let synchronous = connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
    expect("synchronous", &SYNCHRONOUS_FULL, &synchronous.map_err(failed("settings cannot be read"))?)
}

fn set(connection: &Connection, name: &str, value: &str, answer: i64) -> Result<()> {
    let got = connection
        .execute_batch(&format!("PRAGMA {name}={value}"))
        .and_then(|()| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)));
    expect(name, &answer, &got.map_err(failed("a setting was refused"))?)
}

fn expect<T: PartialEq + std::fmt::Debug + ?Sized>(name: &str, wanted: &T, got: &T) -> Result<()> {
    if wanted == got {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unavailable, format!("SQLite answers {name}={got:?}, it must be {wanted:?}")))
}
