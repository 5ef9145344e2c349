//! The quick start of the document on the tiered engine, with only server addresses and paths changed, and a restart
//! between the write and a second read.

use std::path::Path;

use serde_json::json;
use syncline::engine::{SyncEngine, SyncEngineConfig, SyncItem};
use tokio::sync::watch;

fn config(dir: &Path) -> SyncEngineConfig {
    SyncEngineConfig {
        redis_url: None,
        sql_url: Some(format!("sqlite://{}", dir.join("archive.db").display())),
        wal_path: Some(dir.join("wal").display().to_string()),
        ..Default::default()
    }
}

#[tokio::test]
async fn the_quick_start_runs_and_its_item_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());

    let (_tx, rx) = watch::channel(config.clone());
    let mut engine = SyncEngine::new(config, rx);

    // Start the engine (connects to backends)
    engine.start().await.expect("Failed to start");

    // Submit items for sync
    let item =
        SyncItem::new("uk.nhs.patient.record.12345".into(), json!({"name": "John Doe", "nhs_number": "1234567890"}));
    engine.submit(item).await.expect("Failed to submit");

    // Retrieve items (L1 → L2 → L3 fallback)
    let mut found = None;
    if let Some(item) = engine.get("uk.nhs.patient.record.12345").await.unwrap() {
        found = Some(format!("Found: {:?}", item.content));
    }
    assert!(found.unwrap().contains("John Doe"));

    engine.shutdown().await;
    drop(engine);

    check_restart(dir.path()).await;
}

async fn check_restart(dir: &Path) {
    let config = config(dir);
    let (_tx, rx) = watch::channel(config.clone());
    let mut engine = SyncEngine::new(config, rx);
    engine.start().await.unwrap();
    let item = engine.get("uk.nhs.patient.record.12345").await.unwrap().unwrap();
    assert_eq!(item.content, json!({"name": "John Doe", "nhs_number": "1234567890"}));
    assert!(engine.get("uk.nhs.patient.record.54321").await.unwrap().is_none());
    engine.shutdown().await;
}

#[test]
fn an_engine_is_made_outside_a_runtime_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let (_tx, rx) = watch::channel(config.clone());
    let engine = SyncEngine::new(config, rx);
    assert!(format!("{engine:?}").contains("Created"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
