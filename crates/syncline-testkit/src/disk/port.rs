//! The disk port, with its faults.

use std::{io, sync::Arc, time::Duration};

use syncline_core::port::{DirLock, Disk, DiskFile, OpenMode};

use super::{Call, Effect, Event, SimDisk, State, inode::Inode, names::FileId};

fn event(call: Call, name: &str) -> Event {
    Event { call, name: Arc::from(name), offset: 0, len: 0, error: None }
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {name}"))
}

/// A call on the directory: it fails as planned, or `body` runs.
fn on_directory<T>(
    state: &mut State,
    call: Call,
    name: &str,
    body: impl FnOnce(&mut State) -> io::Result<T>,
) -> io::Result<T> {
    let result = match state.strike(call) {
        Some(effect) => Err(effect.error()),
        None => body(state),
    };
    state.note(event(call, name), &[], result)
}

impl State {
    fn create(&mut self, name: &str) -> io::Result<FileId> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no plain name")));
        }
        match self.core.names.get(name) {
            Some(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("file {name} exists"))),
            None => Ok(self.core.create(name, Inode::default())),
        }
    }

    fn file(&self, id: FileId) -> io::Result<&Inode> {
        self.core.file(id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file_mut(&mut self, id: FileId) -> io::Result<&mut Inode> {
        self.core.file_mut(id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// How long a file may become that is to become `to` bytes long, and whether that is less.
    fn room(&self, id: FileId, to: u64) -> io::Result<Result<(), u64>> {
        let from = self.file(id)?.len();
        Ok(self.core.reserve(from, to, |other| self.open.contains_key(&other)))
    }

    fn write(&mut self, id: FileId, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        let failure = match (self.strike(Call::Write), self.room(id, end)?) {
            (Some(effect), _) => Some((self.random.index(bytes.len() + 1), effect)),
            (None, Err(room)) => Some((usize::try_from(room.saturating_sub(offset)).unwrap_or(0), Effect::StorageFull)),
            (None, Ok(())) => None,
        };
        let Some((written, effect)) = failure else {
            self.file_mut(id)?.write(bytes, offset);
            return Ok(());
        };
        let part = bytes.get(..written.min(bytes.len())).unwrap_or_default();
        if !part.is_empty() {
            self.file_mut(id)?.write(part, offset);
        }
        Err(effect.error())
    }

    fn sync(&mut self, id: FileId) -> io::Result<()> {
        let Some(effect) = self.strike(Call::Sync) else {
            self.file_mut(id)?.sync();
            return Ok(());
        };
        let random = self.random.clone();
        self.file_mut(id)?.fail_sync(&random);
        Err(effect.error())
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        if let Some(effect) = self.strike(Call::SyncDir) {
            let random = self.random.clone();
            self.core.names.fail_sync(|_| random.once_in(3));
            return Err(effect.error());
        }
        self.core.names.sync();
        let Self { core, open, .. } = self;
        core.sweep(|id| open.contains_key(&id));
        Ok(())
    }

    fn allocate(&mut self, id: FileId, len: u64) -> io::Result<()> {
        match (self.strike(Call::Allocate), self.room(id, len)?) {
            (Some(effect), _) => Err(effect.error()),
            (None, Err(_)) => Err(Effect::StorageFull.error()),
            (None, Ok(())) => {
                self.file_mut(id)?.extend(len);
                Ok(())
            }
        }
    }

    fn read(&mut self, id: FileId, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.strike(Call::Read) {
            None => Ok(self.file(id)?.read(buf, offset)),
            Some(Effect::Misdirected) => self.misread(id, buf, offset),
            Some(effect) => Err(effect.error()),
        }
    }

    /// As many bytes as asked for, from another place of the same file or from another file.
    fn misread(&self, id: FileId, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.file(id)?.read(buf, offset);
        let files: Vec<&Inode> = self.core.names.list().filter_map(|(_, id)| self.core.file(id)).collect();
        let Some(other) = files.get(self.random.index(files.len())) else { return Ok(count) };
        let elsewhere = self.random.below(other.len() / 512 + 1) * 512;
        let wrong = buf.get_mut(..count).unwrap_or_default();
        wrong.fill(0);
        other.read(wrong, elsewhere);
        Ok(count)
    }

    fn close(&mut self, id: FileId) {
        let Some(handles) = self.open.get_mut(&id) else { return };
        *handles -= 1;
        if *handles == 0 {
            self.open.remove(&id);
            self.core.forget(id);
        }
    }
}

impl Disk for SimDisk {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let id = match mode {
            OpenMode::Create => on_directory(&mut state, Call::Create, name, |state| state.create(name)),
            OpenMode::Read | OpenMode::Write => on_directory(&mut state, Call::Open, name, |state| {
                state.core.names.get(name).ok_or_else(|| missing(name))
            }),
        }?;
        *state.open.entry(id).or_default() += 1;
        let writable = mode != OpenMode::Read;
        Ok(Box::new(SimFile { disk: self.clone(), id, name: Arc::from(name), writable }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        on_directory(&mut self.state(), Call::List, "", |state| {
            Ok(state.core.names.list().map(|(name, _)| name.to_string()).collect())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        on_directory(&mut self.state(), Call::Rename, from, |state| {
            state.core.names.rename(from, to).map(drop).ok_or_else(|| missing(from))
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        on_directory(&mut self.state(), Call::Remove, name, |state| {
            state.core.names.remove(name).map(drop).ok_or_else(|| missing(name))
        })
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        let result = state.sync_dir();
        state.note(event(Call::SyncDir, ""), &[], result)
    }

    fn lock(&self, holder: &str, _patience: Duration) -> io::Result<Box<dyn DirLock>> {
        on_directory(&mut self.state(), Call::Lock, "", |state| match &state.holder {
            Some(other) => Err(io::Error::new(io::ErrorKind::WouldBlock, other.clone())),
            None => {
                state.holder = Some(holder.to_owned());
                Ok(())
            }
        })?;
        Ok(Box::new(SimLock { disk: self.clone() }))
    }

    fn describe(&self) -> String {
        "simulated disk".to_owned()
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: FileId,
    name: Arc<str>,
    writable: bool,
}

impl SimFile {
    fn event(&self, call: Call, offset: u64, len: u64) -> Event {
        Event { call, name: Arc::clone(&self.name), offset, len, error: None }
    }

    fn check_writable(&self) -> io::Result<()> {
        let refused = || io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is open for reading", self.name));
        self.writable.then_some(()).ok_or_else(refused)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let result = state.read(self.id, buf, offset);
        state.note(self.event(Call::Read, offset, buf.len() as u64), &[], result)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.disk.state();
        let result = state.write(self.id, bytes, offset);
        state.note(self.event(Call::Write, offset, bytes.len() as u64), bytes, result)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let result = state.sync(self.id);
        state.note(self.event(Call::Sync, 0, 0), &[], result)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.disk.state();
        let result = state.allocate(self.id, len);
        state.note(self.event(Call::Allocate, 0, len), &[], result)
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        let result = match state.strike(Call::Len) {
            Some(effect) => Err(effect.error()),
            None => state.file(self.id).map(Inode::len),
        };
        state.note(self.event(Call::Len, 0, 0), &[], result)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.state().close(self.id);
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
}

impl DirLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().holder = None;
    }
}
