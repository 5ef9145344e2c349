//! What a journal and an archive promise together, each alone, and without either.

use std::path::Path;

use serde_json::json;
use syncline::engine::{Durability, Settled, SyncEngine, SyncEngineConfig, SyncItem};
use tokio::sync::watch;

fn config(dir: &Path, has_journal: bool, has_archive: bool) -> SyncEngineConfig {
    SyncEngineConfig {
        sql_url: has_archive.then(|| format!("sqlite:{}", dir.join("archive.db").display())),
        wal_path: has_journal.then(|| dir.join("wal").display().to_string()),
        ..Default::default()
    }
}

async fn started(config: SyncEngineConfig) -> SyncEngine {
    let (_tx, rx) = watch::channel(config.clone());
    let mut engine = SyncEngine::new(config, rx);
    engine.start().await.unwrap();
    engine
}

fn item() -> SyncItem {
    SyncItem::new("k".into(), json!({"n": 1}))
}

/// Submits, reads, restarts, and says whether the item is still there.
async fn survives_a_restart(has_journal: bool, has_archive: bool) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), has_journal, has_archive);
    let engine = started(config.clone()).await;
    engine.submit(item()).await.unwrap();
    assert_eq!(engine.get("k").await.unwrap().unwrap().content, json!({"n": 1}), "read your own write");
    engine.shutdown().await;
    let engine = started(config).await;
    let found = engine.get("k").await.unwrap();
    engine.shutdown().await;
    found.is_some()
}

#[tokio::test]
async fn journal_and_archive_keep_it() {
    assert!(survives_a_restart(true, true).await);
}

#[tokio::test]
async fn a_journal_alone_keeps_it() {
    assert!(survives_a_restart(true, false).await);
}

#[tokio::test]
async fn an_archive_alone_keeps_it_and_a_submit_returns_once_it_has_committed() {
    assert!(survives_a_restart(false, true).await);
    let dir = tempfile::tempdir().unwrap();
    let engine = started(config(dir.path(), false, true)).await;
    let receipt = engine.submit(item()).await.unwrap();
    // Nothing flushed: what is archived is archived by the submit itself.
    assert_eq!(engine.stats().archived, 1);
    assert_eq!(receipt.wait(Durability::Archived).await.unwrap(), Settled::Written);
    engine.shutdown().await;
}

#[tokio::test]
async fn without_either_it_is_in_memory_only() {
    assert!(!survives_a_restart(false, false).await);
}
