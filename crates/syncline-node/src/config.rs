//! Settings of the command, as TOML: in a file that is named, or in `syncline.toml` of the directory.

mod queue;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use syncline::{
    engine::EngineConfig,
    journal::{self, OnDamage},
    queue::QueueConfig,
    rt::os,
};

use self::queue::Queue;
use crate::exit::{Failure, Result};

/// Name of the file in the directory.
const FILE: &str = "syncline.toml";
/// Settings are a page of text.
const FILE_BYTES_MAX: u64 = 64 * 1_024;

/// All settings with their defaults, explained.
pub(crate) const EXAMPLE: &str = include_str!("config.example.toml");

/// All settings. Any combination of values that parses is valid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// File with the key that the directory is encrypted with; `--key-file` goes before it.
    pub(crate) key_file: Option<PathBuf>,
    /// Files with keys of before, still needed to read what they encrypted.
    pub(crate) older_key_files: Vec<PathBuf>,
    /// How long another process that holds the directory may be silent.
    pub(crate) timeout_ms: u64,
    /// Settings of the engine.
    pub(crate) engine: Engine,
    /// Settings of the journal.
    pub(crate) journal: Journal,
    /// Settings of queues.
    pub(crate) queue: Queue,
}

/// Settings of the engine. Its memory is set lower than a server's: a command shares the machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Engine {
    /// Most bytes that may be accepted and not yet archived.
    pub(crate) memory_max_bytes: usize,
    /// Most bytes of items kept for reading.
    pub(crate) l1_max_bytes: usize,
    /// Largest content of one item, in bytes.
    pub(crate) content_bytes_max: usize,
    /// Most items of one archive transaction.
    pub(crate) archive_batch_count: usize,
    /// Most bytes of one archive transaction.
    pub(crate) archive_batch_bytes: usize,
    /// How long the end of a command may take to archive what is pending.
    pub(crate) shutdown_deadline_ms: u64,
}

/// Settings of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Journal {
    /// Bytes reserved for one segment.
    pub(crate) segment_bytes: u64,
    /// Most bytes that may wait to be written.
    pub(crate) queue_bytes_max: usize,
    /// Level of zstd, 1 to 19; 0 stores records as they are.
    pub(crate) compression: i32,
    /// What opening does when acknowledged data is damaged.
    pub(crate) on_damage: Damage,
}

/// What opening does when acknowledged data is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Damage {
    /// It refuses and touches nothing.
    Refuse,
    /// It copies what is damaged aside, reports what is lost, and goes on.
    Quarantine,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            key_file: None,
            older_key_files: Vec::new(),
            timeout_ms: 10_000,
            engine: Engine::default(),
            journal: Journal::default(),
            queue: Queue::default(),
        }
    }
}

impl Default for Engine {
    fn default() -> Self {
        let engine = EngineConfig::default();
        Self {
            memory_max_bytes: 64 * 1_024 * 1_024,
            l1_max_bytes: 16 * 1_024 * 1_024,
            content_bytes_max: engine.content_bytes_max,
            archive_batch_count: engine.archive_batch_count,
            archive_batch_bytes: engine.archive_batch_bytes,
            shutdown_deadline_ms: millis(engine.shutdown_deadline),
        }
    }
}

impl Default for Journal {
    fn default() -> Self {
        let journal = journal::Config::default();
        Self {
            segment_bytes: journal.segment_bytes,
            queue_bytes_max: 16 * 1_024 * 1_024,
            compression: 0,
            on_damage: Damage::Refuse,
        }
    }
}

impl Config {
    /// The settings in `file`, else in the directory's own file, else the defaults.
    pub(crate) fn load(file: Option<&Path>, dir: &Path) -> Result<Self> {
        let named = file.map(Path::to_owned);
        let path = named.clone().unwrap_or_else(|| dir.join(FILE));
        match os::read_file(&path, FILE_BYTES_MAX) {
            Ok(bytes) => Self::parse(&String::from_utf8_lossy(&bytes))
                .map_err(|reason| Failure::usage(format!("{}: {reason}", path.display()))),
            Err(error) if named.is_none() && absent(&error) => Ok(Self::default()),
            Err(error) => Err(Failure::file("cannot read", &path, &error)),
        }
    }

    /// The settings that `text` describes.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        config.queue.check()?;
        match config.journal.compression {
            0..=19 => Ok(config),
            level => Err(format!("journal.compression is {level}, and must be 0 to 19")),
        }
    }

    /// How long another process that holds the directory may be silent.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The engine's form of these settings.
    pub(crate) fn engine(&self) -> EngineConfig {
        EngineConfig {
            memory_max_bytes: self.engine.memory_max_bytes,
            l1_max_bytes: self.engine.l1_max_bytes,
            content_bytes_max: self.engine.content_bytes_max,
            archive_batch_count: self.engine.archive_batch_count,
            archive_batch_bytes: self.engine.archive_batch_bytes,
            shutdown_deadline: Duration::from_millis(self.engine.shutdown_deadline_ms),
            ..EngineConfig::default()
        }
    }

    /// What every queue is opened with.
    pub(crate) fn queue(&self) -> QueueConfig {
        self.queue.config()
    }

    /// The journal's form of these settings.
    pub(crate) fn journal(&self) -> journal::Config {
        journal::Config {
            segment_bytes: self.journal.segment_bytes,
            queue_bytes_max: self.journal.queue_bytes_max,
            compression: Some(self.journal.compression).filter(|level| *level > 0),
            on_damage: match self.journal.on_damage {
                Damage::Refuse => OnDamage::Refuse,
                Damage::Quarantine => OnDamage::Quarantine,
            },
            // Short: the command looks for the holder's socket between two tries.
            lock_patience: Duration::from_millis(20),
            ..journal::Config::default()
        }
    }
}

/// There is no such file, or not even a directory for it.
fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_says_the_defaults() {
        assert_eq!(Config::parse(EXAMPLE).unwrap(), Config::default());
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn every_setting_is_in_the_example_and_is_read() {
        let (without_queue, _) = EXAMPLE.split_once("[queue]").unwrap();
        let changed = without_queue
            .replace("# key_file = \"", "key_file = \"")
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some(("on_damage", _)) => "on_damage = \"quarantine\"".to_owned(),
                Some(("older_key_files", _)) => "older_key_files = [\"a\"]".to_owned(),
                Some((name, _)) if !name.starts_with('#') && name != "key_file" => format!("{name} = 7"),
                _ => line.to_owned(),
            })
            .collect::<Vec<_>>()
            .join("\n");
        let config = Config::parse(&changed).unwrap();
        let (engine, journal) = (config.engine(), config.journal());
        assert_eq!(config.key_file.as_deref(), Some(Path::new("/etc/syncline/key")));
        assert_eq!(config.older_key_files, [PathBuf::from("a")]);
        assert_eq!(config.timeout(), Duration::from_millis(7));
        let sizes = [
            engine.memory_max_bytes,
            engine.l1_max_bytes,
            engine.content_bytes_max,
            engine.archive_batch_count,
            engine.archive_batch_bytes,
            journal.queue_bytes_max,
        ];
        assert_eq!(sizes, [7; 6]);
        assert_eq!(engine.shutdown_deadline, Duration::from_millis(7));
        assert_eq!((journal.segment_bytes, journal.compression, journal.on_damage), (7, Some(7), OnDamage::Quarantine));
    }

    #[test]
    fn what_is_not_a_setting_is_refused_by_name() {
        let reason = Config::parse("[engine]\nmemory = 1").unwrap_err();
        assert!(reason.contains("unknown field `memory`") && reason.contains("line 2"), "{reason}");
        assert_eq!(
            Config::parse("[journal]\ncompression = 20").unwrap_err(),
            "journal.compression is 20, and must be 0 to 19"
        );
    }

    #[test]
    fn a_named_file_must_be_there_and_the_directorys_own_need_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(None, dir.path()).unwrap(), Config::default());
        assert!(Config::load(Some(&dir.path().join("none.toml")), dir.path()).is_err());
        std::fs::write(dir.path().join(FILE), "timeout_ms = 5").unwrap();
        assert_eq!(Config::load(None, dir.path()).unwrap().timeout_ms, 5);
    }
}
