//! A new directory from a backup.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use syncline_core::{Error, ErrorKind, Result, rt::os};

use crate::{
    Backup,
    backup::{self, refused},
    blocking,
    layout::Layout,
};

/// Makes the directory `to` from the backup in `from`.
///
/// The new directory draws a name of its own when it is first opened, and stamps versions above all that the backup holds:
/// what is written to it is newer than what was restored, and is not mistaken for the original's writes.
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid) when `from` is no finished backup; [`Corrupt`](ErrorKind::Corrupt) when it is damaged;
/// [`Conflict`](ErrorKind::Conflict) when `to` holds a journal or an archive; [`Full`](ErrorKind::Full);
/// [`Denied`](ErrorKind::Denied). `to` can be opened only once all of it is there.
///
/// # Cancel safety
///
/// Dropping the future lets the copy go on unheard. A restore that did not end can be begun again.
pub async fn restore(from: impl Into<PathBuf>, to: impl Into<PathBuf>) -> Result<Backup> {
    let (from, layout) = (from.into(), Layout::new(to));
    blocking::run("restore directory", move || copy(&from, &layout)).await
}

fn copy(from: &Path, to: &Layout) -> Result<Backup> {
    let backup = backup::manifest(from)?;
    os::create_dir(to.dir()).map_err(|source| refused("cannot make", to.dir(), source))?;
    if let Some(there) = [to.journal(), to.archive()].into_iter().find(|path| path.exists()) {
        let message = format!("{} is there already: restore to a new directory", there.display());
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    // An archive under its own name is whole: the copy gets it last, once it is known to be the one that was backed up.
    let part = to.archive_part();
    copy_synced(&from.join(backup::ARCHIVE), &part).map_err(|source| refused("cannot copy to", &part, source))?;
    if let Err(error) = backup::check(&backup, from, &part) {
        fs::remove_file(&part).map_err(|source| refused("cannot remove", &part, source))?;
        return Err(error);
    }
    fs::rename(&part, to.archive()).map_err(|source| refused("cannot rename", &part, source))?;
    os::sync_dir(to.dir()).map_err(|source| refused("cannot sync", to.dir(), source))?;
    Ok(backup)
}

fn copy_synced(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut copy = os::private_file().write(true).create(true).truncate(true).open(to)?;
    io::copy(&mut source, &mut copy)?;
    copy.sync_all()
}
