//! What stands where in a directory.

use std::path::{Path, PathBuf};

/// Paths inside one directory.
///
/// | name | what |
/// |---|---|
/// | `journal/` | the journal; its `LOCK` is the directory's |
/// | `archive.db` | the archive |
/// | `archive.db.part` | a restore that did not end |
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// The layout of `dir`.
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory itself.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The journal's directory.
    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }

    /// The archive's file.
    pub(crate) fn archive(&self) -> PathBuf {
        self.dir.join("archive.db")
    }

    /// Where a restore writes before it is whole.
    pub(crate) fn archive_part(&self) -> PathBuf {
        self.dir.join("archive.db.part")
    }
}
