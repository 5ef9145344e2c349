//! Scans: pending merged over the archive, page by page, against a model.

use std::collections::BTreeMap;

use syncline_core::ErrorKind;
use syncline_engine::{Engine, EngineConfig};
use syncline_testkit::{Failure, SeededRandom, seed};

use crate::support::{Rig, background, config, item, kind, settle, text_of};

const NAMES: [&str; 14] =
    ["a", "a.b", "a.b.c", "a.c", "a_b", "axb", "A", "b", "b.1", "b.10", "b.2", "ü", "üb", "z\u{10ffff}"];

/// Every page of `limit` items below `prefix`.
async fn pages(engine: &Engine, prefix: &str, limit: usize) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    loop {
        let after = all.last().map(|(id, _)| id.clone());
        let page = engine.scan_prefix(prefix, after.as_deref(), limit).await.unwrap();
        all.extend(page.iter().map(|item| (item.id().to_owned(), text_of(item))));
        if page.len() < limit {
            return all;
        }
    }
}

fn expected(model: &BTreeMap<String, String>, prefix: &str) -> Vec<(String, String)> {
    let matching = model.iter().filter(|(id, _)| id.starts_with(prefix));
    matching.map(|(id, content)| (id.clone(), content.clone())).collect()
}

#[tokio::test]
async fn pages_are_what_a_model_says_whatever_is_archived_and_whatever_is_pending() {
    let seed = seed();
    for round in 0..40 {
        let random = SeededRandom::new(seed).split(round);
        let rig = Rig::new();
        let running = rig.start().await;
        let mut model = BTreeMap::new();
        for step in 0..60 {
            let id = NAMES[random.index(NAMES.len())];
            match random.below(8) {
                0 => {
                    running.engine.flush().await.unwrap();
                }
                1 | 2 => {
                    running.engine.delete(id).await.unwrap();
                    model.remove(id);
                }
                _ => {
                    running.engine.submit(item(id, &step.to_string())).await.unwrap();
                    model.insert(id.to_owned(), step.to_string());
                }
            }
            if random.once_in(5) {
                let prefix = ["", "a", "a.", "b.1", "ü", "zz"][random.index(6)];
                let limit = 1 + random.index(5);
                assert_eq!(pages(&running.engine, prefix, limit).await, expected(&model, prefix), "round {round}");
            }
        }
        running.stop().await;
    }
}

/// Rows leave the pending ones for the archive while pages are read: none is skipped, none is old, none comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_misses_nothing_that_was_there_all_the_time() {
    let rig = Rig::new();
    let running = rig.start_with(EngineConfig { archive_batch_count: 7, ..config() }).await;
    for n in 0..300 {
        running.engine.submit(item(&format!("k{n:03}"), "old")).await.unwrap();
    }
    let engine = running.engine.clone();
    let writer = background(async move {
        for n in 0..300 {
            engine.submit(item(&format!("k{n:03}"), "new")).await.unwrap();
            engine.submit(item(&format!("x{n:03}"), "new")).await.unwrap();
            if n % 10 == 0 {
                engine.flush().await.unwrap();
            }
        }
    });
    let mut seen_new = 0;
    while !writer.is_finished() {
        let page = pages(&running.engine, "k", 17).await;
        let ids: Vec<_> = page.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(ids, (0..300).map(|n| format!("k{n:03}")).collect::<Vec<_>>());
        // What was seen as new stays new, since the writer goes upwards and scans do not overlap.
        let new = page.iter().take_while(|(_, content)| content == "new").count();
        assert!(new >= seen_new, "{new} after {seen_new}");
        seen_new = new;
    }
    assert!(pages(&running.engine, "k", 17).await.iter().all(|(_, content)| content == "new"));
}

#[tokio::test]
async fn many_tombstones_between_two_items_are_passed() {
    let rig = Rig::new();
    let running = rig.start().await;
    let ids = |range: std::ops::Range<u32>| range.map(|n| format!("k{n:04}"));
    running.engine.submit_many(ids(0..1_500).map(|id| item(&id, "1")).collect()).await;
    running.engine.flush().await.unwrap();
    for id in ids(1..700) {
        running.engine.delete(&id).await.unwrap();
    }
    running.engine.flush().await.unwrap();
    for id in ids(700..1_499) {
        running.engine.delete(&id).await.unwrap();
    }
    let page = running.engine.scan_prefix("k", None, 3).await.unwrap();
    assert_eq!(page.iter().map(|item| item.id()).collect::<Vec<_>>(), ["k0000", "k1499"]);
}

#[tokio::test]
async fn a_page_has_a_bound() {
    let rig = Rig::new();
    let running = rig.start().await;
    assert_eq!(kind(running.engine.scan_prefix("", None, 10_001).await), ErrorKind::Invalid);
    assert!(running.engine.scan_prefix("", None, 0).await.unwrap().is_empty());
    settle().await;
}

#[tokio::test]
async fn a_scan_is_the_same_with_the_archive_down_or_an_error() {
    let rig = Rig::new();
    let running = rig.start().await;
    running.engine.submit(item("a", "1")).await.unwrap();
    rig.archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    assert_eq!(kind(running.engine.scan_prefix("", None, 9).await), ErrorKind::Unavailable, "never a part of it");
}
