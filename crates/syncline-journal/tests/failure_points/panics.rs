//! A thread of the journal panics in the middle of its work.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use syncline_core::{
    ErrorKind,
    memory::MemoryDisk,
    port::{DirLock, Disk, DiskFile, OpenMode},
};
use syncline_journal::{Commit, Config, Durability, Entry, Journal, Owner};

/// A disk in memory that panics at its n-th writing call.
#[derive(Debug, Clone)]
struct PanickingDisk {
    inner: MemoryDisk,
    left: Arc<AtomicU64>,
}

impl PanickingDisk {
    fn count(&self) {
        let last = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) == Ok(1);
        assert!(!last, "planned panic");
    }
}

impl Disk for PanickingDisk {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.inner.open(name, mode)?;
        Ok(Box::new(PanickingFile { inner, disk: self.clone() }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.count();
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.count();
        self.inner.sync_dir()
    }

    fn lock(&self, holder: &str, patience: Duration) -> io::Result<Box<dyn DirLock>> {
        self.inner.lock(holder, patience)
    }

    fn describe(&self) -> String {
        "memory that panics".to_owned()
    }
}

#[derive(Debug)]
struct PanickingFile {
    inner: Box<dyn DiskFile>,
    disk: PanickingDisk,
}

impl DiskFile for PanickingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.count();
        self.inner.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.count();
        self.inner.sync()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.disk.count();
        self.inner.allocate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
}

struct Ignore;

impl Owner for Ignore {
    fn apply(&self, _entry: Entry) {}
}

/// Whoever waits is answered, whichever call the thread died in, and the journal takes nothing more.
#[test]
fn a_panic_at_any_call_answers_every_waiter() {
    for call in 1..=40 {
        let left = Arc::new(AtomicU64::new(0));
        let disk = PanickingDisk { inner: MemoryDisk::new(), left: Arc::clone(&left) };
        let config = Config { segment_bytes: 8 * 1_024, ..Config::default() };
        let journal = Journal::open(Arc::new(disk.clone()), config.clone()).unwrap().journal;
        let stream = journal.stream("orders", Arc::new(Ignore)).unwrap();
        left.store(call, Ordering::Relaxed);
        let mut acked = 0;
        // Answered one by one until the thread dies, then a crowd.
        while let Ok(commit) = stream.append(vec![7; 1_000], Durability::Sync) {
            let crowd: Vec<_> = (0..3).filter_map(|_| stream.append(vec![7; 10], Durability::Sync).ok()).collect();
            let answers = std::iter::once(commit).chain(crowd).map(|commit| commit.wait());
            let good = answers.filter(Result::is_ok).count();
            acked += good;
            if good == 0 {
                break;
            }
        }
        let late = stream.append("late", Durability::Sync).and_then(Commit::wait);
        assert!(matches!(late.unwrap_err().kind(), ErrorKind::Poisoned | ErrorKind::Unknown), "call {call}");
        assert!(journal.close().is_err(), "call {call}");
        drop((journal, stream));
        let journal = Journal::open(Arc::new(disk), config).unwrap();
        assert!(
            journal.report.records >= acked as u64,
            "call {call}: {acked} were acknowledged, {:?}",
            journal.report
        );
    }
}
