//! From new to shut down: every state refuses what it does not offer, and an end leaves nothing behind in silence.

use std::time::Duration;

use syncline_core::ErrorKind;
use syncline_engine::{Durability, Engine, EngineConfig, EngineState, Parts, Report, Settled};
use syncline_testkit::{ArchiveCall, Failure};

use crate::support::{Rig, background, config, item, kind, settle, text};

/// The defect: a submit before the start was answered with success, and its item was dropped.
#[tokio::test]
async fn before_the_start_everything_is_unavailable() {
    let engine = Engine::new(EngineConfig::default());
    assert_eq!(kind(engine.submit(item("a", "1")).await), ErrorKind::Unavailable);
    assert_eq!(kind(engine.submit_nowait(item("a", "1"))), ErrorKind::Unavailable);
    assert_eq!(kind(engine.submit_many(vec![item("a", "1")]).await.remove(0)), ErrorKind::Unavailable);
    assert_eq!(kind(engine.submit_changed(vec![item("a", "1")]).await.remove(0)), ErrorKind::Unavailable);
    assert_eq!(kind(engine.get("a").await), ErrorKind::Unavailable);
    assert_eq!(kind(engine.delete("a").await), ErrorKind::Unavailable);
    assert_eq!(kind(engine.scan_prefix("", None, 9).await), ErrorKind::Unavailable);
    let error = engine.flush().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "the engine is not started"));
    assert_eq!(engine.state(), EngineState::Created);
}

/// The defect: after shutdown submits were still accepted, and the loop went on.
#[tokio::test]
async fn after_the_shutdown_everything_is_closed() {
    let rig = Rig::new();
    let running = rig.start().await;
    let engine = &running.engine;
    engine.submit(item("a", "1")).await.unwrap();
    engine.shutdown().await;
    assert_eq!(engine.state(), EngineState::ShuttingDown);
    assert_eq!(kind(engine.submit(item("a", "2")).await), ErrorKind::Closed);
    assert_eq!(kind(engine.submit_nowait(item("a", "2"))), ErrorKind::Closed);
    assert_eq!(kind(engine.submit_many(vec![item("a", "2")]).await.remove(0)), ErrorKind::Closed);
    assert_eq!(kind(engine.submit_changed(vec![item("a", "2")]).await.remove(0)), ErrorKind::Closed);
    assert_eq!(kind(engine.get("a").await), ErrorKind::Closed);
    assert_eq!(kind(engine.delete("a").await), ErrorKind::Closed);
    assert_eq!(kind(engine.scan_prefix("", None, 9).await), ErrorKind::Closed);
    assert_eq!(kind(engine.flush().await), ErrorKind::Closed);
    assert_eq!(kind(engine.start(Parts::default()).await), ErrorKind::Closed);
}

#[tokio::test]
async fn the_states_of_a_life_are_seen_in_order() {
    let rig = Rig::new();
    let engine = Engine::new(config());
    let mut states = engine.state_receiver();
    let seen = background(async move {
        let mut seen = vec![*states.borrow_and_update()];
        while *states.borrow() != EngineState::ShuttingDown {
            states.changed().await.unwrap();
            seen.push(*states.borrow_and_update());
        }
        seen
    });
    settle().await;
    engine.start(Parts { journal: Some(rig.journal()), ..rig.parts() }).await.unwrap();
    settle().await;
    engine.shutdown().await;
    let seen = rig.outcome(seen).await;
    assert_eq!(seen.first(), Some(&EngineState::Created));
    assert!(seen.windows(2).all(|pair| (pair[0] as u8) < (pair[1] as u8)), "{seen:?}");
    assert!(seen.contains(&EngineState::Running), "{seen:?}");
}

#[tokio::test]
async fn a_second_start_is_a_conflict_and_changes_nothing() {
    let rig = Rig::new();
    let running = rig.start().await;
    assert_eq!(kind(running.engine.start(rig.parts()).await), ErrorKind::Conflict);
    running.engine.submit(item("a", "1")).await.unwrap();
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn two_engines_cannot_have_one_journal_at_a_time() {
    let rig = Rig::new();
    let first = rig.start().await;
    let second = Engine::new(config());
    let parts = || Parts { journal: Some(first.journal.clone()), ..rig.parts() };
    assert_eq!(kind(second.start(parts()).await), ErrorKind::Conflict);
    assert_eq!(second.state(), EngineState::Created);
    first.engine.shutdown().await;
    second.start(parts()).await.unwrap();
    // The first one's end must not take the streams from the second.
    drop(first.engine);
    second.submit(item("a", "1")).await.unwrap();
    assert_eq!(text(&second, "a").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_start_which_may_be_repeated() {
    let engine = Engine::new(EngineConfig { archive_batch_count: 0, ..config() });
    assert_eq!(kind(engine.start(Parts::default()).await), ErrorKind::Invalid);
    assert_eq!(engine.state(), EngineState::Created);
}

/// The defect: a start that was given up half-way kept the streams for ever.
#[tokio::test]
async fn a_start_that_is_dropped_lets_go_of_the_journal() {
    let rig = Rig::new();
    let journal = rig.journal();
    rig.archive.fail(Failure::Hang);
    let engine = Engine::new(config());
    let parts = || Parts { journal: Some(journal.clone()), ..rig.parts() };
    let (handle, first) = (engine.clone(), parts());
    let starting = background(async move { handle.start(first).await });
    rig.until(|| rig.archive.hanging() == 1).await;
    drop(starting);
    settle().await;
    assert_eq!(engine.state(), EngineState::Created);
    rig.archive.heal();
    engine.start(parts()).await.unwrap();
    engine.submit(item("a", "1")).await.unwrap();
}

/// The defect: shutdown put the last batch back below its thresholds and reported it as written.
#[tokio::test]
async fn shutdown_archives_everything() {
    let rig = Rig::new();
    let running = rig.start().await;
    for n in 0..10 {
        running.engine.submit(item(&format!("k{n}"), "1")).await.unwrap();
    }
    let unawaited = running.engine.submit_nowait(item("late", "1")).unwrap();
    let report = running.engine.shutdown().await;
    assert_eq!(report, Report { accepted: 11, archived: 11, ..Report::default() });
    assert_eq!(rig.archived().await.len(), 11);
    assert_eq!(unawaited.wait(Durability::Archived).await.unwrap(), Settled::Written);
    assert_eq!(running.engine.shutdown().await, report, "a second shutdown says the same");
    running.journal.close().unwrap();
}

#[tokio::test]
async fn shutdown_leaves_what_the_archive_does_not_take_in_the_journal_and_says_so() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    let receipt = running.engine.submit(item("a", "1")).await.unwrap();
    let engine = running.engine.clone();
    let ended = background(async move { engine.shutdown_within(Duration::from_secs(7)).await });
    let report = rig.outcome(ended).await;
    assert_eq!((report.accepted, report.archived, report.pending_left), (1, 0, 1));
    assert_eq!(report.archive_error.as_deref(), Some("simulated failure of Apply"));
    let error = receipt.wait(Durability::Archived).await.unwrap_err();
    assert_eq!(error.message(), "the engine was shut down before the archive had it");
    running.journal.close().unwrap();

    rig.archive.heal();
    let again = rig.start().await;
    assert_eq!(text(&again.engine, "a").await.as_deref(), Some("1"));
    let report = again.engine.shutdown().await;
    assert_eq!((report.replayed, report.archived, report.pending_left), (1, 1, 0));
    assert_eq!(rig.archived().await.len(), 1);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_call_that_hangs_beyond_its_deadline() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail_next(ArchiveCall::Apply, 1, Failure::Hang);
    running.engine.submit(item("a", "1")).await.unwrap();
    let engine = running.engine.clone();
    let ended = background(async move { engine.shutdown_within(Duration::from_secs(1)).await });
    assert_eq!(rig.outcome(ended).await.pending_left, 1);
    settle().await;
    assert_eq!(rig.archive.hanging(), 0, "the call was dropped");
}

#[tokio::test]
async fn a_shutdown_that_is_dropped_goes_on_with_the_next() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    running.engine.submit(item("a", "1")).await.unwrap();
    let engine = running.engine.clone();
    let first = background(async move { engine.shutdown().await });
    rig.until(|| rig.archive.calls(ArchiveCall::Apply) > 2).await;
    drop(first);
    settle().await;
    assert_eq!(kind(running.engine.submit(item("b", "1")).await), ErrorKind::Closed);
    let engine = running.engine.clone();
    let second = background(async move { engine.shutdown().await });
    assert_eq!(rig.outcome(second).await.pending_left, 1);
}

#[tokio::test]
async fn a_shutdown_without_a_start_reports_nothing() {
    let engine = Engine::new(EngineConfig::default());
    assert_eq!(engine.shutdown().await, Report::default());
    assert_eq!(engine.state(), EngineState::ShuttingDown);
    assert_eq!(kind(engine.start(Parts::default()).await), ErrorKind::Closed);
}

#[tokio::test]
async fn an_engine_that_is_dropped_leaves_its_writes_in_the_journal() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    running.engine.submit(item("a", "1")).await.unwrap();
    drop(running.engine);
    settle().await;
    rig.archive.heal();
    let next = Engine::new(config());
    next.start(Parts { journal: Some(running.journal.clone()), ..rig.parts() }).await.unwrap();
    assert_eq!(text(&next, "a").await.as_deref(), Some("1"));
    assert_eq!(next.stats().replayed, 1);
}

#[tokio::test]
async fn flush_covers_what_was_handed_over_before_it() {
    let rig = Rig::new();
    let running = rig.start().await;
    let receipts: Vec<_> = (0..50)
        .map(|n| running.engine.submit_nowait(item(&format!("k{n}"), "1")).unwrap())
        .collect();
    running.engine.flush().await.unwrap();
    assert_eq!(rig.archived().await.len(), 50);
    drop(receipts);
    running.engine.flush().await.unwrap();
}

#[tokio::test]
async fn flush_ends_when_the_archive_makes_no_progress_and_says_why() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    running.engine.submit(item("a", "1")).await.unwrap();
    let engine = running.engine.clone();
    let flush = background(async move { engine.flush().await });
    let error = rig.outcome(flush).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let message = "nothing was archived for 30s; the archive said: simulated failure of Apply";
    assert_eq!(error.message(), message);
}

#[tokio::test]
async fn a_panic_of_the_archive_is_heard_by_all() {
    use std::sync::Arc;
    use syncline_core::{Key, Record, Result, Version, port};

    #[derive(Debug)]
    struct Panics(syncline_core::memory::MemoryArchive);
    impl port::Archive for Panics {
        fn apply<'a>(&'a self, _: &'a [Record]) -> port::BoxFuture<'a, Result<Vec<port::Outcome>>> {
            panic!("a bug in the archive")
        }
        fn get<'a>(&'a self, keys: &'a [Key]) -> port::BoxFuture<'a, Result<Vec<Option<Record>>>> {
            self.0.get(keys)
        }
        fn heads<'a>(&'a self, keys: &'a [Key]) -> port::BoxFuture<'a, Result<Vec<Option<port::Head>>>> {
            self.0.heads(keys)
        }
        fn scan<'a>(&'a self, scan: &'a port::PrefixScan) -> port::BoxFuture<'a, Result<Vec<Record>>> {
            self.0.scan(scan)
        }
        fn changes(&self, after: u64, limit: usize) -> port::BoxFuture<'_, Result<port::ChangePage>> {
            self.0.changes(after, limit)
        }
        fn high_water(&self) -> port::BoxFuture<'_, Result<Version>> {
            self.0.high_water()
        }
        fn stats(&self) -> port::BoxFuture<'_, Result<port::ArchiveStats>> {
            self.0.stats()
        }
    }

    let rig = Rig::new();
    let engine = Engine::new(config());
    let archive = Some(Arc::new(Panics(syncline_core::memory::MemoryArchive::new())) as _);
    engine
        .start(Parts { journal: Some(rig.journal()), archive, ..rig.parts() })
        .await
        .unwrap();
    let receipt = engine.submit(item("a", "1")).await.unwrap();
    assert_eq!(kind(receipt.wait(Durability::Archived).await), ErrorKind::Poisoned);
    assert_eq!(kind(engine.submit(item("b", "1")).await), ErrorKind::Closed);
    assert_eq!(engine.shutdown().await.pending_left, 1);
}
