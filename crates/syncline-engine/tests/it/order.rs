//! One order per key: pending, archive and readers agree on the greatest version, whoever wrote it and however it came.

use syncline_core::{
    ErrorKind, Key, NodeId, Record, Version, WallTime,
    port::{Archive as _, Clock as _},
};
use syncline_engine::{Durability, Settled};
use syncline_testkit::{ArchiveCall, Failure, SeededRandom, seed};

use crate::support::{Rig, background, item, kind, text};

/// The defect: concurrent flushes of one key were unordered; after 16 tasks two of five keys differed between tiers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_of_a_key_leave_one_value_everywhere() {
    let random = SeededRandom::new(seed());
    let rig = Rig::new();
    let running = rig.start().await;
    let mut writers = Vec::new();
    for writer in 0..16 {
        let (engine, random) = (running.engine.clone(), random.split(writer));
        writers.push(background(async move {
            let mut greatest = Version::ZERO;
            for n in 0..40 {
                let id = format!("k{}", random.below(5));
                let receipt = match random.below(6) {
                    0 => engine.delete(&id).await.unwrap(),
                    1 => engine.submit_nowait(item(&id, &format!("{writer}.{n}"))).unwrap(),
                    _ => engine.submit(item(&id, &format!("{writer}.{n}"))).await.unwrap(),
                };
                assert!(receipt.version() > greatest, "a writer's own versions grow");
                greatest = receipt.version();
                if random.once_in(8) {
                    receipt.wait(Durability::Archived).await.unwrap();
                }
            }
        }));
    }
    for writer in writers {
        rig.outcome(writer).await;
    }
    let before: Vec<_> = read_all(&running.engine).await;
    running.engine.flush().await.unwrap();
    assert_eq!(read_all(&running.engine).await, before, "archiving changed what readers see");
    running.crash();
    let running = rig.start().await;
    running.engine.flush().await.unwrap();
    assert_eq!(read_all(&running.engine).await, before);
    let archived: Vec<_> = rig.archived().await.into_iter().filter_map(|record| live(&record)).collect();
    assert_eq!(archived, before.into_iter().flatten().collect::<Vec<_>>());
    assert!(running.engine.superseded().is_empty(), "the journal's order is the order of versions");
}

async fn read_all(engine: &syncline_engine::Engine) -> Vec<Option<(Version, Vec<u8>)>> {
    let mut all = Vec::new();
    for key in 0..5 {
        let item = engine.get(&format!("k{key}")).await.unwrap();
        all.push(item.map(|item| (item.version().unwrap(), item.content_bytes().to_vec())));
    }
    all
}

fn live(record: &Record) -> Option<(Version, Vec<u8>)> {
    match &record.body {
        syncline_core::Body::Put { content, .. } => Some((record.version, content.to_vec())),
        syncline_core::Body::Deleted => None,
    }
}

/// The defect: a delete did not reach what was pending, so that the next flush brought the item back.
#[tokio::test]
async fn a_delete_beats_a_pending_put() {
    let rig = Rig::new();
    let running = rig.start().await;
    let put = running.engine.submit(item("a", "1")).await.unwrap();
    let delete = running.engine.delete("a").await.unwrap();
    assert_eq!(text(&running.engine, "a").await, None);
    assert_eq!(delete.wait(Durability::Archived).await.unwrap(), Settled::Written);
    assert_eq!(put.wait(Durability::Archived).await.unwrap(), Settled::Superseded { by: delete.version() });
    assert_eq!(text(&running.engine, "a").await, None);
    assert_eq!(rig.archived_row("a").await.unwrap().version, delete.version());
}

/// The defect: a put under way in the archive came back over a delete that was made meanwhile.
#[tokio::test]
async fn a_delete_beats_a_put_that_the_archive_has_in_hand() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::Hang);
    let put = running.engine.submit(item("a", "1")).await.unwrap();
    rig.until(|| rig.archive.hanging() == 1).await;
    let delete = running.engine.delete("a").await.unwrap();
    assert_eq!(text(&running.engine, "a").await, None);
    rig.archive.heal();
    assert_eq!(put.wait(Durability::Archived).await.unwrap(), Settled::Written, "it was there, for a moment");
    assert_eq!(delete.wait(Durability::Archived).await.unwrap(), Settled::Written);
    assert_eq!(text(&running.engine, "a").await, None);
}

#[tokio::test]
async fn overtaken_writes_are_told_by_what() {
    let rig = Rig::new();
    let running = rig.start().await;
    let mut receipts = Vec::new();
    for content in ["1", "2", "3"] {
        receipts.push(running.engine.submit(item("a", content)).await.unwrap());
    }
    let last = receipts.pop().unwrap();
    assert_eq!(last.wait(Durability::Archived).await.unwrap(), Settled::Written);
    for (receipt, next) in receipts.iter().zip([receipts[1].version(), last.version()]) {
        assert_eq!(receipt.wait(Durability::Archived).await.unwrap(), Settled::Superseded { by: next });
        assert_eq!(receipt.wait(Durability::Local).await.unwrap(), Settled::Written);
    }
    assert_eq!(rig.archive.calls(ArchiveCall::Apply), 1, "the three were one row");
    let stats = running.engine.stats();
    assert_eq!((stats.accepted, stats.archived, stats.superseded), (3, 1, 2));
}

/// A write of another node, in the archive before ours, with a greater version.
fn from_elsewhere(rig: &Rig, id: &str, ahead_ms: u64) -> Record {
    let wall = WallTime::from_millis(rig.clock.wall().as_millis() + ahead_ms);
    let version = Version::new(wall, 0, NodeId::new(0xabc));
    let body = syncline_core::Body::put(syncline_core::ContentType::Binary, "theirs");
    Record { key: Key::new(id).unwrap(), version, body, expires_at: None }
}

#[tokio::test]
async fn a_write_that_the_archive_finds_not_newer_is_told_counted_listed_and_not_read_any_more() {
    let rig = Rig::new();
    let running = rig.start().await;
    let theirs = from_elsewhere(&rig, "a", 50_000);
    rig.rows.apply(std::slice::from_ref(&theirs)).await.unwrap();
    let ours = running.engine.submit(item("a", "ours")).await.unwrap();
    assert_eq!(ours.wait(Durability::Archived).await.unwrap(), Settled::Superseded { by: theirs.version });
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("theirs"));
    let listed = running.engine.superseded();
    assert_eq!((listed[0].key.as_str(), listed[0].version, listed[0].by), ("a", ours.version(), theirs.version));
    assert_eq!((running.engine.stats().superseded, running.engine.stats().archived), (1, 0));
    // What was read is observed: the next write is above it.
    let again = running.engine.submit(item("a", "ours again")).await.unwrap();
    assert!(again.version() > theirs.version);
    assert_eq!(again.wait(Durability::Archived).await.unwrap(), Settled::Written);
}

#[tokio::test]
async fn a_version_too_far_ahead_is_refused_by_the_name_of_its_node() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.rows.apply(&[from_elsewhere(&rig, "a", 61_000)]).await.unwrap();
    for error in [
        running.engine.get("a").await.unwrap_err(),
        running.engine.scan_prefix("", None, 9).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("node 0000000000000abc"), "{error}");
    }
    assert_eq!(kind(running.engine.submit_changed(vec![item("a", "1")]).await.remove(0)), ErrorKind::Invalid);
    let version = running.engine.submit(item("b", "1")).await.unwrap().version();
    assert_eq!(version.wall(), rig.clock.wall(), "it did not drag this node along");
}

/// A key that is written all the time is archived all the same.
#[tokio::test]
async fn a_hot_key_is_not_starved() {
    let rig = Rig::new();
    let running = rig.start().await;
    let first = running.engine.submit(item("hot", "0")).await.unwrap();
    let engine = running.engine.clone();
    let writer = background(async move {
        for n in 1.. {
            engine.submit(item("hot", &n.to_string())).await.unwrap();
        }
    });
    let settled = first.wait(Durability::Archived).await.unwrap();
    drop(writer);
    assert!(rig.archived_row("hot").await.is_some());
    let _: Settled = settled;
}

/// More outcomes than are remembered: a late receipt asks the archive and is never told `Written` for want of memory.
///
/// The archive hangs meanwhile: one that took writes in between left fewer of them overtaken than are remembered, by the
/// speed of the machine.
#[tokio::test]
async fn a_receipt_that_asks_very_late_is_told_the_truth() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::Hang);
    let overtaken = running.engine.submit(item("a", "0")).await.unwrap();
    let kept = running.engine.submit(item("kept", "0")).await.unwrap();
    let items = (0..17_000).map(|n| item("a", &n.to_string())).collect();
    let last = running.engine.submit_many(items).await.pop().unwrap().unwrap();
    rig.archive.heal();
    running.engine.flush().await.unwrap();
    let heads = rig.archive.calls(ArchiveCall::Heads);
    assert_eq!(overtaken.wait(Durability::Archived).await.unwrap(), Settled::Superseded { by: last.version() });
    assert_eq!(kept.wait(Durability::Archived).await.unwrap(), Settled::Written);
    assert_eq!(rig.archive.calls(ArchiveCall::Heads), heads + 2);
}
