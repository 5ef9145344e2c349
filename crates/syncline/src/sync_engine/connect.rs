//! From URLs to tiers.

use std::{path::Path, sync::Arc};

use syncline_core::{Error, ErrorKind, Result, memory::MemoryArchive, port::Archive};
use syncline_journal::{self as journal, FileDisk, Journal};

use super::config::{SyncEngineConfig, without_credentials};

/// What an engine stands on.
#[derive(Clone)]
pub(super) struct Tiers {
    pub(super) journal: Option<Journal>,
    pub(super) archive: Option<Arc<dyn Archive>>,
    close_archive: Close,
}

/// Lets go of an archive; the port itself knows no end.
type Close = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// What an archive's URL names.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// A file of SQLite.
    Sqlite(&'a str),
    /// Nothing that lasts.
    Memory,
}

impl Tiers {
    /// Opens what `config` names. Blocks.
    pub(super) fn connect(config: &SyncEngineConfig) -> Result<Self> {
        // What is wrong with a URL is said before anything is touched.
        if let Some(url) = &config.redis_url {
            return Err(needs_feature(url, "redis"));
        }
        let place = config.sql_url.as_deref().map(place).transpose()?;
        let journal = config.wal_path.as_deref().map(|path| open_journal(path, config)).transpose()?;
        match place.map(|place| open_archive(place, config)).transpose() {
            Ok(Some((archive, close_archive))) => Ok(Self { journal, archive: Some(archive), close_archive }),
            Ok(None) => Ok(Self { journal, archive: None, close_archive: Arc::new(|| Ok(())) }),
            // The archive's error is the one that can be acted on, but a journal that did not close in order comes first.
            Err(error) => journal.map_or(Ok(()), |journal| journal.close()).and(Err(error)),
        }
    }

    /// Lets go of everything, durably. Blocks. A second call does nothing.
    pub(super) fn close(&self) -> Result<()> {
        let archive = (self.close_archive)();
        let journal = self.journal.as_ref().map_or(Ok(()), Journal::close);
        archive.and(journal)
    }
}

fn open_archive(place: Place<'_>, config: &SyncEngineConfig) -> Result<(Arc<dyn Archive>, Close)> {
    match place {
        Place::Memory => Ok((Arc::new(MemoryArchive::new()), Arc::new(|| Ok(())))),
        Place::Sqlite(path) => open_sqlite(path, config),
    }
}

#[cfg(feature = "sqlite")]
fn open_sqlite(path: &str, config: &SyncEngineConfig) -> Result<(Arc<dyn Archive>, Close)> {
    use syncline_sql::{SqliteArchive, SqliteConfig, sqlite::KeyRing};

    let keys = KeyRing { current: config.keys.current.clone(), older: config.keys.older.clone() };
    let archive = Arc::new(SqliteArchive::open(SqliteConfig { path: path.into(), keys, ..Default::default() })?);
    let closed = Arc::clone(&archive);
    Ok((archive, Arc::new(move || closed.close())))
}

#[cfg(not(feature = "sqlite"))]
fn open_sqlite(path: &str, _config: &SyncEngineConfig) -> Result<(Arc<dyn Archive>, Close)> {
    Err(needs_feature(&format!("sqlite://{path}"), "sqlite"))
}

fn open_journal(path: &str, config: &SyncEngineConfig) -> Result<Journal> {
    if Path::new(path).is_file() {
        let message = format!(
            "wal_path {path} is a file; the journal is a directory, so the file is left untouched: name a new directory"
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let disk = FileDisk::open(path)?;
    let config = journal::Config { keys: config.keys.clone(), ..journal::Config::default() };
    Ok(Journal::open(Arc::new(disk), config)?.journal)
}

/// What `url` names.
fn place(url: &str) -> Result<Place<'_>> {
    let Some((scheme, rest)) = url.split_once(':') else { return Err(unknown(url)) };
    match scheme {
        "sqlite" if rest == ":memory:" => Ok(Place::Memory),
        "sqlite" => sqlite_path(url, rest),
        "mysql" | "mariadb" => Err(needs_feature(url, "mysql")),
        "postgres" | "postgresql" => Err(needs_feature(url, "postgres")),
        _ => Err(unknown(url)),
    }
}

/// `//path` or `path`, with `?mode=rwc`, which other programs want and which is how we open anyway.
fn sqlite_path<'a>(url: &str, rest: &'a str) -> Result<Place<'a>> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let url = without_credentials(url);
    match (path, parameters) {
        ("", _) => Err(Error::new(ErrorKind::Invalid, format!("{url} names no file: write sqlite://path"))),
        (":memory:", "") => Ok(Place::Memory),
        (path, "" | "mode=rwc") => Ok(Place::Sqlite(path)),
        _ => Err(Error::new(ErrorKind::Invalid, format!("{url} has parameters; only ?mode=rwc is known"))),
    }
}

fn needs_feature(url: &str, feature: &str) -> Error {
    let url = without_credentials(url);
    let message = format!("{url} needs the feature {feature:?} of the crate syncline, which is not compiled in");
    Error::new(ErrorKind::Invalid, message)
}

fn unknown(url: &str) -> Error {
    let url = without_credentials(url);
    Error::new(ErrorKind::Invalid, format!("{url} has no scheme that is known: write sqlite://path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(url: &str, message: &str) {
        let error = place(url).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, message));
    }

    #[test]
    fn a_sqlite_url_names_a_file_or_memory() {
        assert_eq!(place("sqlite://data.db").unwrap(), Place::Sqlite("data.db"));
        assert_eq!(place("sqlite:///abs/data.db?mode=rwc").unwrap(), Place::Sqlite("/abs/data.db"));
        assert_eq!(place("sqlite:data.db").unwrap(), Place::Sqlite("data.db"));
        assert_eq!(place("sqlite::memory:").unwrap(), Place::Memory);
        assert_eq!(place("sqlite://:memory:").unwrap(), Place::Memory);
    }

    #[test]
    fn what_cannot_be_used_is_named_without_its_secrets() {
        let feature =
            |name: &str| format!("needs the feature {name:?} of the crate syncline, which is not compiled in");
        check_refused("mysql://u:p@h/db", &format!("mysql://…@h/db {}", feature("mysql")));
        check_refused("mariadb://h/db", &format!("mariadb://h/db {}", feature("mysql")));
        check_refused("postgres://u:p@h/db", &format!("postgres://…@h/db {}", feature("postgres")));
        check_refused("sqlite://", "sqlite:// names no file: write sqlite://path");
        check_refused("sqlite://a?cache=shared", "sqlite://a?… has parameters; only ?mode=rwc is known");
        check_refused("oracle://h", "oracle://h has no scheme that is known: write sqlite://path");
        check_refused("data.db", "data.db has no scheme that is known: write sqlite://path");
    }
}
