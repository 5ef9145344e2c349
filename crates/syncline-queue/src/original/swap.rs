//! Putting the directory in the place of the file.
//!
//! Two names cannot be changed at once, so there is a middle state. The order is: the directory is finished beside the file;
//! the file becomes the backup; the directory takes its place. Each step is on disk before the next one, so that where the
//! path is missing and the backup is there, the directory beside it is whole: [`complete`] ends what was begun.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use syncline_core::{Error, ErrorKind, rt::os};

use super::{Step, file::failed};
use crate::{QueueError, QueueResult};

/// The three names of one path.
pub(super) struct Places {
    pub(super) path: PathBuf,
    /// The original's file, once it is taken over.
    pub(super) backup: PathBuf,
    /// The directory while it is built.
    pub(super) building: PathBuf,
}

impl Places {
    pub(super) fn of(path: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut name = OsString::from(path);
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { path: path.to_owned(), backup: beside(".v1.bak"), building: beside(".v1.new") }
    }

    fn sync(&self) -> QueueResult<()> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        os::sync_dir(parent).map_err(|source| failed(parent, "cannot be synced", source))
    }

    fn enter(&self) -> QueueResult<()> {
        match fs::rename(&self.building, &self.path) {
            // Another opening saw the middle state and completed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.path.is_dir() => {}
            done => done.map_err(|source| failed(&self.building, "cannot take its place", source))?,
        }
        self.sync()
    }
}

/// An older backup is somebody's only copy: it is never replaced.
pub(super) fn check_room(places: &Places) -> QueueResult<()> {
    if fs::symlink_metadata(&places.backup).is_err() {
        return Ok(());
    }
    let (path, backup) = (places.path.display(), places.backup.display());
    let message = format!("{path} cannot be kept as {backup}, which is there already; it was not touched");
    Err(QueueError::PersistenceError(Error::new(ErrorKind::Invalid, message)))
}

/// Removes what an earlier building that did not finish has left.
pub(super) fn clear(places: &Places) -> QueueResult<()> {
    match fs::remove_dir_all(&places.building) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed(&places.building, "cannot be removed", error))
        }
        _ => Ok(()),
    }
}

/// The file becomes the backup, and the directory takes its place.
pub(super) fn swap(places: &Places, step: Step<'_>) -> QueueResult<()> {
    places.sync()?;
    fs::rename(&places.path, &places.backup).map_err(|source| failed(&places.path, "cannot be renamed", source))?;
    step("renamed")?;
    places.sync()?;
    step("synced")?;
    places.enter()?;
    step("entered")
}

/// Ends a swap that was begun.
pub(super) fn complete(places: &Places) -> QueueResult<()> {
    let is_begun = !places.path.exists() && places.backup.is_file() && places.building.is_dir();
    if is_begun { places.enter() } else { Ok(()) }
}
