//! Loss of power, failed syncs and a full disk, on a simulated one.

use std::sync::Arc;

use syncline_core::{ErrorKind, Result};
use syncline_engine::{Durability, Engine, Parts};
use syncline_journal::{Config, Journal};
use syncline_testkit::{
    Failure, SimDisk,
    disk::{Call, Fault},
    seed,
};

use crate::support::{Rig, config, item, kind, text};

async fn start(rig: &Rig, disk: &SimDisk) -> Result<(Engine, Journal)> {
    let small = Config { segment_bytes: 256 * 1_024, ..Config::default() };
    let journal = Journal::open(Arc::new(disk.clone()), small)?.journal;
    let engine = Engine::new(config());
    engine.start(Parts { journal: Some(journal.clone()), ..rig.parts() }).await?;
    Ok((engine, journal))
}

/// `Ok` of a submit, a batch and a delete means that it survives loss of power, with nothing but what was synced left.
#[tokio::test]
async fn what_was_acknowledged_survives_loss_of_power_at_every_moment() {
    let disk = SimDisk::new(seed());
    let rig = Rig::new();
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    let (engine, _journal) = start(&rig, &disk).await.unwrap();
    let mut expected: Vec<(String, Option<String>)> = Vec::new();
    for n in 0..24 {
        let id = format!("k{n:02}");
        match n % 4 {
            0 => {
                let batch = (0..5).map(|part| item(&format!("{id}.{part}"), "batch")).collect();
                assert!(engine.submit_many(batch).await.iter().all(Result::is_ok));
                expected.extend((0..5).map(|part| (format!("{id}.{part}"), Some("batch".to_owned()))));
            }
            1 => {
                let receipt = engine.submit_nowait(item(&id, "nowait")).unwrap();
                receipt.wait(Durability::Local).await.unwrap();
                expected.push((id, Some("nowait".to_owned())));
            }
            2 => {
                let (gone, content) = expected.last_mut().unwrap();
                engine.delete(gone).await.unwrap();
                *content = None;
            }
            _ => {
                engine.submit(item(&id, &"x".repeat(5_000))).await.unwrap();
                expected.push((id, Some("x".repeat(5_000))));
            }
        }
        let (after, journal) = start(&rig, &disk.synced_image()).await.unwrap();
        for (id, content) in &expected {
            assert_eq!(&text(&after, id).await, content, "{id} after {n}");
        }
        after.shutdown_within(std::time::Duration::ZERO).await;
        journal.close().unwrap();
    }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_more_is_promised_and_nothing_refused_is_read() {
    let disk = SimDisk::new(seed());
    let rig = Rig::new();
    let (engine, _journal) = start(&rig, &disk).await.unwrap();
    engine.submit(item("before", "1")).await.unwrap();
    disk.fail(Fault::eio(Call::Sync));
    assert_eq!(kind(engine.submit(item("a", "1")).await), ErrorKind::Poisoned);
    disk.heal();
    assert_eq!(kind(engine.submit(item("b", "1")).await), ErrorKind::Poisoned);
    assert_eq!(kind(engine.delete("before").await), ErrorKind::Poisoned);
    assert_eq!(text(&engine, "a").await, None);
    assert_eq!(text(&engine, "before").await.as_deref(), Some("1"));
    let report = engine.shutdown().await;
    assert_eq!((report.accepted, report.archived, report.pending_left), (1, 1, 0), "what was safe is archived");
}

#[tokio::test]
async fn on_a_full_disk_submits_are_refused_deletes_go_on_and_no_memory_leaks() {
    let disk = SimDisk::new(seed());
    let rig = Rig::new();
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    let (engine, _journal) = start(&rig, &disk).await.unwrap();
    engine.submit(item("gone", "1")).await.unwrap();
    disk.set_capacity(Some(disk.used()));
    let mut refused = Vec::new();
    for n in 0..200 {
        let (id, content) = (format!("k{n}"), "x".repeat(9_000));
        match engine.submit(item(&id, &content)).await {
            Ok(_) => assert!(refused.is_empty(), "there was room again"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full);
                refused.push(id);
            }
        }
        if refused.len() == 3 {
            break;
        }
    }
    assert_eq!(refused.len(), 3);
    // Nobody waits for these; their room comes back all the same.
    for n in 0..100 {
        drop(engine.submit_nowait(item(&format!("drop{n}"), &"x".repeat(9_000))));
    }
    engine.delete("gone").await.unwrap();
    assert_eq!(text(&engine, "gone").await, None);
    disk.set_capacity(None);
    rig.archive.heal();
    rig.until(|| engine.stats().pending_items == 0).await;
    for id in refused {
        assert_eq!(text(&engine, &id).await, None);
    }
    engine.submit(item("again", "1")).await.unwrap();
    engine.flush().await.unwrap();
    assert_eq!(engine.stats().pending_bytes, 0);
}
