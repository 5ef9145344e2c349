//! What an operator should know of a directory.

use std::fs;

use serde::{Deserialize, Serialize};
use syncline_core::{Error, ErrorKind, KeyId, Result};
use syncline_engine::EngineStats;
use syncline_journal::{Journal, RecoveryReport};

use crate::layout::Layout;

/// What the journal calls the files that it put aside.
const QUARANTINE_PREFIX: &str = "quarantine-";

/// What an operator should know of a directory. Plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Version of the program that holds it.
    pub program_version: String,
    /// The directory's own name, drawn when its journal was made.
    pub node: String,
    /// Id of the key that it writes with; `None` when it writes in clear.
    pub key_id: Option<String>,
    /// What is not encrypted, in words.
    pub not_encrypted: Vec<String>,
    /// Streams of the journal that nobody reads; their records are kept.
    pub unowned_streams: Vec<String>,
    /// Whether the journal had been closed in order when it was opened.
    pub closed_in_order: bool,
    /// Records that opening found in the journal.
    pub recovered_records: u64,
    /// What opening cut from the end of the journal.
    pub torn: Option<Torn>,
    /// Acknowledged records that are lost to damage.
    pub lost: Vec<Lost>,
    /// Whether the newest manifest was damaged and the one before it served.
    pub manifest_fell_back: bool,
    /// Files with damaged segments that were put aside.
    pub quarantine_files: Vec<String>,
    /// Writes that the archive refused for what they are, kept aside.
    pub quarantined_items: u64,
    /// Whether a write or sync of the journal failed.
    pub is_poisoned: bool,
}

/// An unfinished end of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Torn {
    /// Bytes that were cut.
    pub bytes: u64,
    /// Whether nothing proves that they were never acknowledged.
    pub possibly_acknowledged: bool,
}

/// Acknowledged records that are lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The first, by its place in the journal.
    pub first_seq: u64,
    /// The last.
    pub last_seq: u64,
    /// The file that keeps the damaged segment as it was found.
    pub kept_as: String,
}

/// What was learned when the directory was opened.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) report: RecoveryReport,
    pub(crate) key_id: Option<KeyId>,
}

impl Inspection {
    pub(crate) fn of(facts: &Facts, layout: &Layout, journal: &Journal, engine: &EngineStats) -> Result<Self> {
        let report = &facts.report;
        Ok(Self {
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            node: journal.id().iter().map(|byte| format!("{byte:02x}")).collect(),
            key_id: facts.key_id.map(|id| id.to_string()),
            not_encrypted: not_encrypted(facts.key_id.is_some()),
            unowned_streams: journal.unowned_streams(),
            closed_in_order: report.clean_close,
            recovered_records: report.records,
            torn: report
                .torn
                .map(|torn| Torn { bytes: torn.bytes, possibly_acknowledged: torn.possibly_acknowledged }),
            lost: report.lost.iter().map(lost).collect(),
            manifest_fell_back: report.manifest_fell_back,
            quarantine_files: quarantine_files(layout)?,
            quarantined_items: engine.quarantined,
            is_poisoned: journal.stats().is_poisoned,
        })
    }
}

fn lost(range: &syncline_journal::LostRange) -> Lost {
    Lost {
        first_seq: range.first.get(),
        last_seq: range.last.get(),
        kept_as: range.quarantined_as.clone(),
    }
}

fn not_encrypted(has_key: bool) -> Vec<String> {
    let what = match has_key {
        false => "everything: the directory has no key",
        true => {
            "ids, versions, sizes, content types and times of expiry in the archive; content written before there was a key"
        }
    };
    vec![what.to_owned()]
}

fn quarantine_files(layout: &Layout) -> Result<Vec<String>> {
    let dir = layout.journal();
    let unlistable =
        |source| Error::new(ErrorKind::Unavailable, format!("cannot list {}", dir.display())).with_source(source);
    let mut files = Vec::new();
    for entry in fs::read_dir(&dir).map_err(unlistable)? {
        let name = entry.map_err(unlistable)?.file_name();
        if name.to_string_lossy().starts_with(QUARANTINE_PREFIX) {
            files.push(dir.join(name).display().to_string());
        }
    }
    files.sort_unstable();
    Ok(files)
}
