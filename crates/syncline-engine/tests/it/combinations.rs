//! Each combination of journal and archive: what a submit promises on it.

use syncline_core::{ErrorKind, port::Archive as _};
use syncline_engine::{Durability, Engine, Parts, Settled};
use syncline_testkit::{ArchiveCall, Failure};

use crate::support::{Rig, config, item, kind, settle, text, text_of};

/// Whatever an engine stands on, it reads its own writes.
async fn reads_its_own_writes(engine: &Engine) {
    for (id, content) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
        engine.submit(item(id, content)).await.unwrap();
        assert_eq!(text(engine, id).await.as_deref(), Some(content));
    }
    engine.delete("b").await.unwrap();
    assert_eq!(text(engine, "b").await, None);
    assert_eq!(text(engine, "never").await, None);
    let page = engine.scan_prefix("", None, 10).await.unwrap();
    let page: Vec<_> = page.iter().map(|item| (item.id().to_owned(), text_of(item))).collect();
    assert_eq!(page, [("a".into(), "3".into()), ("c".into(), "4".into())]);
    engine.flush().await.unwrap();
}

#[tokio::test]
async fn with_journal_and_archive_a_submit_is_durable_at_once_and_archived_in_time() {
    let rig = Rig::new();
    let running = rig.start().await;
    reads_its_own_writes(&running.engine).await;
    let receipt = running.engine.submit(item("d", "5")).await.unwrap();
    assert_eq!(receipt.wait(Durability::Local).await.unwrap(), Settled::Written);
    assert_eq!(receipt.wait(Durability::Archived).await.unwrap(), Settled::Written);
    assert_eq!(rig.archived_row("d").await.unwrap().version, receipt.version());
}

#[tokio::test]
async fn with_a_journal_alone_items_live_in_memory_and_survive_a_restart() {
    let rig = Rig::new();
    let parts = |journal| Parts { journal: Some(journal), archive: None, ..rig.parts() };
    let journal = rig.journal();
    let engine = Engine::new(config());
    engine.start(parts(journal.clone())).await.unwrap();
    reads_its_own_writes(&engine).await;
    let receipt = engine.submit(item("d", "5")).await.unwrap();
    assert_eq!(receipt.wait(Durability::Local).await.unwrap(), Settled::Written);
    assert_eq!(kind(receipt.wait(Durability::Archived).await), ErrorKind::Invalid);
    let report = engine.shutdown().await;
    assert_eq!((report.archived, report.pending_left), (0, 4), "a, b's tombstone, c, d");
    journal.close().unwrap();

    let engine = Engine::new(config());
    engine.start(parts(rig.journal())).await.unwrap();
    for (id, content) in [("a", Some("3")), ("b", None), ("c", Some("4")), ("d", Some("5"))] {
        assert_eq!(text(&engine, id).await.as_deref(), content, "{id}");
    }
}

#[tokio::test]
async fn with_a_journal_alone_memory_is_a_bound_on_the_data_and_deletes_make_room() {
    let rig = Rig::new();
    let engine = Engine::new(config());
    engine
        .start(Parts { journal: Some(rig.journal()), archive: None, ..rig.parts() })
        .await
        .unwrap();
    let large = "x".repeat(60_000);
    let mut held = 0;
    let error = loop {
        match engine.submit(item(&format!("k{held}"), &large)).await {
            Ok(_) => held += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Full, "at once: nothing would ever make room");
    assert!((15..=18).contains(&held), "{held} items of 60 kB in 1 MiB");
    engine.delete("k0").await.unwrap();
    engine.submit(item("again", &large)).await.unwrap();
}

#[tokio::test]
async fn with_an_archive_alone_a_submit_is_in_the_archive_when_it_returns() {
    let rig = Rig::new();
    let engine = rig.start_unjournaled().await;
    reads_its_own_writes(&engine).await;
    let receipt = engine.submit(item("d", "5")).await.unwrap();
    assert_eq!(rig.archived_row("d").await.unwrap().version, receipt.version());
    assert_eq!(receipt.wait(Durability::Local).await.unwrap(), Settled::Written);
    let receipts = engine.submit_many(vec![item("e", "1"), item("f", "2")]).await;
    assert!(receipts.iter().all(Result::is_ok) && rig.archived_row("f").await.is_some());
    let nowait = engine.submit_nowait(item("g", "3")).unwrap();
    assert_eq!(nowait.wait(Durability::Local).await.unwrap(), Settled::Written);
    assert!(rig.archived_row("g").await.is_some());
    assert_eq!(engine.shutdown().await.pending_left, 0);
}

#[tokio::test]
async fn with_an_archive_alone_an_outage_refuses_submits_and_what_was_refused_never_appears() {
    let rig = Rig::new();
    let engine = rig.start_unjournaled().await;
    engine.submit(item("a", "1")).await.unwrap();
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    assert_eq!(kind(engine.submit(item("a", "2")).await), ErrorKind::Unavailable);
    assert_eq!(kind(engine.delete("a").await), ErrorKind::Unavailable);
    let receipt = engine.submit_nowait(item("b", "1")).unwrap();
    let many = engine.submit_many(vec![item("c", "1"), item("d", "1")]).await;
    assert!(many.into_iter().all(|result| kind(result) == ErrorKind::Unavailable));
    assert_eq!(kind(receipt.wait(Durability::Local).await), ErrorKind::Unavailable);
    rig.archive.heal();
    engine.flush().await.unwrap();
    assert_eq!(text(&engine, "a").await.as_deref(), Some("1"));
    assert_eq!(rig.archived().await.len(), 1);
    let stats = engine.stats();
    assert_eq!((stats.failed, stats.pending_items, stats.pending_bytes), (5, 0, 0));
}

#[tokio::test]
async fn with_an_archive_alone_a_lost_reply_is_unknown_and_readers_then_ask_the_archive() {
    let rig = Rig::new();
    let engine = rig.start_unjournaled().await;
    engine.submit(item("a", "1")).await.unwrap();
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::LoseReply(ErrorKind::Unknown));
    assert_eq!(kind(engine.submit(item("a", "2")).await), ErrorKind::Unknown);
    assert_eq!(text(&engine, "a").await.as_deref(), Some("2"), "it had happened, and memory was not trusted");
}

/// Readers see a write when its receipt could resolve, never earlier.
#[tokio::test]
async fn with_an_archive_alone_nobody_sees_a_write_that_is_under_way() {
    let rig = Rig::new();
    let engine = rig.start_unjournaled().await;
    engine.submit(item("a", "1")).await.unwrap();
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::Hang);
    let receipt = engine.submit_nowait(item("a", "2")).unwrap();
    rig.until(|| rig.archive.hanging() == 1).await;
    assert_eq!(text(&engine, "a").await.as_deref(), Some("1"));
    assert_eq!(engine.scan_prefix("a", None, 1).await.unwrap()[0].content_bytes(), "1");
    rig.archive.heal();
    receipt.wait(Durability::Local).await.unwrap();
    assert_eq!(text(&engine, "a").await.as_deref(), Some("2"));
}

/// Two writes of a key wait together, the newer takes both, and fails: neither may be told that it is there.
#[tokio::test]
async fn with_an_archive_alone_a_write_fails_with_the_one_that_overtook_it() {
    let rig = Rig::new();
    let engine = rig.start_unjournaled().await;
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::Hang);
    let blocker = engine.submit_nowait(item("x", "1")).unwrap();
    rig.until(|| rig.archive.hanging() == 1).await;
    let older = engine.submit_nowait(item("a", "1")).unwrap();
    let newer = engine.submit_nowait(item("a", "2")).unwrap();
    rig.archive.heal();
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::Refuse(ErrorKind::Unavailable));
    assert_eq!(blocker.wait(Durability::Local).await.unwrap(), Settled::Written);
    assert_eq!(kind(newer.wait(Durability::Local).await), ErrorKind::Unavailable);
    assert_eq!(kind(older.wait(Durability::Local).await), ErrorKind::Unavailable);
    assert_eq!(rig.archived_row("a").await, None);
}

#[tokio::test]
async fn with_neither_items_live_as_long_as_the_process() {
    let rig = Rig::new();
    let engine = Engine::new(config());
    engine.start(Parts { archive: None, ..rig.parts() }).await.unwrap();
    reads_its_own_writes(&engine).await;
    let receipt = engine.submit(item("d", "5")).await.unwrap();
    assert_eq!(receipt.wait(Durability::Local).await.unwrap(), Settled::Written);
    assert_eq!(kind(receipt.wait(Durability::Archived).await), ErrorKind::Invalid);
    assert_eq!(engine.shutdown().await.pending_left, 4);
    settle().await;
    assert_eq!(rig.rows.stats().await.unwrap().items, 0);
}
