//! Random histories on this archive and on the plain one in memory: the same answers to everything.

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use syncline_core::{
    Body, ContentType, Record, WallTime,
    memory::MemoryArchive,
    port::{Archive, PrefixScan},
};

use crate::support::{Place, key, version};

const NAMES: [&str; 10] = ["a", "A", "a.", "a.b", "a_b", "a%b", "b", "ä", "\u{10ffff}", "z"];

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Apply(Vec<Record>),
    Scan(PrefixScan),
    /// Dropped without being closed, and opened again.
    Reopen,
}

fn body() -> impl Strategy<Value = Body> {
    let content_type = prop_oneof![Just(ContentType::Json), Just(ContentType::Binary)];
    prop_oneof![
        1 => Just(Body::Deleted),
        4 => (content_type, vec(any::<u8>(), 0..40)).prop_map(|(content_type, content)| Body::put(content_type, content)),
    ]
}

fn batch() -> impl Strategy<Value = Vec<Record>> {
    let write = (1_u64..12, body(), proptest::option::of(any::<u64>().prop_map(WallTime::from_millis)));
    let rows = btree_map(0..NAMES.len(), write, 0..NAMES.len()).prop_map(|rows| {
        let record = |(name, (millis, body, expires_at)): (usize, _)| Record {
            key: key(NAMES[name]),
            version: version(millis),
            body,
            expires_at,
        };
        rows.into_iter().map(record).collect::<Vec<_>>()
    });
    rows.prop_shuffle()
}

fn scan() -> impl Strategy<Value = PrefixScan> {
    let prefix = prop_oneof![Just(""), Just("a"), Just("a."), Just("a_"), Just("%"), Just("\u{10ffff}")];
    (prefix, proptest::option::of(0..NAMES.len()), 0_usize..12).prop_map(|(prefix, after, limit)| PrefixScan {
        prefix: prefix.to_owned(),
        after: after.map(|name| key(NAMES[name])),
        limit,
    })
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => batch().prop_map(Step::Apply),
        3 => scan().prop_map(Step::Scan),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..25)
}

async fn replay(place: &Place, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut archive, oracle) = (place.open(), MemoryArchive::new());
    let keys = NAMES.map(key);
    for step in steps {
        match step {
            Step::Apply(batch) => {
                let found = archive.apply(&batch).await.unwrap();
                prop_assert_eq!(found, oracle.apply(&batch).await.unwrap());
            }
            Step::Scan(scan) => {
                prop_assert_eq!(archive.scan(&scan).await.unwrap(), oracle.scan(&scan).await.unwrap());
            }
            Step::Reopen => archive = place.open(),
        }
        prop_assert_eq!(archive.get(&keys).await.unwrap(), oracle.get(&keys).await.unwrap());
    }
    prop_assert_eq!(archive.heads(&keys).await.unwrap(), oracle.heads(&keys).await.unwrap());
    let (found, expected) = (archive.stats().await.unwrap(), oracle.stats().await.unwrap());
    prop_assert_eq!(archive.changes(0, 1_000).await.unwrap(), oracle.changes(0, 1_000).await.unwrap());
    let middle = expected.feed_head / 2;
    prop_assert_eq!(archive.changes(middle, 3).await.unwrap(), oracle.changes(middle, 3).await.unwrap());
    prop_assert_eq!(archive.high_water().await.unwrap(), oracle.high_water().await.unwrap());
    let counts = |stats: syncline_core::port::ArchiveStats| {
        (stats.items, stats.tombstones, stats.content_bytes, stats.feed_head)
    };
    prop_assert_eq!(counts(found), counts(expected));
    prop_assert_eq!(archive.verify(drop).unwrap().items, expected.items);
    Ok(())
}

fn check(keys: Option<u8>) {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&syncline_testkit::seed().to_le_bytes());
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let replayed = runner.run(&history(), |steps| runtime.block_on(replay(&Place::with_keys(keys, &[]), steps)));
    replayed.unwrap();
}

#[test]
fn any_history_in_clear_reads_as_in_memory() {
    check(None);
}

#[test]
fn any_history_encrypted_reads_as_in_memory() {
    check(Some(1));
}
