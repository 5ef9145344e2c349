//! A disk that counts how often a file is opened for reading, and lets the test say when that goes on.

use std::{
    fmt, io,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use syncline_core::{
    memory::MemoryDisk,
    port::{DirLock, Disk, DiskFile, OpenMode},
};

type OnOpen = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) memory: MemoryDisk,
    opened: AtomicUsize,
    on_open: Mutex<Option<OnOpen>>,
}

impl Watched {
    /// How many files were opened for reading so far.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(SeqCst)
    }

    /// Calls `hook` before the next file is opened for reading.
    pub(crate) fn on_open(&self, hook: impl FnOnce() + Send + 'static) {
        *self.on_open.lock().unwrap() = Some(Box::new(hook));
    }

    /// Flips a bit in the first place where `bytes` stand on disk.
    pub(crate) fn damage(&self, bytes: &[u8]) {
        for name in self.memory.list().unwrap() {
            let file = self.memory.open(&name, OpenMode::Write).unwrap();
            let mut contents = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
            file.read_at(&mut contents, 0).unwrap();
            if let Some(at) = contents.windows(bytes.len()).position(|window| window == bytes) {
                file.write_at(&[bytes[0] ^ 4], at as u64).unwrap();
                return;
            }
        }
        panic!("{bytes:?} is nowhere on disk");
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl Disk for Watched {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        if mode == OpenMode::Read {
            self.opened.fetch_add(1, SeqCst);
            let hook = self.on_open.lock().unwrap().take();
            hook.into_iter().for_each(|hook| hook());
        }
        self.memory.open(name, mode)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.memory.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.memory.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.memory.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.memory.sync_dir()
    }

    fn lock(&self, holder: &str, patience: Duration) -> io::Result<Box<dyn DirLock>> {
        self.memory.lock(holder, patience)
    }

    fn describe(&self) -> String {
        self.memory.describe()
    }
}
