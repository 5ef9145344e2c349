//! Submitting: what is refused at the door, and what one call promises.

use serde_json::json;
use syncline_core::{ErrorKind, port::Clock as _};
use syncline_engine::{Durability, Settled, SyncItem};
use syncline_testkit::{ArchiveCall, Failure};

use crate::support::{Rig, background, config, item, kind, settle, text, text_of};

/// The defect: nothing checked names, and the first one the database refused blocked everything behind it.
#[tokio::test]
async fn names_and_sizes_are_checked_before_anything_moves() {
    let rig = Rig::new();
    let running = rig.start().await;
    let engine = &running.engine;
    for name in ["", "a\nb", "a\u{0}", &"x".repeat(1_025)] {
        assert_eq!(kind(engine.submit(SyncItem::new(name.to_owned(), json!(1))).await), ErrorKind::Invalid);
        assert_eq!(kind(engine.submit_nowait(SyncItem::new(name.to_owned(), json!(1)))), ErrorKind::Invalid);
    }
    let error = engine.submit(item("large", &"x".repeat(65_537))).await.unwrap_err();
    assert_eq!(error.message(), "content of \"large\" has 65537 bytes, the most is 65536");
    engine.submit(item(&"x".repeat(1_024), &"x".repeat(65_536))).await.unwrap();
    assert_eq!((engine.stats().accepted, engine.stats().pending_items), (1, 1));
}

/// The defect: ids that a collation takes for equal were one row.
#[tokio::test]
async fn names_are_bytes() {
    let rig = Rig::new();
    let running = rig.start().await;
    let names = ["User.A", "user.a", "üser.a", "u\u{308}ser.a", "user.a ", "a_b", "axb", "a%"];
    for name in names {
        running.engine.submit(item(name, name)).await.unwrap();
    }
    running.engine.flush().await.unwrap();
    assert_eq!(rig.archived().await.len(), names.len());
    for name in names {
        assert_eq!(text(&running.engine, name).await.as_deref(), Some(name));
    }
    let page = running.engine.scan_prefix("a_", None, 9).await.unwrap();
    assert_eq!(page.iter().map(|item| item.id()).collect::<Vec<_>>(), ["a_b"], "no character is a wildcard");
}

#[tokio::test]
async fn nowait_returns_before_the_journal_answers_and_the_receipt_tells() {
    let rig = Rig::new();
    let running = rig.start().await;
    let receipt = running.engine.submit_nowait(item("a", "1")).unwrap();
    assert_eq!(receipt.wait(Durability::Local).await.unwrap(), Settled::Written);
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("1"));
    assert_eq!(receipt.wait(Durability::Archived).await.unwrap(), Settled::Written);
    assert_eq!(receipt.wait(Durability::Archived).await.unwrap(), Settled::Written, "as often as wanted");
}

/// A receipt that many wait on, some of whom go away, wakes all who stay.
#[tokio::test]
async fn a_receipt_is_awaited_by_many() {
    let rig = Rig::new();
    let running = rig.start().await;
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    for durability in [Durability::Local, Durability::Archived] {
        let receipt = std::sync::Arc::new(running.engine.submit_nowait(item("a", "1")).unwrap());
        let mut waiters: Vec<_> = (0..10)
            .map(|_| {
                let receipt = std::sync::Arc::clone(&receipt);
                background(async move { receipt.wait(durability).await })
            })
            .collect();
        settle().await;
        waiters.truncate(5);
        rig.archive.heal();
        for waiter in waiters {
            rig.outcome(waiter).await.unwrap();
        }
    }
}

#[tokio::test]
async fn many_items_are_one_transaction_and_a_bad_one_holds_nobody_back() {
    let rig = Rig::new();
    let running = rig.start().await;
    let frames = running.journal.stats().frames;
    let mut items: Vec<_> = (0..100).map(|n| item(&format!("k{n}"), "1")).collect();
    items[40] = SyncItem::new(String::new(), json!(1));
    let results = running.engine.submit_many(items).await;
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result.as_ref().err().map(|error| error.kind()), (n == 40).then_some(ErrorKind::Invalid), "{n}");
    }
    assert_eq!(running.journal.stats().frames, frames + 1);
    let versions: Vec<_> = results.iter().flatten().map(|receipt| receipt.version()).collect();
    assert!(versions.is_sorted() && versions.len() == 99);
    for receipt in results.iter().flatten() {
        assert_eq!(receipt.wait(Durability::Archived).await.unwrap(), Settled::Written);
    }
    assert!(running.engine.submit_many(Vec::new()).await.is_empty());
}

#[tokio::test]
async fn of_one_key_many_times_in_a_call_the_last_stands() {
    let rig = Rig::new();
    let running = rig.start().await;
    let results = running.engine.submit_many((0..10).map(|n| item("a", &n.to_string())).collect()).await;
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("9"));
    let last = results[9].as_ref().unwrap();
    assert_eq!(last.wait(Durability::Archived).await.unwrap(), Settled::Written);
    for receipt in results[..9].iter().flatten() {
        assert!(matches!(receipt.wait(Durability::Archived).await.unwrap(), Settled::Superseded { .. }));
    }
}

/// Records wait for company, up to an age; somebody who waits for the archive ends the wait.
#[tokio::test]
async fn records_share_a_transaction_until_they_are_old_or_awaited() {
    let rig = Rig::new();
    let running = rig.start().await;
    let applies = || rig.archive.calls(ArchiveCall::Apply);
    for n in 0..10 {
        running.engine.submit(item(&format!("k{n}"), "1")).await.unwrap();
        settle().await;
    }
    assert_eq!(applies(), 0);
    rig.clock.advance(config().archive_batch_age);
    settle().await;
    assert_eq!((applies(), rig.archived().await.len()), (1, 10));
    let receipt = running.engine.submit(item("k", "1")).await.unwrap();
    let before = rig.clock.now();
    receipt.wait(Durability::Archived).await.unwrap();
    assert_eq!((applies(), rig.clock.now()), (2, before), "no time had to pass");
    let many = (0..config().archive_batch_count).map(|n| item(&format!("m{n}"), "1")).collect();
    running.engine.submit_many(many).await;
    settle().await;
    assert_eq!((applies(), rig.clock.now()), (3, before), "a full batch goes at once");
}

#[tokio::test]
async fn a_poisoned_journal_fails_submits_and_reads_go_on() {
    let rig = Rig::new();
    let running = rig.start().await;
    running.engine.submit(item("a", "1")).await.unwrap();
    running.journal.close().unwrap();
    assert_eq!(kind(running.engine.submit(item("b", "1")).await), ErrorKind::Closed);
    assert_eq!(kind(running.engine.submit_nowait(item("b", "1"))), ErrorKind::Closed);
    assert_eq!(text(&running.engine, "a").await.as_deref(), Some("1"));
    assert_eq!(text(&running.engine, "b").await, None);
    assert_eq!(running.engine.shutdown().await.archived, 1);
}

#[tokio::test]
async fn an_item_that_was_read_shows_what_it_is() {
    let rig = Rig::new();
    let running = rig.start().await;
    let receipt = running.engine.submit(SyncItem::new("a".into(), json!({"x": [1]}))).await.unwrap();
    let read = running.engine.get("a").await.unwrap().unwrap();
    assert_eq!((read.id.as_str(), &read.content), ("a", &json!({"x": [1]})));
    assert_eq!(read.version(), Some(receipt.version()));
    assert_eq!(text_of(&read), r#"{"x":[1]}"#);
}
