use std::{fs, io::Write as _, path::PathBuf};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{AeadInOut as _, KeyInit as _, inout::InOutBuf},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use syncline_core::{
    port::{Clock as _, DeadReason},
    rt::SystemClock,
};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::{ItemStatus, Priority, SyncQueue};

const GOLDEN: &str = include_str!("../../tests/golden/original-v1.json");
const KEY: [u8; 32] = [7; 32];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn seal(bytes: &[u8], key: [u8; 32]) -> Vec<u8> {
    let (nonce, mut sealed) = ([9; 12], bytes.to_vec());
    let tag = Aes256Gcm::new(&key.into())
        .encrypt_inout_detached(&Nonce::from(nonce), &[], InOutBuf::from(sealed.as_mut_slice()))
        .unwrap();
    sealed.extend(tag);
    let envelope = json!({"nonce": nonce, "ciphertext": sealed, "salt": null, "algorithm": "AES-256-GCM"});
    envelope.to_string().into_bytes()
}

/// A directory with a file of these bytes, and the settings of a queue on it.
fn with_file(bytes: &[u8]) -> (TempDir, QueueConfig) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("queue.dat");
    fs::write(&path, bytes).unwrap();
    (dir, QueueConfig { persistence_path: Some(path), ..Default::default() })
}

fn keyed(config: &QueueConfig, key: [u8; 32]) -> QueueConfig {
    QueueConfig { encryption_key: Some(key.to_vec()), ..config.clone() }
}

fn path_of(config: &QueueConfig) -> PathBuf {
    config.persistence_path.clone().unwrap()
}

fn backup_of(config: &QueueConfig) -> PathBuf {
    path_of(config).with_file_name("queue.dat.v1.bak")
}

/// Opens it, and takes all that can be taken: ids and attempts so far. Ends with what is left.
async fn drained(config: QueueConfig) -> (Vec<(String, u32)>, SyncQueue) {
    let queue = SyncQueue::open(config).await.unwrap();
    let items = queue.pop_batch(100).await.unwrap();
    (items.into_iter().map(|item| (item.id, item.retry_count)).collect(), queue)
}

fn owned(items: &[(&str, u32)]) -> Vec<(String, u32)> {
    items.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
}

const ALL: [(&str, u32); 5] = [("in hand", 1), ("first", 2), ("second", 0), ("third", 0), ("behind", 1)];

#[tokio::test]
async fn every_form_of_the_file_is_taken_over_in_order_and_kept() {
    let zeros = [0; 32];
    let forms = [
        (GOLDEN.as_bytes().to_vec(), None),
        (gzip(GOLDEN.as_bytes()), None),
        (seal(GOLDEN.as_bytes(), KEY), Some(KEY)),
        (seal(&gzip(GOLDEN.as_bytes()), KEY), Some(KEY)),
        // The original took any key.
        (seal(&gzip(GOLDEN.as_bytes()), zeros), Some(zeros)),
    ];
    for (bytes, key) in forms {
        let (_dir, config) = with_file(&bytes);
        let config = QueueConfig { encryption_key: key.map(Vec::from), ..config };
        assert_eq!(drained(config.clone()).await.0, owned(&ALL));
        assert_eq!(fs::read(backup_of(&config)).unwrap(), bytes);
        assert!(path_of(&config).is_dir());
    }
}

#[tokio::test]
async fn everything_of_an_item_is_taken_over() {
    let (_dir, config) = with_file(GOLDEN.as_bytes());
    let queue = SyncQueue::open(config).await.unwrap();
    let first = queue.get("first").await.unwrap().unwrap();
    assert_eq!((&first.payload, first.max_retries, first.priority), (&json!([1.5, "ü"]), 5, Priority::Normal));
    assert_eq!((first.retry_count, first.error_message.as_deref()), (2, Some("timed out")));
    assert_eq!((first.correlation_id.as_deref(), first.partition_key.as_deref()), (Some("c1"), Some("p")));
    assert_eq!((first.created_at.as_millis(), &first.metadata["user"]), (1_700_000_001_000, &"u1".to_owned()));
    let later = queue.get("later").await.unwrap().unwrap();
    assert_eq!((later.status, later.retry_count), (ItemStatus::Scheduled, 1));
    let dead = queue.dead_letters(None, 10).await.unwrap();
    let [dead] = &dead[..] else { panic!("one is dead: {dead:?}") };
    assert_eq!((dead.item.id.as_str(), dead.reason, dead.item.retry_count), ("dead", DeadReason::Exhausted, 3));
    assert_eq!(dead.errors, ["no such user"]);
    for gone in ["done", "withdrawn"] {
        assert!(queue.get(gone).await.unwrap().is_none(), "{gone}");
    }
}

#[test]
fn each_item_of_a_file_is_counted() {
    let counts = items::read(GOLDEN.as_bytes(), &QueueConfig::default()).unwrap().counts;
    let expected = items::Counts { waiting: 5, returned: 1, dead: 1, completed: 1, cancelled: 1 };
    assert_eq!(counts, expected);
}

/// Only the first of a partition can be handed out, so an item behind it cannot take the steps of its past there.
#[tokio::test]
async fn attempts_are_kept_behind_another_item_of_the_partition_too() {
    let (_dir, config) = with_file(GOLDEN.as_bytes());
    let config = QueueConfig { enable_partitioning: true, ..config };
    let (popped, queue) = drained(config.clone()).await;
    assert_eq!(popped, owned(&[("in hand", 1), ("first", 2), ("second", 0), ("third", 0)]));
    queue.mark_completed("first").await.unwrap();
    assert_eq!(queue.pop().await.unwrap().map(|item| (item.id, item.retry_count)), Some(("behind".into(), 1)));
    queue.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_was_taken_over_is_taken_over_once() {
    let (_dir, config) = with_file(GOLDEN.as_bytes());
    let (_, queue) = drained(config.clone()).await;
    for (id, _) in ALL {
        queue.mark_completed(id).await.unwrap();
    }
    queue.shutdown().await.unwrap();
    drop(queue);
    assert_eq!(drained(config).await.0, []);
}

#[tokio::test]
async fn an_item_that_had_used_up_its_attempts_and_waits_has_one_more() {
    let mut golden: Value = serde_json::from_str(GOLDEN).unwrap();
    golden["items"] = json!([golden["items"][5]]);
    golden["items"][0]["retry_count"] = json!(3);
    let (_dir, config) = with_file(golden.to_string().as_bytes());
    let (popped, queue) = drained(config).await;
    assert_eq!(popped, owned(&[("in hand", 2)]));
    assert!(!queue.mark_failed("in hand", None).await.unwrap());
}

/// What went wrong: a file that could not be read was an empty queue, and the next save wrote over it.
#[test]
fn what_cannot_be_read_is_an_error_that_names_the_file_and_leaves_it() {
    let plain = GOLDEN.as_bytes();
    let newer = GOLDEN.replacen("\"version\": 1", "\"version\": 2", 1);
    let strange = GOLDEN.replacen("\"Pending\"", "\"Odd\"", 1);
    let nameless = GOLDEN.replacen("\"second\"", "\"\"", 1);
    let mut flipped = gzip(plain);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let cases = [
        ("it is no snapshot", b"hello".to_vec(), None),
        ("it is no snapshot", Vec::new(), None),
        ("it is no snapshot", plain[..plain.len() / 2].to_vec(), None),
        ("gzip stream is damaged", flipped, None),
        ("it has the format 2", newer.into_bytes(), None),
        ("it is no snapshot", strange.into_bytes(), None),
        ("the item \"\" cannot be taken in", nameless.into_bytes(), None),
        ("no encryption_key was given", seal(plain, KEY), None),
        ("the key given does not open it", seal(plain, KEY), Some([8; 32])),
        ("its envelope cannot be read", br#"{"ciphertext": [1, 256]}"#.to_vec(), Some(KEY)),
    ];
    for (what, bytes, key) in cases {
        let (dir, config) = with_file(&bytes);
        let config = QueueConfig { encryption_key: key.map(Vec::from), ..config };
        let error = SyncQueue::with_config(config.clone()).unwrap_err();
        let told = std::error::Error::source(&error).unwrap().to_string();
        assert!(told.contains(what) && told.contains("queue.dat"), "{what}: {told}");
        assert_eq!(fs::read(path_of(&config)).unwrap(), bytes, "{what}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{what}");
    }
}

/// What went wrong: a file of a megabyte took a gigabyte of memory.
#[test]
fn a_file_that_unpacks_to_more_than_the_bound_is_refused() {
    let bomb = gzip(&[b' '; 100_000]);
    assert!(unpack::unpack(bomb.clone(), None, 100_000).is_ok());
    assert!(matches!(unpack::unpack(bomb, None, 99_999), Err(QueueError::Corrupted(_))));
}

#[test]
fn an_older_backup_is_not_replaced() {
    let (_dir, config) = with_file(GOLDEN.as_bytes());
    fs::write(backup_of(&config), "older").unwrap();
    let error = SyncQueue::with_config(config.clone()).unwrap_err();
    assert!(format!("{error:?}").contains("which is there already"), "{error:?}");
    assert_eq!(fs::read(backup_of(&config)).unwrap(), b"older");
    assert_eq!(fs::read(path_of(&config)).unwrap(), GOLDEN.as_bytes());
}

#[test]
fn a_file_that_another_takes_over_is_left_to_it() {
    let (_dir, config) = with_file(GOLDEN.as_bytes());
    let held = file::lock(&path_of(&config)).unwrap().unwrap();
    assert!(matches!(SyncQueue::with_config(config.clone()), Err(QueueError::AlreadyOpen(_))));
    drop(held);
    assert!(SyncQueue::with_config(config).is_ok());
}

const STEPS: [&str; 5] = ["cleared", "built", "renamed", "synced", "entered"];

#[tokio::test]
async fn a_stop_at_any_step_loses_nothing_and_the_next_opening_goes_on() {
    for stop in STEPS {
        let (_dir, config) = with_file(&seal(GOLDEN.as_bytes(), KEY));
        let config = keyed(&config, KEY);
        let mut was_reached = false;
        let target = Target {
            config: &config,
            key: Some(&KEY),
            journal: syncline_journal::Config::default(),
            queue: "queue",
            now: Moment { wall: SystemClock.wall(), steady: SystemClock.now() },
        };
        let stopped = take_over_by_steps(&path_of(&config), &target, &mut |step| {
            was_reached |= step == stop;
            if step == stop { Err(QueueError::Locked) } else { Ok(()) }
        });
        assert!(was_reached && matches!(stopped, Err(QueueError::Locked)), "{stop}");
        assert_eq!(drained(config.clone()).await.0, owned(&ALL), "{stop}");
        assert!(backup_of(&config).is_file() && !path_of(&config).with_extension("dat.v1.new").exists(), "{stop}");
    }
}

#[test]
fn a_building_that_was_cut_off_is_begun_anew() {
    let (_dir, config) = with_file(GOLDEN.as_bytes());
    let places = Places::of(&path_of(&config));
    fs::create_dir(&places.building).unwrap();
    fs::write(places.building.join("00000000000000000001.seg"), "half").unwrap();
    assert!(SyncQueue::with_config(config).is_ok());
    assert!(!places.building.exists());
}
