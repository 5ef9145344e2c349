//! Readers beside the writer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use syncline_core::{
    Version,
    port::{Archive, ChangePage},
    rt,
};

use crate::support::{Place, key, put, version};

/// Every read is one moment: it sees a batch whole or not at all, and what it has seen never goes back.
#[tokio::test(flavor = "multi_thread")]
async fn readers_never_see_half_a_batch_nor_an_older_one() {
    let place = Place::new();
    let archive = Arc::new(place.open());
    let keys: Vec<_> = (0..50).map(|i| key(&format!("item.{i}"))).collect();
    let batch = |n: u64| (0..50).map(|i| put(&format!("item.{i}"), n, &n.to_string())).collect::<Vec<_>>();
    archive.apply(&batch(1)).await.unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (archive, keys, is_done) = (Arc::clone(&archive), keys.clone(), Arc::clone(&is_done));
            rt::spawn("reader", async move {
                let (mut seen, mut cursor, mut reads) = (Version::ZERO, 0, 0_u64);
                while !is_done.load(Ordering::Acquire) {
                    let rows = archive.get(&keys).await.unwrap();
                    let versions: Vec<_> = rows.into_iter().map(|row| row.unwrap().version).collect();
                    assert!(versions.iter().all(|version| *version == versions[0] && *version >= seen));
                    seen = versions[0];
                    let ChangePage::Lines(lines) = archive.changes(cursor, 1_000).await.unwrap() else {
                        panic!("so short a feed is kept")
                    };
                    assert!(lines.iter().zip(cursor + 1..).all(|(line, seq)| line.seq == seq), "no gap");
                    cursor = lines.last().map_or(cursor, |line| line.seq);
                    reads += 1;
                }
                (seen, reads)
            })
        })
        .collect();
    for n in 2..=200 {
        archive.apply(&batch(n)).await.unwrap();
    }
    is_done.store(true, Ordering::Release);
    for reader in readers {
        let (seen, reads) = reader.await.unwrap();
        assert!(seen <= version(200) && reads > 0);
    }
    archive.verify(drop).unwrap();
}

/// Many callers, one writer: each batch has its own answer, and all of them are there.
#[tokio::test(flavor = "multi_thread")]
async fn batches_of_many_callers_are_all_written() {
    let place = Place::new();
    let archive = Arc::new(place.open());
    let writers: Vec<_> = (0..8)
        .map(|w| {
            let archive = Arc::clone(&archive);
            rt::spawn("writer", async move {
                for n in 0..20 {
                    archive
                        .apply(&[put(&format!("own.{w}.{n}"), 1, "1"), put("shared", w * 20 + n + 1, "1")])
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let verified = archive.verify(drop).unwrap();
    assert_eq!(verified.items, 161);
    assert_eq!(archive.get(&[key("shared")]).await.unwrap(), [Some(put("shared", 160, "1"))]);
}

/// A reader that is always there must not keep the WAL from beginning anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_wal_is_bounded_under_steady_reading() {
    let mut place = Place::new();
    place.config.checkpoint_bytes = 64 * 4_096;
    let archive = Arc::new(place.open());
    let is_done = Arc::new(AtomicBool::new(false));
    archive.apply(&[put("item.0", 1, "1")]).await.unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (archive, is_done) = (Arc::clone(&archive), Arc::clone(&is_done));
            rt::spawn("reader", async move {
                while !is_done.load(Ordering::Acquire) {
                    assert!(archive.get(&[key("item.0")]).await.unwrap()[0].is_some());
                }
            })
        })
        .collect();
    for n in 0..400 {
        let batch: Vec<_> = (0..20).map(|i| put(&format!("item.{i}"), n + 2, &"x".repeat(2_000))).collect();
        archive.apply(&batch).await.unwrap();
    }
    is_done.store(true, Ordering::Release);
    for reader in readers {
        reader.await.unwrap();
    }
    let beside = archive.space().await.unwrap().beside_bytes;
    // Four times its normal size, what one batch adds, and the index beside it.
    assert!(beside < 6 * 64 * 4_096, "{beside} bytes");
}
