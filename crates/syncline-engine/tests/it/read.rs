//! Reading one item: exact bytes, nothing stale, one call for many readers.

use std::time::Duration;

use serde_json::json;
use syncline_core::{ContentType, ErrorKind, WallTime, port::Clock as _};
use syncline_engine::{EngineConfig, SyncItem};
use syncline_testkit::{ArchiveCall, Failure};

use crate::support::{Rig, Running, background, config, item, kind, settle, text};

/// An engine that archived these items and remembers none of them.
async fn cold(rig: &Rig, items: Vec<SyncItem>) -> Running {
    cold_with(rig, items, config()).await
}

async fn cold_with(rig: &Rig, items: Vec<SyncItem>, config: EngineConfig) -> Running {
    let running = rig.start().await;
    for result in running.engine.submit_many(items).await {
        result.unwrap();
    }
    running.engine.shutdown().await;
    running.journal.close().unwrap();
    rig.start_with(config).await
}

/// The defect: content went through a JSON value on its way, so that keys changed order and large numbers lost digits.
#[tokio::test]
async fn content_comes_back_byte_for_byte_from_every_tier() {
    let rig = Rig::new();
    let json = r#"{ "zeta":1, "alpha" : 12345678901234567890123, "f":1.10, "alpha":2 }"#;
    let binary: Vec<u8> = (0..=255).collect();
    let items = || {
        vec![
            SyncItem::from_json("json", json).unwrap(),
            SyncItem::binary("binary", binary.clone()),
            SyncItem::binary("empty", Vec::new()),
        ]
    };
    let check = async |running: &Running| {
        let read = running.engine.get("json").await.unwrap().unwrap();
        assert_eq!((&read.content_bytes()[..], read.content_type()), (json.as_bytes(), ContentType::Json));
        assert_eq!(read.hash(), items()[0].hash());
        let read = running.engine.get("binary").await.unwrap().unwrap();
        assert_eq!((&read.content_bytes()[..], read.content_type()), (&binary[..], ContentType::Binary));
        assert!(running.engine.get("empty").await.unwrap().unwrap().content_bytes().is_empty());
    };
    let first = rig.start().await;
    first.engine.submit_many(items()).await;
    check(&first).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    first.crash();
    let from_journal = rig.start().await;
    check(&from_journal).await;
    rig.archive.heal();
    rig.until(|| from_journal.engine.stats().pending_items == 0).await;
    from_journal.stop().await;
    let from_archive = rig.start().await;
    check(&from_archive).await;
}

/// The defect: an item was read, its public content changed and submitted with the old hash and size.
#[tokio::test]
async fn what_was_read_is_submitted_with_the_hash_of_what_it_holds() {
    let rig = Rig::new();
    let running = rig.start().await;
    running.engine.submit(SyncItem::new("a".into(), json!({"n": 1}))).await.unwrap();
    let read = running.engine.get("a").await.unwrap().unwrap();
    let mut content = read.content.clone();
    content["n"] = json!("x".repeat(5_000));
    running.engine.submit(SyncItem::new(read.id.clone(), content.clone())).await.unwrap();
    let again = running.engine.get("a").await.unwrap().unwrap();
    assert_eq!(again.content, content);
    assert_ne!(again.hash(), read.hash());
    assert!(again.version() > read.version());
    running.engine.flush().await.unwrap();
    assert_eq!(rig.archived_row("a").await.unwrap().body.hash(), Some(again.hash()));
}

#[tokio::test]
async fn many_readers_of_a_key_make_one_call() {
    let rig = Rig::new();
    let running = cold(&rig, vec![item("a", "1")]).await;
    for (id, expected) in [("a", Some("1")), ("never", None)] {
        let before = rig.archive.calls(ArchiveCall::Get);
        rig.archive.fail_next(ArchiveCall::Get, 1, Failure::Hang);
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let engine = running.engine.clone();
                background(async move { text(&engine, id).await })
            })
            .collect();
        settle().await;
        rig.archive.heal();
        for reader in readers {
            assert_eq!(rig.outcome(reader).await.as_deref(), expected);
        }
        assert_eq!(rig.archive.calls(ArchiveCall::Get), before + 1, "{id}");
    }
}

#[tokio::test]
async fn an_archive_that_hangs_fails_all_readers_within_one_timeout() {
    let rig = Rig::new();
    let running = cold(&rig, vec![item("a", "1")]).await;
    rig.archive.fail(Failure::Hang);
    let start = rig.clock.now();
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let engine = running.engine.clone();
            background(async move { engine.get("a").await })
        })
        .collect();
    for reader in readers {
        assert_eq!(kind(rig.outcome(reader).await), ErrorKind::Unavailable);
    }
    assert!(rig.clock.now().saturating_since(start) <= Duration::from_secs(31));
    rig.archive.heal();
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("1"), "a failure is not remembered");
}

/// The defect: a read that began before a write put the old value back over it.
#[tokio::test]
async fn a_read_that_was_overtaken_by_a_write_leaves_nothing_stale() {
    let rig = Rig::new();
    let running = cold(&rig, vec![item("a", "old"), item("b", "old")]).await;
    rig.archive.fail_next(ArchiveCall::Get, 2, Failure::Hang);
    let readers = ["a", "b"].map(|id| {
        let engine = running.engine.clone();
        background(async move { text(&engine, id).await })
    });
    rig.until(|| rig.archive.hanging() == 2).await;
    running.engine.submit(item("a", "new")).await.unwrap();
    running.engine.delete("b").await.unwrap();
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("new"), "who comes later waits for no old flight");
    assert_eq!(text(&running.engine, "b").await, None);
    rig.archive.heal();
    for reader in readers {
        assert_eq!(rig.outcome(reader).await.as_deref(), Some("old"), "it came before");
    }
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("new"));
    assert_eq!(text(&running.engine, "b").await, None);
}

/// The defect: an item that had expired was served from memory.
#[tokio::test]
async fn an_item_is_gone_in_every_tier_once_it_expired() {
    let rig = Rig::new();
    let at = WallTime::from_millis(rig.clock.wall().as_millis() + 1_000);
    let expiring = || item("a", "1").with_expires_at(at);
    let running = cold(&rig, vec![expiring()]).await;
    running.engine.submit(expiring()).await.unwrap();
    assert_eq!(running.engine.get("a").await.unwrap().unwrap().expires_at(), Some(at));
    assert_eq!(running.engine.scan_prefix("", None, 9).await.unwrap().len(), 1);
    rig.clock.advance(Duration::from_millis(999));
    assert!(running.engine.get("a").await.unwrap().is_some());
    rig.clock.advance(Duration::from_millis(1));
    assert_eq!(text(&running.engine, "a").await, None, "from memory");
    assert!(running.engine.scan_prefix("", None, 9).await.unwrap().is_empty(), "from what is pending");
    running.engine.shutdown().await;
    running.journal.close().unwrap();
    let running = rig.start().await;
    assert_eq!(text(&running.engine, "a").await, None, "from the archive");
    assert!(running.engine.scan_prefix("", None, 9).await.unwrap().is_empty());
}

/// The defect: what was not written yet was the first to be evicted, and could not be read.
#[tokio::test]
async fn what_is_pending_is_readable_however_small_the_memory_for_readers_is() {
    let rig = Rig::new();
    let none = EngineConfig { l1_max_bytes: 0, ..config() };
    let running = rig.start_with(none).await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    for n in 0..50 {
        running.engine.submit(item(&format!("k{n}"), &n.to_string())).await.unwrap();
    }
    for n in 0..50 {
        assert_eq!(text(&running.engine, &format!("k{n}")).await, Some(n.to_string()));
    }
}

#[tokio::test]
async fn memory_for_readers_is_bounded_and_exact() {
    let rig = Rig::new();
    let small = EngineConfig { l1_max_bytes: 100_000, ..config() };
    let running = rig.start_with(small).await;
    for round in 0..5 {
        for n in 0..200 {
            running.engine.submit(item(&format!("k{n}"), &"x".repeat(1_000 + round))).await.unwrap();
        }
        running.engine.flush().await.unwrap();
    }
    let stats = running.engine.stats();
    assert!(stats.l1_bytes <= 100_000 && stats.l1_items > 10, "{stats:?}");
    for n in 0..200 {
        running.engine.delete(&format!("k{n}")).await.unwrap();
    }
    let stats = running.engine.stats();
    assert_eq!((stats.l1_bytes, stats.l1_items), (0, 0), "deleted items take no memory");
}

#[tokio::test]
async fn a_name_that_is_no_key_cannot_be_read() {
    let rig = Rig::new();
    let running = rig.start().await;
    assert_eq!(kind(running.engine.get("").await), ErrorKind::Invalid);
    assert_eq!(kind(running.engine.get("a\0b").await), ErrorKind::Invalid);
    assert_eq!(kind(running.engine.delete(&"x".repeat(1_025)).await), ErrorKind::Invalid);
    assert_eq!(kind(running.engine.scan_prefix("", Some(""), 9).await), ErrorKind::Invalid);
}
