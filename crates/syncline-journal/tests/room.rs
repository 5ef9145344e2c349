//! What rooms are told of a journal's space, and how they hear of one another.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use syncline_core::{ErrorKind, memory::MemoryDisk};
use syncline_journal::{Config, Durability, Entry, Journal, Owner, Reservation, Seq};

const SEGMENT_BYTES: u64 = 4_096;

#[derive(Debug, Default)]
struct Room {
    asked: AtomicU64,
}

impl Owner for Room {
    fn apply(&self, _entry: Entry) {}

    fn make_room(&self) -> bool {
        self.asked.fetch_add(1, Relaxed) == 0
    }
}

fn open() -> Journal {
    let config = Config { segment_bytes: SEGMENT_BYTES, ..Config::default() };
    Journal::open(Arc::new(MemoryDisk::new()), config).unwrap().journal
}

#[test]
fn space_is_that_of_all_segments_and_needs_are_those_of_all_streams() {
    let journal = open();
    let (one, other) = (Arc::new(Room::default()), Arc::new(Room::default()));
    let (one, other) = (journal.stream("one", one).unwrap(), journal.stream("other", other).unwrap());
    let space = one.space(Seq::new(0), 100);
    assert_eq!((space.log_bytes, space.live_bytes), (SEGMENT_BYTES, 100));
    assert_eq!(
        (space.oldest_end, space.half_end),
        (Seq::new(0), Seq::new(0)),
        "one segment is written and none is old"
    );
    // Three records fill a segment.
    for _ in 0..12 {
        one.append(Bytes::from(vec![1; 1_000]), Durability::Sync).unwrap().wait().unwrap();
    }
    let space = other.space(Seq::new(0), 50);
    assert_eq!((space.log_bytes, space.live_bytes), (4 * SEGMENT_BYTES, 150));
    assert_eq!((space.oldest_end, space.half_end), (Seq::new(4), Seq::new(7)));
    let space = one.space(Seq::new(7), 0);
    assert_eq!(space.log_bytes, 2 * SEGMENT_BYTES, "what is needed by nobody is as good as gone");
    assert_eq!(journal.stats().segments, 4, "but it is given back when that is asked for");
    one.give_back().unwrap();
    assert_eq!(journal.stats().segments, 2);
    other.release();
    assert_eq!(one.space(Seq::new(7), 7).live_bytes, 7);
    journal.close().unwrap();
    assert_eq!(one.give_back().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn all_but_the_one_that_asks_are_asked_for_room() {
    let journal = open();
    let rooms: Vec<_> = (0..3).map(|_| Arc::new(Room::default())).collect();
    let streams: Vec<_> = (0..)
        .zip(&rooms)
        .map(|(n, room)| journal.stream(&format!("{n}"), Arc::clone(room) as _).unwrap())
        .collect();
    let asked = || rooms.iter().map(|room| room.asked.load(Relaxed)).collect::<Vec<_>>();
    assert!(streams[0].ask_for_room(), "the others have more to do");
    assert_eq!(asked(), [0, 1, 1]);
    assert!(!streams[0].ask_for_room());
    assert_eq!(asked(), [0, 2, 2]);
    journal.close().unwrap();
}

#[derive(Debug)]
struct Kept(Arc<AtomicU64>);

impl Reservation for Kept {
    fn keep(self: Box<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn what_goes_with_a_transaction_is_kept_and_asks_for_no_sync() {
    let journal = open();
    let stream = journal.stream("one", Arc::new(Room::default())).unwrap();
    let kept = Arc::new(AtomicU64::new(0));
    let mut transaction = stream.transaction();
    transaction.stage(&stream, &b"x"[..]).unwrap();
    transaction.accompany(Box::new(Kept(Arc::clone(&kept))));
    let syncs = journal.stats().syncs;
    transaction.commit(Durability::Buffered).unwrap().wait().unwrap();
    assert_eq!((kept.load(Relaxed), journal.stats().syncs), (1, syncs));
    journal.close().unwrap();
}
