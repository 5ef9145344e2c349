//! A directory in memory. It keeps nothing across processes; the simulated disk of the testkit adds the faults.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::port::{DirLock, Disk, DiskFile, OpenMode};

/// A directory in memory, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Contents>,
    holder: Option<String>,
}

/// Shared by name and by open handles, as an inode is.
type Contents = Arc<Mutex<Vec<u8>>>;

impl MemoryDisk {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets go of the lock as the system does when its holder dies.
    pub fn break_lock(&self) {
        self.state().holder = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each critical section leaves the state whole, so a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {name}"))
}

impl Disk for MemoryDisk {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let contents = match (state.files.get(name), mode) {
            (Some(_), OpenMode::Create) => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("file {name} exists")));
            }
            (Some(contents), _) => Arc::clone(contents),
            (None, OpenMode::Create) => Arc::clone(state.files.entry(name.to_owned()).or_default()),
            (None, _) => return Err(missing(name)),
        };
        Ok(Box::new(MemoryFile { contents }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().files.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let contents = state.files.remove(from).ok_or_else(|| missing(from))?;
        state.files.insert(to.to_owned(), contents);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state().files.remove(name).map(drop).ok_or_else(|| missing(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, holder: &str, _patience: Duration) -> io::Result<Box<dyn DirLock>> {
        let mut state = self.state();
        if let Some(other) = &state.holder {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, other.clone()));
        }
        state.holder = Some(holder.to_owned());
        Ok(Box::new(MemoryLock { disk: self.clone() }))
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

#[derive(Debug)]
struct MemoryFile {
    contents: Contents,
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let contents = lock(&self.contents);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(contents.len());
        let found = contents.get(start..).unwrap_or_default();
        let count = found.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(found) {
            *to = *from;
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
        let start = usize::try_from(offset).map_err(|_| too_large())?;
        let end = start.checked_add(bytes.len()).ok_or_else(too_large)?;
        let mut contents = lock(&self.contents);
        if contents.len() < end {
            contents.resize(end, 0);
        }
        if let Some(target) = contents.get_mut(start..end) {
            target.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        let mut contents = lock(&self.contents);
        if contents.len() < len {
            contents.resize(len, 0);
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.contents).len() as u64)
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
}

impl DirLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.state().holder = None;
    }
}
