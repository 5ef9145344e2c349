//! One bad row never blocks the rest, and is never lost from sight.

use syncline_core::{ErrorKind, Key};
use syncline_engine::Durability;
use syncline_testkit::{ArchiveCall, Failure};

use crate::support::{Rig, background, item, kind, text};

fn key(id: &str) -> Key {
    Key::new(id).unwrap()
}

/// The defect: one row that the database refused sent all its neighbours to the fallback, and blocked that for ever.
#[tokio::test]
async fn a_refused_row_is_put_aside_and_its_neighbours_are_archived() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.refuse(key("k500"));
    rig.archive.refuse(key("k501"));
    let mut receipts = Vec::new();
    for receipt in running.engine.submit_many((0..900).map(|n| item(&format!("k{n}"), "1")).collect()).await {
        receipts.push(receipt.unwrap());
    }
    running.engine.flush().await.unwrap();
    assert_eq!(rig.archived().await.len(), 898);
    assert!(rig.archive.calls(ArchiveCall::Apply) <= 25, "{} calls", rig.archive.calls(ArchiveCall::Apply));
    let error = receipts[500].wait(Durability::Archived).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, "simulated bad row \"k500\""));
    assert!(receipts[499].wait(Durability::Archived).await.is_ok());
    let listed = running.engine.quarantined();
    let listed: Vec<_> = listed.iter().map(|write| (write.key.as_str(), write.kind, write.content_bytes)).collect();
    assert_eq!(listed, [("k500", ErrorKind::Invalid, Some(1)), ("k501", ErrorKind::Invalid, Some(1))]);
    let stats = running.engine.stats();
    assert_eq!((stats.archived, stats.quarantined, stats.pending_items, stats.pending_bytes), (898, 2, 0, 0));
    assert_eq!(text(&running.engine, "k500").await, None, "readers see what the archive has");
}

#[tokio::test]
async fn what_was_put_aside_is_listed_after_a_restart_and_not_tried_again() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.refuse(key("bad"));
    running.engine.submit(item("bad", "123")).await.unwrap();
    running.engine.flush().await.unwrap();
    let listed = running.engine.quarantined();
    let report = running.engine.shutdown().await;
    assert_eq!((report.quarantined, report.pending_left), (1, 0));
    running.journal.close().unwrap();
    let running = rig.start().await;
    assert_eq!(running.engine.quarantined(), listed);
    assert_eq!((running.engine.stats().replayed, listed.len()), (0, 1));
}

#[tokio::test]
async fn a_denied_row_is_put_aside_only_beside_one_that_is_accepted() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Denied));
    for id in ["a", "b"] {
        running.engine.submit(item(id, "1")).await.unwrap();
    }
    rig.until(|| running.engine.stats().archive_failures > 2).await;
    assert_eq!((running.engine.stats().quarantined, running.engine.stats().pending_items), (0, 2));
    rig.archive.heal();
    // The whole, then `a` alone, are denied; `b` is accepted: so it is `a` that is refused.
    rig.archive.fail_next(ArchiveCall::Apply, 2, Failure::Refuse(ErrorKind::Denied));
    rig.until(|| running.engine.stats().pending_items == 0).await;
    let listed = running.engine.quarantined();
    assert_eq!((listed.len(), listed[0].key.as_str(), listed[0].kind), (1, "a", ErrorKind::Denied));
    assert_eq!(rig.archived().await.len(), 1);
}

#[tokio::test]
async fn without_a_journal_only_the_refused_rows_caller_is_told() {
    let rig = Rig::new();
    let engine = rig.start_unjournaled().await;
    rig.archive.refuse(key("b"));
    let results = engine.submit_many(["a", "b", "c"].map(|id| item(id, "1")).to_vec()).await;
    let kinds: Vec<_> = results.iter().map(|result| result.as_ref().err().map(|error| error.kind())).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Invalid), None]);
    assert_eq!((rig.archived().await.len(), engine.quarantined().len()), (2, 0));
}

#[tokio::test]
async fn a_key_whose_write_was_put_aside_can_be_written_again() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.refuse(key("a"));
    let bad = running.engine.submit(item("a", "bad")).await.unwrap();
    assert_eq!(kind(bad.wait(Durability::Archived).await), ErrorKind::Invalid);
    rig.archive.heal();
    let good = running.engine.submit(item("a", "good")).await.unwrap();
    let waiting = background(async move { good.wait(Durability::Archived).await });
    rig.outcome(waiting).await.unwrap();
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("good"));
}
