//! The archive fails, hangs, loses replies, comes back: nothing is lost, nothing is doubled, nothing is out of order.

use std::time::Duration;

use syncline_core::{ErrorKind, port::Archive as _};
use syncline_engine::{Durability, Settled};
use syncline_testkit::{ArchiveCall, Failure};

use crate::support::{Rig, background, item, kind, text};

/// The defect: an engine could not start while its database was down, which is what its journal was for.
#[tokio::test]
async fn an_engine_starts_and_takes_writes_while_the_archive_is_down() {
    for failure in [Failure::Refuse(ErrorKind::Unavailable), Failure::Hang] {
        let rig = Rig::new();
        rig.archive.fail(failure);
        let journal = rig.journal();
        let engine = syncline_engine::Engine::new(crate::support::config());
        let parts = syncline_engine::Parts { journal: Some(journal), ..rig.parts() };
        let handle = engine.clone();
        rig.outcome(background(async move { handle.start(parts).await })).await.unwrap();
        assert_eq!(engine.stats().archive_is_up, Some(false));
        engine.submit(item("a", "1")).await.unwrap();
        assert_eq!(text(&engine, "a").await.as_deref(), Some("1"));
        rig.archive.heal();
        let handle = engine.clone();
        rig.outcome(background(async move { handle.flush().await })).await.unwrap();
        assert_eq!(engine.stats().archive_is_up, Some(true));
        assert_eq!(rig.archived().await.len(), 1);
    }
}

/// The defect: what was held back during an outage came late and over newer data, and brought deleted items back.
#[tokio::test]
async fn an_outage_is_drained_in_order_when_it_ends() {
    let rig = Rig::new();
    let running = rig.start().await;
    let engine = running.engine.clone();
    engine.submit(item("kept", "0")).await.unwrap();
    engine.submit(item("gone", "0")).await.unwrap();
    engine.flush().await.unwrap();
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    for n in 1..=50 {
        engine.submit(item("kept", &n.to_string())).await.unwrap();
        engine.submit(item(&format!("k{n}"), "1")).await.unwrap();
    }
    engine.delete("gone").await.unwrap();
    rig.until(|| engine.stats().archive_failures > 3).await;
    assert_eq!(text(&engine, "kept").await.as_deref(), Some("50"));
    assert_eq!(rig.archived_row("kept").await.unwrap().body.content_len(), 1);
    rig.archive.heal();
    rig.until(|| engine.stats().pending_items == 0).await;
    assert_eq!(text(&engine, "gone").await, None);
    assert_eq!(text(&engine, "kept").await.as_deref(), Some("50"));
    assert_eq!(rig.archived().await.len(), 52);
    let feed = match rig.rows.changes(0, 1_000).await.unwrap() {
        syncline_core::port::ChangePage::Lines(lines) => lines,
        other => panic!("{other:?}"),
    };
    assert_eq!(feed.len(), 2 + 52, "each key once: nothing was doubled");
    assert_eq!(feed.last().unwrap().key.as_str(), "gone", "in the order in which keys were first written");
}

#[tokio::test]
async fn a_lost_reply_is_repeated_to_no_effect() {
    for kind in [ErrorKind::Unknown, ErrorKind::Unavailable] {
        let rig = Rig::new();
        let running = rig.start().await;
        rig.archive.fail_next(ArchiveCall::Apply, 2, Failure::LoseReply(kind));
        let receipt = running.engine.submit(item("a", "1")).await.unwrap();
        let version = receipt.version();
        let waiting = background(async move { receipt.wait(Durability::Archived).await });
        assert_eq!(rig.outcome(waiting).await.unwrap(), Settled::Written);
        assert_eq!(rig.archive.calls(ArchiveCall::Apply), 3);
        assert_eq!(rig.archived_row("a").await.unwrap().version, version);
        assert_eq!(rig.rows.stats().await.unwrap().feed_head, 1);
    }
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_and_repeated() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::Hang);
    let receipt = running.engine.submit(item("a", "1")).await.unwrap();
    let waiting = background(async move { receipt.wait(Durability::Archived).await });
    assert_eq!(rig.outcome(waiting).await.unwrap(), Settled::Written);
    let error = running.engine.stats().archive_error.unwrap();
    assert_eq!(error, "the archive did not answer within 30s");
}

/// What is written during a failed attempt goes with the next one, in the same transaction.
#[tokio::test]
async fn what_waits_at_the_head_takes_newer_writes_along() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::Refuse(ErrorKind::Unavailable));
    let older = running.engine.submit(item("a", "1")).await.unwrap();
    rig.until(|| rig.archive.calls(ArchiveCall::Apply) == 1).await;
    let newer = running.engine.submit(item("a", "2")).await.unwrap();
    let by = newer.version();
    let waiting =
        background(async move { (newer.wait(Durability::Archived).await, older.wait(Durability::Archived).await) });
    let (newer, older) = rig.outcome(waiting).await;
    assert_eq!((newer.unwrap(), older.unwrap()), (Settled::Written, Settled::Superseded { by }));
    assert_eq!(rig.archive.calls(ArchiveCall::Apply), 2);
}

#[tokio::test]
async fn attempts_grow_apart_up_to_their_bound() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Full));
    running.engine.submit(item("a", "1")).await.unwrap();
    let calls = || rig.archive.calls(ArchiveCall::Apply);
    rig.until(|| calls() == 20).await;
    let before = syncline_core::port::Clock::now(&rig.clock);
    rig.until(|| calls() == 30).await;
    let took = syncline_core::port::Clock::now(&rig.clock).saturating_since(before);
    assert!((Duration::from_secs(25)..=Duration::from_secs(50)).contains(&took), "10 attempts took {took:?}");
}

/// The defect: an archive that failed was an item that did not exist, and callers wrote defaults over their data.
#[tokio::test]
async fn a_read_that_fails_is_never_an_absent_item() {
    let rig = Rig::new();
    let running = rig.start().await;
    let small = syncline_engine::EngineConfig { l1_max_bytes: 0, ..crate::support::config() };
    running.engine.submit(item("a", "42")).await.unwrap();
    running.engine.shutdown().await;
    running.journal.close().unwrap();
    let running = rig.start_with(small).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    assert_eq!(kind(running.engine.get("a").await), ErrorKind::Unavailable);
    assert_eq!(kind(running.engine.get("never").await), ErrorKind::Unavailable);
    assert_eq!(kind(running.engine.scan_prefix("", None, 9).await), ErrorKind::Unavailable);
    assert_eq!(kind(running.engine.submit_changed(vec![item("a", "1")]).await.remove(0)), ErrorKind::Unavailable);
    rig.archive.heal();
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("42"));
}
