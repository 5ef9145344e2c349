//! What several test binaries share: an owner that remembers, and a disk that counts and waits to be told.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use syncline_core::{
    memory::MemoryDisk,
    port::{DirLock, Disk, DiskFile, OpenMode},
};
use syncline_journal::{Config, Entry, Owner};

/// Keeps what it is told.
#[derive(Default)]
pub(crate) struct Keeper(Mutex<Vec<(u64, Vec<u8>)>>);

impl Owner for Keeper {
    fn apply(&self, entry: Entry) {
        self.0.lock().unwrap().push((entry.seq.get(), entry.payload.to_vec()));
    }
}

impl Keeper {
    pub(crate) fn entries(&self) -> Vec<(u64, Vec<u8>)> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|(seq, _)| *seq).collect()
    }
}

pub(crate) fn small() -> Config {
    Config { segment_bytes: 16 * 1_024, ..Config::default() }
}

/// A disk in memory whose syncs can be held up, and which tells when a file is opened.
#[derive(Clone, Default)]
pub(crate) struct GateDisk {
    pub(crate) inner: MemoryDisk,
    gate: Arc<Gate>,
    on_open: Arc<Mutex<Option<OnOpen>>>,
    handles: Arc<Handles>,
}

/// How many files are open, and how many were at most; and the bytes that were read.
#[derive(Debug, Default)]
struct Handles {
    now: AtomicUsize,
    most: AtomicUsize,
    read: AtomicUsize,
}

type OnOpen = Box<dyn FnOnce(&str) + Send>;

#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    closed: bool,
    waiting: u32,
}

impl GateDisk {
    /// From now on each sync of a file waits.
    pub(crate) fn hold_syncs(&self) {
        self.gate.state.lock().unwrap().closed = true;
    }

    /// Waits until a sync waits.
    pub(crate) fn await_sync(&self) {
        let state = self.gate.state.lock().unwrap();
        drop(self.gate.changed.wait_while(state, |state| state.waiting == 0).unwrap());
    }

    pub(crate) fn let_syncs_go(&self) {
        self.gate.state.lock().unwrap().closed = false;
        self.gate.changed.notify_all();
    }

    /// How many files were open at once, at most.
    pub(crate) fn most_open(&self) -> usize {
        self.handles.most.load(Ordering::Relaxed)
    }

    /// Bytes that were read of all files.
    pub(crate) fn bytes_read(&self) -> usize {
        self.handles.read.load(Ordering::Relaxed)
    }

    /// Calls `hook` before the next segment is opened for reading.
    pub(crate) fn on_open(&self, hook: impl FnOnce(&str) + Send + 'static) {
        *self.on_open.lock().unwrap() = Some(Box::new(hook));
    }
}

impl std::fmt::Debug for GateDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GateDisk")
    }
}

impl Disk for GateDisk {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        if mode == OpenMode::Read {
            let hook = self.on_open.lock().unwrap().take();
            hook.into_iter().for_each(|hook| hook(name));
        }
        let inner = self.inner.open(name, mode)?;
        let now = self.handles.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.handles.most.fetch_max(now, Ordering::Relaxed);
        Ok(Box::new(GateFile { inner, gate: Arc::clone(&self.gate), handles: Arc::clone(&self.handles) }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.inner.sync_dir()
    }

    fn lock(&self, holder: &str, patience: Duration) -> io::Result<Box<dyn DirLock>> {
        self.inner.lock(holder, patience)
    }

    fn describe(&self) -> String {
        "memory behind a gate".to_owned()
    }
}

#[derive(Debug)]
struct GateFile {
    inner: Box<dyn DiskFile>,
    gate: Arc<Gate>,
    handles: Arc<Handles>,
}

impl Drop for GateFile {
    fn drop(&mut self) {
        self.handles.now.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

impl DiskFile for GateFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.inner.read_at(buf, offset)?;
        self.handles.read.fetch_add(read, Ordering::Relaxed);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.gate.state.lock().unwrap();
        state.waiting += 1;
        self.gate.changed.notify_all();
        let mut state = self.gate.changed.wait_while(state, |state| state.closed).unwrap();
        state.waiting -= 1;
        drop(state);
        self.inner.sync()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.inner.allocate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
}
