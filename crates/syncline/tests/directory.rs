//! One directory from opening to restoring.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use serde_json::json;
use syncline::{
    ErrorKind, KeyRing, MockClock, SecretKey, Syncline,
    engine::{Durability, EngineConfig, SyncItem},
    journal,
    port::Clock as _,
    sql::SqliteConfig,
};
use syncline_testkit::SeededRandom;

fn key(byte: u8) -> SecretKey {
    SecretKey::new([byte; 32]).unwrap()
}

async fn submit(syncline: &Syncline, ids: impl IntoIterator<Item = u32>) {
    let items = ids
        .into_iter()
        .map(|n| SyncItem::new(format!("item.{n:05}"), json!({ "n": n })))
        .collect();
    for receipt in syncline.engine().submit_many(items).await {
        receipt.unwrap();
    }
}

async fn contents(syncline: &Syncline) -> BTreeMap<String, Vec<u8>> {
    let items = syncline.engine().scan_prefix("", None, 10_000).await.unwrap();
    items.iter().map(|item| (item.id().to_owned(), item.content_bytes().to_vec())).collect()
}

#[tokio::test]
async fn one_process_holds_a_directory_and_the_second_hears_who() {
    let dir = tempfile::tempdir().unwrap();
    let first = Syncline::open(dir.path()).await.unwrap();
    let impatient = journal::Config { lock_patience: std::time::Duration::ZERO, ..journal::Config::default() };
    let error = Syncline::builder(dir.path()).journal(impatient).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.share().message().contains(&std::process::id().to_string()), "{:?}", error.share());
    first.shutdown().await;
    Syncline::open(dir.path()).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn verify_counts_what_it_proved_and_names_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let syncline = Syncline::open(dir.path()).await.unwrap();
    submit(&syncline, 0..100).await;
    syncline.engine().delete("item.00007").await.unwrap();
    let verified = syncline.verify().await.unwrap();
    assert_eq!((verified.items, verified.tombstones), (99, 1));
    assert!(verified.frames > 0 && verified.records >= 101, "{verified:?}");
    syncline.shutdown().await;

    flip(&dir.path().join("archive.db"), b"{\"n\":50}");
    let syncline = Syncline::open(dir.path()).await.unwrap();
    let error = syncline.verify().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.share().message().contains("item.00050"), "{:?}", error.share());
    syncline.shutdown().await;
}

fn flip(path: &Path, text: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at + 5] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_backup_holds_every_write_that_was_acknowledged_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (home, copy, fresh) = (dir.path().join("home"), dir.path().join("copy"), dir.path().join("fresh"));
    let syncline = Arc::new(Syncline::open(&home).await.unwrap());
    submit(&syncline, 0..500).await;
    let writer = Arc::clone(&syncline);
    let writing = syncline::rt::spawn("writer", async move { submit(&writer, 500..1_000).await });
    let backup = syncline.backup(&copy).await.unwrap();
    writing.await.unwrap();
    assert!((500..=1_000).contains(&backup.items), "{backup:?}");
    let all = contents(&syncline).await;
    syncline.shutdown().await;

    assert_eq!(syncline::restore(&copy, &fresh).await.unwrap(), backup);
    let restored = Syncline::open(&fresh).await.unwrap();
    let found = contents(&restored).await;
    assert_eq!(found.len() as u64, backup.items);
    assert!((0..500).all(|n| found.contains_key(&format!("item.{n:05}"))));
    assert!(found.iter().all(|(id, content)| all.get(id) == Some(content)));
    assert_eq!(restored.verify().await.unwrap().items, backup.items);
    restored.shutdown().await;
}

#[tokio::test]
async fn a_restored_directory_is_a_node_of_its_own_whose_writes_are_newer() {
    let dir = tempfile::tempdir().unwrap();
    let (home, copy, fresh) = (dir.path().join("home"), dir.path().join("copy"), dir.path().join("fresh"));
    let syncline = Syncline::open(&home).await.unwrap();
    submit(&syncline, 0..10).await;
    syncline.backup(&copy).await.unwrap();
    let (node, old) =
        (syncline.inspect().await.unwrap().node, syncline.engine().get("item.00001").await.unwrap().unwrap());
    syncline.shutdown().await;

    syncline::restore(&copy, &fresh).await.unwrap();
    let restored = Syncline::open(&fresh).await.unwrap();
    assert_ne!(restored.inspect().await.unwrap().node, node);
    assert_eq!(restored.engine().get("item.00001").await.unwrap().unwrap().version(), old.version());
    let receipt = restored.engine().submit(SyncItem::new("item.00001".into(), json!("new"))).await.unwrap();
    assert!(receipt.version() > old.version().unwrap());
    assert_ne!(receipt.version().node(), old.version().unwrap().node());
    receipt.wait(Durability::Archived).await.unwrap();
    restored.shutdown().await;
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_unfinished_is_restored() {
    let dir = tempfile::tempdir().unwrap();
    let (home, copy, fresh) = (dir.path().join("home"), dir.path().join("copy"), dir.path().join("fresh"));
    let syncline = Syncline::open(&home).await.unwrap();
    submit(&syncline, 0..10).await;
    syncline.backup(&copy).await.unwrap();
    assert_eq!(syncline.backup(&copy).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(syncline::restore(&copy, &home).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(contents(&syncline).await.len(), 10);
    syncline.shutdown().await;

    flip(&copy.join("archive.db"), b"{\"n\":");
    let error = syncline::restore(&copy, &fresh).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(fs::read_dir(&fresh).unwrap().count(), 0, "nothing half-restored is left");
    fs::remove_file(copy.join("backup.json")).unwrap();
    let error = syncline::restore(&copy, &fresh).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message().contains("no finished backup")),
        (ErrorKind::Invalid, true),
        "{error}"
    );
}

#[tokio::test]
async fn a_key_can_be_replaced_and_a_wrong_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let syncline = Syncline::builder(dir.path()).key(key(1)).open().await.unwrap();
    submit(&syncline, 0..10).await;
    syncline.shutdown().await;

    let before = listing(dir.path());
    for wrong in [Syncline::builder(dir.path()), Syncline::builder(dir.path()).key(key(2))] {
        assert_eq!(wrong.open().await.unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(listing(dir.path()), before);
    }

    let syncline = Syncline::builder(dir.path()).key(key(2)).older_key(key(1)).open().await.unwrap();
    submit(&syncline, 10..20).await;
    assert_eq!(contents(&syncline).await.len(), 20);
    assert_eq!(syncline.verify().await.unwrap().encrypted, 20);
    syncline.shutdown().await;
}

#[tokio::test]
async fn each_part_that_the_builder_is_given_is_used() {
    let clock = MockClock::new();
    let open = async |dir: &Path| {
        Syncline::builder(dir)
            .keys(KeyRing { current: Some(key(1)), older: Vec::new() })
            .engine(EngineConfig { content_bytes_max: 16, ..EngineConfig::default() })
            .archive(SqliteConfig::default())
            .clock(Arc::new(clock.clone()))
            .random(Arc::new(SeededRandom::new(7)))
            .open()
            .await
            .unwrap()
    };
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let syncline = open(dir.path()).await;
        let receipt = syncline.engine().submit(SyncItem::new("a".into(), json!(1))).await.unwrap();
        assert_eq!(receipt.version().wall(), clock.wall());
        receipt.wait(Durability::Archived).await.unwrap();
        let large = SyncItem::new("b".into(), json!("seventeen bytes..."));
        assert_eq!(syncline.engine().submit(large).await.unwrap_err().kind(), ErrorKind::Invalid);
        let inspection = syncline.inspect().await.unwrap();
        assert!(inspection.key_id.is_some() && inspection.lost.is_empty() && !inspection.is_poisoned);
        nodes.push(inspection.node);
        syncline.shutdown().await;
    }
    assert_eq!(nodes[0], nodes[1], "the same seed draws the same name");
}

/// Names and contents of all files, but for the lock, which names its last holder.
fn listing(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(listing(&path));
        } else if path.file_name().unwrap() != "LOCK" {
            files.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    files
}

#[tokio::test]
async fn stats_and_inspection_tell_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let syncline = Syncline::open(dir.path()).await.unwrap();
    struct Nobody;
    impl journal::Owner for Nobody {
        fn apply(&self, _entry: journal::Entry) {}
    }
    let stream = syncline.stream("later", Arc::new(Nobody)).await.unwrap();
    submit(&syncline, 0..10).await;
    syncline.engine().flush().await.unwrap();
    let stats = syncline.stats().await.unwrap();
    assert_eq!((stats.items, stats.accepted, stats.archived, stats.pending_items), (10, 10, 10, 0));
    assert!(stats.journal_seq >= 10 && stats.journal_syncs > 0 && stats.archive_is_up == Some(true), "{stats:?}");
    assert!(syncline.inspect().await.unwrap().unowned_streams.is_empty());
    stream.release();
    let inspection = syncline.inspect().await.unwrap();
    assert_eq!(inspection.unowned_streams, ["later"]);
    assert_eq!((inspection.key_id, inspection.not_encrypted.len(), inspection.lost.len()), (None, 1, 0));
    syncline.shutdown().await;
}

#[test]
fn every_future_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn check(syncline: &Syncline, mut engine: syncline::engine::SyncEngine) {
        is_send(&Syncline::open("d"));
        is_send(&Syncline::builder("d").open());
        is_send(&syncline.stats());
        is_send(&syncline.verify());
        is_send(&syncline.backup("b"));
        is_send(&syncline.inspect());
        is_send(&syncline.shutdown());
        is_send(&syncline::restore("b", "d"));
        is_send(&engine.shutdown());
        is_send(&engine.start());
    }
    // Compiling it is the proof.
    let _: fn(&Syncline, syncline::engine::SyncEngine) = check;
}
