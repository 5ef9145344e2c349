//! A look at a file before SQLite touches it, so that what is not ours is left exactly as it is.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// "SYNA" in the header of the file: that it is an archive of Syncline.
pub(crate) const APPLICATION_ID: i32 = 0x5359_4e41;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// The part of the file that is looked at: its header and that of the schema's first page.
const LOOKED_AT: usize = 105;

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or a database without tables: an archive may be made of it.
    Nothing,
    /// An archive, of this schema version where it could be seen.
    Archive { version: i32 },
    /// A database of another application.
    OtherDatabase,
    /// A file that is no SQLite database.
    OtherFile,
}

/// Looks at the file at `path`.
pub(crate) fn look(path: &Path) -> io::Result<Found> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let mut head = Vec::new();
    file.take(LOOKED_AT as u64).read_to_end(&mut head)?;
    Ok(judge(&head))
}

/// What a file is whose first bytes are `head`.
///
/// Tables and application id are made in one transaction and stand in one sector, so a database with tables and without
/// the id is never an archive that was interrupted while it was made.
fn judge(head: &[u8]) -> Found {
    if head.is_empty() {
        return Found::Nothing;
    }
    let has_tables = head.get(103..105).is_none_or(|cells| cells != [0, 0]);
    match (head.starts_with(MAGIC), number(head, 68), number(head, 60)) {
        (false, ..) | (_, None, _) | (_, _, None) => Found::OtherFile,
        (true, Some(APPLICATION_ID), Some(version)) => Found::Archive { version },
        (true, Some(0), _) if !has_tables => Found::Nothing,
        (true, ..) => Found::OtherDatabase,
    }
}

fn number(head: &[u8], at: usize) -> Option<i32> {
    let bytes = head.get(at..at + 4)?.try_into().ok()?;
    Some(i32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(application_id: i32, version: i32, tables: u16) -> Vec<u8> {
        let mut head = vec![0; 200];
        head[..16].copy_from_slice(MAGIC);
        head[60..64].copy_from_slice(&version.to_be_bytes());
        head[68..72].copy_from_slice(&application_id.to_be_bytes());
        head[103..105].copy_from_slice(&tables.to_be_bytes());
        head
    }

    #[test]
    fn only_our_own_database_is_an_archive() {
        assert_eq!(judge(&[]), Found::Nothing);
        assert_eq!(judge(&head(0, 0, 0)), Found::Nothing);
        assert_eq!(judge(&head(APPLICATION_ID, 3, 4)), Found::Archive { version: 3 });
        assert_eq!(judge(&head(0, 0, 1)), Found::OtherDatabase);
        assert_eq!(judge(&head(7, 0, 0)), Found::OtherDatabase);
        assert_eq!(judge(b"# a text"), Found::OtherFile);
        assert_eq!(judge(MAGIC), Found::OtherFile);
        assert_eq!(judge(&[0; 4_096]), Found::OtherFile);
    }

    #[test]
    fn a_missing_file_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(look(&dir.path().join("archive.db")).unwrap(), Found::Nothing);
    }
}
