//! The original's file on disk, held by one who takes it over.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use sha2::{Digest as _, Sha256};
use syncline_core::{Error, ErrorKind, rt::os};

use crate::{QueueError, QueueResult};

/// Most bytes of a file that is read. Encrypted, it has up to four for each of its snapshot.
const FILE_BYTES_MAX: u64 = 2 * 1_024 * 1_024 * 1_024;
/// Most bytes of the checksum beside it that are read: 64 digits and a name.
const SUM_BYTES_MAX: u64 = 8 * 1_024;

/// The file at `path`, locked; `None` where there is no file.
///
/// # Errors
///
/// [`AlreadyOpen`](QueueError::AlreadyOpen) while another process takes it over.
pub(super) fn lock(path: &Path) -> QueueResult<Option<File>> {
    if !path.is_file() {
        return Ok(None);
    }
    let failed = |source| failed(path, "cannot be opened", source);
    let file = File::open(path).map_err(failed)?;
    if !os::try_lock(&file).map_err(failed)? {
        let message = format!("{} is being taken over by another opening", path.display());
        return Err(QueueError::AlreadyOpen(Error::new(ErrorKind::Conflict, message)));
    }
    // Who had the lock before may have put the directory in its place.
    let is_same = fs::metadata(path).is_ok_and(|now| file.metadata().is_ok_and(|mine| now.ino() == mine.ino()));
    Ok(Some(file).filter(|_| is_same))
}

/// Its bytes. A checksum beside it that does not fit is a warning, as it was: it was written later and never synced.
pub(super) fn read(mut file: &File, path: &Path) -> QueueResult<Vec<u8>> {
    let len = file.metadata().map_err(|source| failed(path, "cannot be read", source))?.len();
    if len > FILE_BYTES_MAX {
        let message = format!("{} has {len} bytes, the most is {FILE_BYTES_MAX}; it was not touched", path.display());
        return Err(QueueError::PersistenceError(Error::new(ErrorKind::Invalid, message)));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|source| failed(path, "cannot be read", source))?;
    check_sum(&bytes, path);
    Ok(bytes)
}

fn check_sum(bytes: &[u8], path: &Path) {
    let Ok(sum) = os::read_file(&path.with_extension("sha256"), SUM_BYTES_MAX) else { return };
    let sum = String::from_utf8_lossy(&sum)
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let actual: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if sum != actual {
        tracing::warn!(target: crate::TRACING_TARGET, path = %path.display(), "the checksum beside the file is not its own");
    }
}

/// The same error, naming the file.
pub(super) fn named(error: QueueError, path: &Path) -> QueueError {
    let name = |error: Error| error.context(format!("{}, which was not touched", path.display()));
    match error {
        QueueError::Corrupted(error) => QueueError::Corrupted(name(error)),
        QueueError::EncryptionError(error) => QueueError::EncryptionError(name(error)),
        QueueError::PersistenceError(error) => QueueError::PersistenceError(name(error)),
        other => other,
    }
}

pub(super) fn failed(path: &Path, what: &str, source: io::Error) -> QueueError {
    let kind = match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull => ErrorKind::Full,
        _ => ErrorKind::Unavailable,
    };
    QueueError::of_storage(Error::new(kind, format!("{} {what}", path.display())).with_source(source))
}
