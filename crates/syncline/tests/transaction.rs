//! A transaction over two streams of one directory: all of its records are there after a crash, or none is.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use syncline::{
    Syncline,
    journal::{Config, Durability, Entry, Owner, Stream},
};

/// Remembers what it was told.
#[derive(Default)]
struct Seen(Mutex<Vec<Vec<u8>>>);

impl Owner for Seen {
    fn apply(&self, entry: Entry) {
        self.0.lock().unwrap().push(entry.payload.to_vec());
    }
}

impl Seen {
    fn all(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

struct Two {
    syncline: Syncline,
    streams: [Stream; 2],
    seen: [Arc<Seen>; 2],
}

impl Two {
    async fn open(dir: &Path) -> Self {
        // Small segments: the test below copies and cuts them hundreds of times.
        let small = Config { segment_bytes: 64 * 1_024, ..Config::default() };
        let syncline = Syncline::builder(dir).journal(small).open().await.unwrap();
        let seen = [Arc::new(Seen::default()), Arc::new(Seen::default())];
        let orders = syncline.stream("orders", seen[0].clone()).await.unwrap();
        let stock = syncline.stream("stock", seen[1].clone()).await.unwrap();
        Self { syncline, streams: [orders, stock], seen }
    }

    async fn commit(&self, order: &'static str, stock: &'static str) {
        let mut transaction = self.syncline.transaction();
        transaction.stage(&self.streams[0], order).unwrap();
        transaction.stage(&self.streams[1], stock).unwrap();
        transaction.commit(Durability::Sync).unwrap().await.unwrap();
    }

    fn counts(&self) -> [usize; 2] {
        [self.seen[0].all().len(), self.seen[1].all().len()]
    }
}

#[tokio::test]
async fn both_records_are_seen_when_the_commit_resolves_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let two = Two::open(dir.path()).await;
    two.commit("one order", "one less").await;
    assert_eq!(two.counts(), [1, 1]);
    two.syncline.shutdown().await;
    let two = Two::open(dir.path()).await;
    assert_eq!(two.seen[0].all(), [b"one order"]);
    assert_eq!(two.seen[1].all(), [b"one less"]);
    two.syncline.shutdown().await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let two = Two::open(dir.path()).await;
    let mut transaction = two.syncline.transaction();
    transaction.stage(&two.streams[0], "never").unwrap();
    drop(transaction);
    two.commit("first", "first").await;
    two.syncline.shutdown().await;
    let two = Two::open(dir.path()).await;
    assert_eq!(two.counts(), [1, 1]);
    two.syncline.shutdown().await;
}

/// The journal is cut inside and around the frame of the second transaction, at every byte: as a crash in the middle of
/// its write leaves it. Never is one of its two records there without the other.
#[tokio::test]
async fn a_frame_cut_anywhere_has_both_records_or_neither() {
    let dir = tempfile::tempdir().unwrap();
    let two = Two::open(dir.path()).await;
    two.commit("first order", "first stock").await;
    let before = used(&newest_segment(dir.path()));
    two.commit("second order", "second stock").await;
    let crashed = tempfile::tempdir().unwrap();
    copy(dir.path(), crashed.path());
    two.syncline.shutdown().await;
    let after = used(&newest_segment(crashed.path()));
    assert!(before < after, "{before} {after}");

    let mut outcomes = [0, 0];
    for cut in before..=after {
        let dir = tempfile::tempdir().unwrap();
        copy(crashed.path(), dir.path());
        zero_from(&newest_segment(dir.path()), cut);
        let two = Two::open(dir.path()).await;
        let [orders, stock] = two.counts();
        assert_eq!(orders, stock, "cut at byte {cut}");
        outcomes[orders - 1] += 1;
        two.syncline.shutdown().await;
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}");
}

fn newest_segment(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let is_segment = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "seg") && path.file_stem().unwrap() != "spare"
    };
    entries.filter(is_segment).max().unwrap()
}

/// Bytes up to the last that is not zero: segments are reserved in advance.
fn used(path: &Path) -> usize {
    fs::read(path).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + 1
}

fn zero_from(path: &Path, cut: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[cut..].fill(0);
    fs::write(path, bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
