//! A copy of the archive that proves itself.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use syncline_core::{Error, ErrorKind, KeyId, Result, port::Clock as _, rt::SystemClock, rt::os};
use syncline_sql::SqliteArchive;

/// The copy.
pub(crate) const ARCHIVE: &str = "archive.db";
/// What the copy holds; written last, so that a copy without it was not finished.
const MANIFEST: &str = "backup.json";
/// Number of the manifest's form.
const FORMAT: u32 = 1;
/// A manifest is a handful of numbers.
const MANIFEST_BYTES_MAX: u64 = 64 * 1_024;

/// What a backup holds. Plain data; also its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Number of the manifest's form.
    pub format: u32,
    /// Version of the program that made it.
    pub program_version: String,
    /// When it was made, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// Items in it.
    pub items: u64,
    /// Tombstones in it.
    pub tombstones: u64,
    /// Bytes of content in it, as submitted.
    pub content_bytes: u64,
    /// Bytes of the copy.
    pub archive_bytes: u64,
    /// BLAKE3 hash of the copy, as hexadecimal digits.
    pub archive_blake3: String,
    /// Id of the key that the directory wrote with; `None` when it wrote in clear.
    pub key_id: Option<String>,
}

/// Copies `archive` to `dest`, checks the copy, and writes its manifest. Blocks.
pub(crate) fn make(archive: &SqliteArchive, dest: &Path, key_id: Option<KeyId>) -> Result<Backup> {
    prepare(dest)?;
    let file = dest.join(ARCHIVE);
    // The copy was read back row by row before this returns.
    let copied = archive.backup(&file)?;
    let (archive_bytes, archive_blake3) = hash(&file)?;
    let backup = Backup {
        format: FORMAT,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at_ms: SystemClock.wall().as_millis(),
        items: copied.items,
        tombstones: copied.tombstones,
        content_bytes: copied.content_bytes,
        archive_bytes,
        archive_blake3,
        key_id: key_id.map(|id| id.to_string()),
    };
    let manifest = serde_json::to_vec_pretty(&backup)
        .map_err(|source| Error::new(ErrorKind::Invalid, "the manifest cannot be written").with_source(source))?;
    let path = dest.join(MANIFEST);
    os::replace_file(&path, &manifest).map_err(|source| refused("cannot write", &path, source))?;
    Ok(backup)
}

/// Reads the manifest of the backup in `from`.
pub(crate) fn manifest(from: &Path) -> Result<Backup> {
    let path = from.join(MANIFEST);
    let bytes = os::read_file(&path, MANIFEST_BYTES_MAX).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            let message = format!("{} is no finished backup: it has no {MANIFEST}", from.display());
            Error::new(ErrorKind::Invalid, message)
        }
        _ => refused("cannot read", &path, source),
    })?;
    let backup: Backup = serde_json::from_slice(&bytes)
        .map_err(|source| damaged(from, "its manifest cannot be read").with_source(source))?;
    if backup.format != FORMAT {
        let message = format!(
            "the backup in {} has the format {} and this program knows {FORMAT}: use the program that made it",
            from.display(),
            backup.format
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(backup)
}

/// Checks that `file` is the copy that the manifest in `from` speaks of. Blocks.
pub(crate) fn check(backup: &Backup, from: &Path, file: &Path) -> Result<()> {
    let (bytes, blake3) = hash(file)?;
    if (bytes, blake3.as_str()) == (backup.archive_bytes, backup.archive_blake3.as_str()) {
        return Ok(());
    }
    Err(damaged(from, &format!("its {ARCHIVE} is not the file that {MANIFEST} speaks of")))
}

fn damaged(from: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the backup in {} is damaged: {what}", from.display()))
}

/// Makes `dest`, which must hold nothing yet.
fn prepare(dest: &Path) -> Result<()> {
    os::create_dir(dest).map_err(|source| refused("cannot make", dest, source))?;
    let mut entries = fs::read_dir(dest).map_err(|source| refused("cannot read", dest, source))?;
    if entries.next().is_some() {
        let message = format!("{} is not empty: name a new directory for the backup", dest.display());
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    // The directory's own name must survive loss of power too.
    let parent = dest
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or(PathBuf::from("."), PathBuf::from);
    os::sync_dir(&parent).map_err(|source| refused("cannot sync", &parent, source))
}

fn hash(path: &Path) -> Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let hashed = File::open(path).and_then(|file| {
        hasher.update_reader(file)?;
        Ok(hasher.count())
    });
    let bytes = hashed.map_err(|source| refused("cannot read", path, source))?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

/// An error of a file that the user named.
pub(crate) fn refused(what: &str, path: &Path, source: io::Error) -> Error {
    let kind = match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => ErrorKind::Full,
        io::ErrorKind::NotFound => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{what} {}", path.display())).with_source(source)
}
