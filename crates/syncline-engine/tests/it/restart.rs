//! What was accepted is there after a restart, and goes on from where it was.

use std::time::Duration;

use syncline_core::{ErrorKind, WallTime, port::Clock as _};
use syncline_engine::{Durability, Engine, EngineConfig, Parts, Settled};
use syncline_journal::{Durability as JournalDurability, Entry, Owner};
use syncline_testkit::Failure;

use crate::support::{Rig, config, item, kind, text};

/// The defect: 900 of 900 acknowledged submits were lost when the process ended.
#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_process_ended() {
    let rig = Rig::new();
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    let running = rig.start().await;
    for n in 0..900 {
        running.engine.submit(item(&format!("k{n:03}"), &format!("{n}"))).await.unwrap();
    }
    running.engine.delete("k007").await.unwrap();
    running.crash();

    let running = rig.start().await;
    for n in 0..900 {
        let expected = (n != 7).then(|| n.to_string());
        assert_eq!(text(&running.engine, &format!("k{n:03}")).await, expected);
    }
    assert_eq!(running.engine.stats().replayed, 901);
    rig.archive.heal();
    let engine = running.engine.clone();
    rig.until(|| engine.stats().pending_items == 0).await;
    assert_eq!(rig.archived().await.len(), 900, "tombstone included");
    running.stop().await;
}

#[tokio::test]
async fn what_was_archived_before_a_clean_end_is_not_read_back() {
    let rig = Rig::new();
    let running = rig.start().await;
    for n in 0..20 {
        running.engine.submit(item(&format!("k{n}"), "1")).await.unwrap();
    }
    running.engine.shutdown().await;
    running.journal.close().unwrap();
    let running = rig.start().await;
    assert_eq!(running.engine.stats().replayed, 0);
    assert_eq!(text(&running.engine, "k3").await.as_deref(), Some("1"));
}

/// A record that is replayed although the archive has it is written again to no effect.
#[tokio::test]
async fn a_replay_of_what_is_archived_changes_nothing() {
    let rig = Rig::new();
    let running = rig.start().await;
    let receipt = running.engine.submit(item("a", "1")).await.unwrap();
    receipt.wait(Durability::Archived).await.unwrap();
    let before = rig.archived_row("a").await;
    running.crash();
    let running = rig.start().await;
    running.engine.flush().await.unwrap();
    assert_eq!(rig.archived_row("a").await, before);
    assert_eq!(rig.archived().await.len(), 1);
}

#[tokio::test]
async fn versions_grow_across_a_restart_though_the_calendar_stepped_back() {
    for archive_is_down in [false, true] {
        let rig = Rig::new();
        let running = rig.start().await;
        let first = running.engine.submit(item("a", "1")).await.unwrap();
        first.wait(Durability::Archived).await.unwrap();
        running.engine.shutdown().await;
        running.journal.close().unwrap();

        rig.clock.set_wall(WallTime::from_millis(5));
        if archive_is_down {
            rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
        }
        let running = rig.start().await;
        let second = running.engine.submit(item("a", "2")).await.unwrap();
        assert!(second.version() > first.version(), "archive down: {archive_is_down}");
        assert_eq!(text(&running.engine, "a").await.as_deref(), Some("2"));
        rig.archive.heal();
        let waiting = crate::support::background(async move { second.wait(Durability::Archived).await });
        assert_eq!(rig.outcome(waiting).await.unwrap(), Settled::Written);
    }
}

#[tokio::test]
async fn without_a_journal_versions_go_on_above_the_archives() {
    let rig = Rig::new();
    let engine = rig.start_unjournaled().await;
    let first = engine.submit(item("a", "1")).await.unwrap();
    engine.shutdown().await;
    rig.clock.set_wall(WallTime::from_millis(5));
    let engine = rig.start_unjournaled().await;
    let second = engine.submit(item("a", "2")).await.unwrap();
    assert!(second.version() > first.version());
    assert_eq!(second.wait(Durability::Archived).await.unwrap(), Settled::Written);
}

#[tokio::test]
async fn without_a_journal_no_version_is_given_before_the_archive_was_asked() {
    let rig = Rig::new();
    let engine = rig.start_unjournaled().await;
    let first = engine.submit(item("a", "1")).await.unwrap();
    engine.shutdown().await;
    rig.clock.set_wall(WallTime::from_millis(5));
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    let engine = rig.start_unjournaled().await;
    assert_eq!(kind(engine.submit(item("a", "2")).await), ErrorKind::Unavailable);
    assert_eq!(kind(engine.submit_nowait(item("a", "2"))), ErrorKind::Unavailable);
    assert_eq!(kind(engine.submit_many(vec![item("a", "2")]).await.remove(0)), ErrorKind::Unavailable);
    assert_eq!(engine.stats().accepted, 0);
    rig.archive.heal();
    let second = engine.submit(item("a", "2")).await.unwrap();
    assert!(second.version() > first.version());
    assert_eq!(second.wait(Durability::Archived).await.unwrap(), Settled::Written);
}

#[tokio::test]
async fn the_node_is_the_directory() {
    let rig = Rig::new();
    let running = rig.start().await;
    let id = running.journal.id();
    let version = running.engine.submit(item("a", "1")).await.unwrap().version();
    assert_eq!(version.node().get().to_be_bytes(), id[..8]);
    assert_eq!(version.wall(), rig.clock.wall());
}

#[tokio::test]
async fn more_is_read_back_than_the_memory_bound_and_submits_wait_until_it_is_archived() {
    let rig = Rig::new();
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    let running = rig.start().await;
    for n in 0..12 {
        running.engine.submit(item(&format!("k{n}"), &"x".repeat(60_000))).await.unwrap();
    }
    running.crash();
    let small = EngineConfig { memory_max_bytes: 100_000, ..config() };
    let running = rig.start_with(small).await;
    assert_eq!(running.engine.stats().pending_items, 12);
    assert!(running.engine.stats().pending_bytes > 700_000);
    assert_eq!(kind(running.engine.submit_nowait(item("new", "1"))), ErrorKind::Full);
    rig.archive.heal();
    let engine = running.engine.clone();
    rig.until(|| engine.stats().pending_items == 0).await;
    running.engine.submit(item("new", "1")).await.unwrap();
    rig.until(|| engine.stats().pending_bytes == 0).await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_fails_the_start_by_name_and_stays() {
    struct Deaf;
    impl Owner for Deaf {
        fn apply(&self, _: Entry) {}
    }
    let rig = Rig::new();
    let journal = rig.journal();
    let stream = journal.stream("engine", std::sync::Arc::new(Deaf)).unwrap();
    stream.append("no record", JournalDurability::Sync).unwrap().wait().unwrap();
    stream.release();
    for _ in 0..2 {
        let engine = Engine::new(config());
        let error = engine.start(Parts { journal: Some(journal.clone()), ..rig.parts() }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let message = "record 1 of the stream \"engine\": record format 110 is not 1, the one that this program reads";
        assert_eq!(error.message(), message);
    }
}

#[tokio::test]
async fn the_journal_is_told_what_it_need_not_keep() {
    let rig = Rig::new();
    let running = rig.start().await;
    for n in 0..2_000 {
        running
            .engine
            .submit_nowait(item(&format!("k{n}"), "1"))
            .unwrap()
            .wait(Durability::Local)
            .await
            .unwrap();
    }
    running.engine.flush().await.unwrap();
    assert!(running.engine.stats().frontier > 2_000);
    running.engine.shutdown_within(Duration::from_secs(1)).await;
    running.journal.close().unwrap();
    assert_eq!(rig.start().await.engine.stats().replayed, 0);
}
