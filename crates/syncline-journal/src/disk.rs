//! The directory of a journal on a real disk.

use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use syncline_core::{
    Error, ErrorKind, Result,
    port::{DirLock, Disk, DiskFile, OpenMode},
    rt::os,
};

use crate::manifest::is_full;

const LOCK: &str = "LOCK";
/// How often a lock that is held is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A directory on a real disk, entered and read by its owner alone.
#[derive(Debug, Clone)]
pub struct FileDisk {
    dir: PathBuf,
}

impl FileDisk {
    /// The directory `dir`, made where it is missing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] or [`ErrorKind::Unavailable`] when it cannot be made.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref().to_path_buf();
        make_dir(&dir).map_err(|source| {
            let kind = match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
                io::ErrorKind::StorageFull => ErrorKind::Full,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, format!("the directory {} cannot be made", dir.display())).with_source(source)
        })?;
        Ok(Self { dir })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// Makes `dir`, and makes its name in the directory above survive loss of power.
fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_dir(parent)?;
    }
    os::create_dir(dir)?;
    os::sync_dir(parent.unwrap_or(Path::new(".")))
}

impl Disk for FileDisk {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut options = os::private_file();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => {
                options.write(true);
            }
            OpenMode::Create => {
                options.write(true).create_new(true);
            }
        }
        Ok(Box::new(OpenFile { file: options.open(self.path(name))? }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.file_name() != LOCK {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        os::sync_dir(&self.dir)
    }

    fn lock(&self, holder: &str, patience: Duration) -> io::Result<Box<dyn DirLock>> {
        let mut file = os::private_file()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path(LOCK))?;
        let mut left = patience;
        while !os::try_lock(&file)? {
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, read_holder(&mut file)));
            }
            os::pause(LOCK_PAUSE.min(left));
            left = left.saturating_sub(LOCK_PAUSE);
        }
        match write_holder(&file, holder) {
            // The lock is held all the same; who holds it is a courtesy, and no reason to stay out of a full disk.
            Err(error) if is_full(&error) => {}
            other => other?,
        }
        Ok(Box::new(FileLock { _file: file }))
    }

    fn describe(&self) -> String {
        self.dir.display().to_string()
    }
}

/// In place, so that on a full disk there is room for it where a name stood before.
fn write_holder(file: &File, holder: &str) -> io::Result<()> {
    file.write_all_at(holder.as_bytes(), 0)?;
    file.set_len(holder.len() as u64)
}

/// Who left their name in the lock file.
fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.rewind().and_then(|()| file.take(200).read_to_string(&mut text)) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}

#[derive(Debug)]
struct OpenFile {
    file: File,
}

impl DiskFile for OpenFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = buf.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        os::allocate(&self.file, len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// Held by its file: the system lets go of it when the process ends.
#[derive(Debug)]
struct FileLock {
    _file: File,
}

impl DirLock for FileLock {}
