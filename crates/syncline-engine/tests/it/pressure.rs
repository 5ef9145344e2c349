//! Memory is bounded: submits wait while things move, are refused when they do not, and deletes always go through.

use syncline_core::ErrorKind;
use syncline_engine::{Durability, EngineConfig};
use syncline_testkit::Failure;

use crate::support::{Rig, background, config, item, kind, settle};

fn tight() -> EngineConfig {
    EngineConfig { content_bytes_max: 10_000, memory_max_bytes: 40_000, ..config() }
}

async fn fill(engine: &syncline_engine::Engine) -> u64 {
    for n in 0.. {
        match engine.submit_nowait(item(&format!("fill{n}"), &"x".repeat(9_000))) {
            Ok(receipt) => drop(receipt.wait(Durability::Local).await.unwrap()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full);
                return n;
            }
        }
    }
    0
}

#[tokio::test]
async fn a_submit_waits_for_room_while_the_archive_makes_progress() {
    let rig = Rig::new();
    let running = rig.start_with(tight()).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    assert_eq!(fill(&running.engine).await, 4);
    let engine = running.engine.clone();
    let waiting = background(async move { engine.submit(item("waits", &"x".repeat(9_000))).await });
    settle().await;
    assert!(!waiting.is_finished());
    rig.archive.heal();
    rig.outcome(waiting).await.unwrap();
}

/// The defect: pressure was memory of the cache alone, and what was refused at its bound was never let in again.
#[tokio::test]
async fn without_progress_a_submit_is_refused_after_its_timeout_and_goes_through_later() {
    let rig = Rig::new();
    let running = rig.start_with(tight()).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    fill(&running.engine).await;
    let engine = running.engine.clone();
    let waiting = background(async move { engine.submit(item("waits", &"x".repeat(9_000))).await });
    let error = rig.outcome(waiting).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.message().starts_with("nothing was archived for 5s: "), "{error}");
    let stats = running.engine.stats();
    assert!(stats.pending_bytes <= 40_000 && stats.pending_bytes >= 36_000, "{}", stats.pending_bytes);
    rig.archive.heal();
    rig.until(|| running.engine.stats().pending_items == 0).await;
    running.engine.submit(item("later", &"x".repeat(9_000))).await.unwrap();
    running.engine.flush().await.unwrap();
    assert_eq!(running.engine.stats().pending_bytes, 0);
}

/// The defect: at the bound deletes were refused too, so that nothing could make room any more.
#[tokio::test]
async fn deletes_are_never_refused_for_memory() {
    let rig = Rig::new();
    let running = rig.start_with(tight()).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    let held = fill(&running.engine).await;
    for n in 0..200 {
        running.engine.delete(&format!("other{n}")).await.unwrap();
    }
    for n in 0..held {
        running.engine.delete(&format!("fill{n}")).await.unwrap();
    }
    rig.archive.heal();
    rig.until(|| running.engine.stats().pending_items == 0).await;
    assert_eq!(running.engine.stats().pending_bytes, 0);
    running.engine.submit(item("again", &"x".repeat(9_000))).await.unwrap();
}

#[tokio::test]
async fn a_submit_that_is_dropped_while_it_waits_takes_no_room() {
    let rig = Rig::new();
    let running = rig.start_with(tight()).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    fill(&running.engine).await;
    let before = running.engine.stats();
    for n in 0..10 {
        let engine = running.engine.clone();
        let waiting = background(async move { engine.submit(item(&format!("w{n}"), &"x".repeat(9_000))).await });
        settle().await;
        drop(waiting);
    }
    settle().await;
    let after = running.engine.stats();
    assert_eq!((after.pending_bytes, after.accepted), (before.pending_bytes, before.accepted));
}

/// Dropping a submit after its hand-over does not undo it.
#[tokio::test]
async fn receipts_that_nobody_waits_for_are_written_and_their_room_comes_back() {
    let rig = Rig::new();
    let running = rig.start().await;
    for n in 0..500 {
        drop(running.engine.submit_nowait(item(&format!("k{n}"), "1")).unwrap());
    }
    running.engine.flush().await.unwrap();
    assert_eq!(rig.archived().await.len(), 500);
    assert_eq!((running.engine.stats().accepted, running.engine.stats().pending_bytes), (500, 0));
}

#[tokio::test]
async fn writing_a_key_again_and_again_holds_the_room_of_one() {
    let rig = Rig::new();
    let running = rig.start_with(tight()).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    for n in 0..300 {
        running.engine.submit(item("a", &"x".repeat(9_000 + n % 2))).await.unwrap();
    }
    assert!(running.engine.stats().pending_bytes < 20_000, "{}", running.engine.stats().pending_bytes);
}

#[tokio::test]
async fn those_who_wait_for_room_hear_of_the_shutdown() {
    let rig = Rig::new();
    let running = rig.start_with(tight()).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    fill(&running.engine).await;
    let engine = running.engine.clone();
    let waiting = background(async move { engine.submit(item("waits", &"x".repeat(9_000))).await });
    settle().await;
    running.engine.shutdown_within(std::time::Duration::ZERO).await;
    assert_eq!(kind(rig.outcome(waiting).await), ErrorKind::Closed);
}

#[tokio::test]
async fn many_items_go_in_chunks_that_fit_the_memory() {
    let rig = Rig::new();
    let running = rig.start_with(tight()).await;
    let items = (0..40).map(|n| item(&format!("k{n}"), &"x".repeat(9_000))).collect();
    let results = running.engine.submit_many(items).await;
    assert!(results.iter().all(Result::is_ok));
    running.engine.flush().await.unwrap();
    assert_eq!(rig.archived().await.len(), 40);
}
