//! What `SyncEngine` makes of its configuration.

use std::{fs, path::Path, time::Duration};

use serde_json::json;
use syncline::{
    ErrorKind, KeyRing, SecretKey,
    engine::{SyncEngine, SyncEngineConfig, SyncItem},
};
use tokio::sync::watch;

fn engine(config: &SyncEngineConfig) -> SyncEngine {
    let (_tx, rx) = watch::channel(config.clone());
    SyncEngine::new(config.clone(), rx)
}

fn on(dir: &Path) -> SyncEngineConfig {
    SyncEngineConfig {
        sql_url: Some(format!("sqlite://{}", dir.join("archive.db").display())),
        wal_path: Some(dir.join("wal").display().to_string()),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_used_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let redis = SyncEngineConfig { redis_url: Some("redis://user:secret@host".into()), ..on(dir.path()) };
    let mysql = SyncEngineConfig { sql_url: Some("mysql://user:secret@host/db".into()), ..on(dir.path()) };
    for (config, feature) in [(redis, "\"redis\""), (mysql, "\"mysql\"")] {
        let error = engine(&config).start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains(feature) && !error.message().contains("secret"), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_wal_path_that_is_a_file_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let config = on(dir.path());
    let wal = dir.path().join("wal");
    fs::write(&wal, b"SQLite format 3\0 of another program").unwrap();
    let error = engine(&config).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("is a file"), "{error}");
    assert_eq!(fs::read(&wal).unwrap(), b"SQLite format 3\0 of another program");
}

#[tokio::test]
async fn a_start_that_failed_can_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = on(dir.path());
    fs::write(dir.path().join("wal"), b"").unwrap();
    let mut engine = engine(&config);
    engine.start().await.unwrap_err();
    fs::remove_file(dir.path().join("wal")).unwrap();
    engine.start().await.unwrap();
    assert_eq!(engine.start().await.unwrap_err().kind(), ErrorKind::Invalid, "it is started now");
    engine.shutdown().await;
}

#[tokio::test]
async fn the_newest_configuration_at_the_start_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (tx, rx) = watch::channel(SyncEngineConfig::default());
    let mut engine = SyncEngine::new(SyncEngineConfig::default(), rx);
    tx.send(SyncEngineConfig { content_bytes_max: 4, ..on(dir.path()) }).unwrap();
    engine.start().await.unwrap();
    assert_eq!(engine.config().content_bytes_max, 4);
    let error = engine.submit(SyncItem::new("k".into(), json!("long"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    engine.submit(SyncItem::new("k".into(), json!(1))).await.unwrap();
    engine.shutdown().await;
}

#[tokio::test]
async fn keys_encrypt_journal_and_archive() {
    let dir = tempfile::tempdir().unwrap();
    let key = SecretKey::new([9; 32]).unwrap();
    let config = SyncEngineConfig { keys: KeyRing { current: Some(key), older: Vec::new() }, ..on(dir.path()) };
    let mut first = engine(&config);
    first.start().await.unwrap();
    first.submit(SyncItem::new("k".into(), json!("plain-text-marker"))).await.unwrap();
    first.shutdown().await;
    for path in files(dir.path()) {
        let bytes = fs::read(&path).unwrap();
        let found = String::from_utf8_lossy(&bytes).contains("plain-text-marker");
        assert!(!found, "{} holds content in clear", path.display());
    }
    let error = engine(&SyncEngineConfig { keys: KeyRing::default(), ..config })
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn every_bound_has_an_effect() {
    let dir = tempfile::tempdir().unwrap();
    let config = SyncEngineConfig {
        l1_max_bytes: 0,
        batch_flush_count: 1,
        batch_flush_bytes: 1,
        batch_flush_ms: 0,
        shutdown_deadline: Duration::from_secs(20),
        ..on(dir.path())
    };
    let mut engine = engine(&config);
    engine.start().await.unwrap();
    for n in 0..10 {
        engine.submit(SyncItem::new(format!("k{n}"), json!(n))).await.unwrap();
    }
    engine.flush().await.unwrap();
    let stats = engine.stats();
    assert_eq!((stats.archived, stats.pending_items, stats.l1_items), (10, 0, 0));
    assert_eq!(engine.get("k7").await.unwrap().unwrap().content, json!(7), "read from the archive");
    engine.shutdown().await;
    let too_small = SyncEngineConfig { memory_max_bytes: 1, ..config };
    let (_tx, rx) = watch::channel(too_small.clone());
    let error = SyncEngine::new(too_small, rx).start().await.unwrap_err();
    assert!(error.message().starts_with("memory_max_bytes is 1"), "{error}");
}
