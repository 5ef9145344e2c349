//! Submitting only what differs: an import that runs twice writes once.

use std::time::Duration;

use syncline_core::{Result, WallTime, port::Clock as _};
use syncline_engine::{Submitted, SyncItem};
use syncline_testkit::ArchiveCall;

use crate::support::{Rig, item, text};

fn accepted(results: Vec<Result<Submitted>>) -> Vec<bool> {
    results
        .into_iter()
        .map(|result| matches!(result.unwrap(), Submitted::Accepted(_)))
        .collect()
}

#[tokio::test]
async fn what_is_there_already_is_not_written_again_wherever_it_is() {
    let rig = Rig::new();
    let items = || -> Vec<SyncItem> { (0..100).map(|n| item(&format!("k{n}"), &n.to_string())).collect() };
    let running = rig.start().await;
    assert_eq!(accepted(running.engine.submit_changed(items()).await), [true; 100]);
    assert_eq!(accepted(running.engine.submit_changed(items()).await), [false; 100], "pending");
    assert_eq!(rig.archive.calls(ArchiveCall::Heads), 1, "the pending ones were not asked for");
    running.engine.flush().await.unwrap();
    let written = running.journal.stats().records;
    assert_eq!(accepted(running.engine.submit_changed(items()).await), [false; 100], "archived");
    assert_eq!(running.journal.stats().records, written, "nothing was written");
    running.stop().await;
    let running = rig.start().await;
    let mut changed = items();
    changed[7] = item("k7", "other");
    let expected: Vec<bool> = (0..100).map(|n| n == 7).collect();
    assert_eq!(accepted(running.engine.submit_changed(changed).await), expected);
    assert_eq!(text(&running.engine, "k7").await.as_deref(), Some("other"));
}

#[tokio::test]
async fn what_was_deleted_or_has_expired_is_written_again() {
    let rig = Rig::new();
    let running = rig.start().await;
    let expiring = || item("e", "1").with_expires_at(WallTime::from_millis(1_767_225_600_000 + 10_000));
    assert_eq!(accepted(running.engine.submit_changed(vec![item("d", "1"), expiring()]).await), [true; 2]);
    running.engine.delete("d").await.unwrap();
    assert_eq!(accepted(running.engine.submit_changed(vec![item("d", "1"), expiring()]).await), [true, false]);
    running.engine.delete("d").await.unwrap();
    running.engine.flush().await.unwrap();
    rig.clock.advance(Duration::from_secs(10));
    assert!(rig.clock.wall() >= expiring().expires_at().unwrap());
    assert_eq!(accepted(running.engine.submit_changed(vec![item("d", "1"), expiring()]).await), [true; 2]);
}

#[tokio::test]
async fn without_an_archive_what_is_in_memory_is_compared() {
    let rig = Rig::new();
    let engine = syncline_engine::Engine::new(crate::support::config());
    engine.start(syncline_engine::Parts { archive: None, ..rig.parts() }).await.unwrap();
    assert_eq!(accepted(engine.submit_changed(vec![item("a", "1")]).await), [true]);
    assert_eq!(accepted(engine.submit_changed(vec![item("a", "1"), item("a", "2")]).await), [false, true]);
}

#[tokio::test]
async fn a_name_that_is_no_key_is_refused_alone() {
    let rig = Rig::new();
    let running = rig.start().await;
    let results = running.engine.submit_changed(vec![item("a", "1"), item("", "1"), item("b", "1")]).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
}
