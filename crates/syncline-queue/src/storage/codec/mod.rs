//! The steps of one call as one record of the journal.
//!
//! ```text
//! record  = format u8 (1) | flags u8 (bit 0: applied ahead) | time varint | count varint | steps
//! step    = kind u8 | seq varint | what the kind has
//! text    = length varint | UTF-8
//! ```
//!
//! `docs/formats/queue-v1.md` says what each kind has. Numbers are LEB128. A record is read whole or not at all; what the
//! journal gives back is what was written, so that bytes which make no sense are damage or a newer format, and are refused by
//! name.

mod arriving;
mod pushes;
mod read;
mod source;
mod write;

use syncline_core::{
    Error, ErrorKind, Result,
    port::{DeadReason, Ending},
};

pub(crate) use self::{
    arriving::Arriving,
    pushes::Pushes,
    read::{Read, Reading, open},
    write::encode,
};
use super::body::Body;
use crate::{
    leb::Broken,
    state::{Entry, Millis},
};

const FORMAT: u8 = 1;
const AHEAD: u8 = 1;

const PUSH: u8 = 1;
const CLAIM: u8 = 2;
const COMPLETE: u8 = 3;
const RETRY: u8 = 4;
const RETURN: u8 = 5;
const BURY: u8 = 6;
const REDRIVE: u8 = 7;
const DROP: u8 = 8;
const DEFER: u8 = 9;
const MOVE: u8 = 10;
const KEY: u8 = 11;
const OUTLIVE: u8 = 12;
const ENDED: u8 = 13;

const HAS_LANE: u8 = 1;
const HAS_DEDUP: u8 = 2;
const HAS_EXPIRY: u8 = 4;

/// How an item ended has the lower bits of its byte, and whether it has an error this one.
const HAS_ERROR: u8 = 128;

/// Where a moved item stands. A dead one adds its reason to the last of them.
const WAITING: u8 = 0;
const LEASED: u8 = 1;
const DEAD: u8 = 2;

/// The steps of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Whether they were applied before they were written, as what only this process sees may be.
    pub(crate) is_ahead: bool,
    /// The queue's time.
    pub(crate) time: Millis,
    pub(crate) entries: Vec<Entry<Body>>,
}

/// Reads a record that stands at `home` in the journal, whole. What its items carry is left where it is.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] for a newer format, [`ErrorKind::Corrupt`] for what is no record.
#[cfg(test)]
pub(crate) fn decode(record: &[u8], home: u64) -> Result<Record> {
    let Reading { is_ahead, time, steps } = open(record, home)?;
    let entries = steps.map(|step| step.and_then(Read::into_entry)).collect::<Result<_>>()?;
    Ok(Record { is_ahead, time, entries })
}

const REASONS: [DeadReason; 4] =
    [DeadReason::Exhausted, DeadReason::Rejected, DeadReason::Expired, DeadReason::Corrupt];

fn reason_number(reason: DeadReason) -> u8 {
    (0..).zip(REASONS).find(|(_, other)| *other == reason).map_or(0, |(number, _)| number)
}

fn reason(number: u8) -> Result<DeadReason> {
    REASONS
        .get(usize::from(number))
        .copied()
        .ok_or_else(|| corrupt(&format!("reason {number}")))
}

const ENDINGS: [Ending; 4] = [Ending::Completed, Ending::Cancelled, Ending::Purged, Ending::Expired];

fn ending_number(ending: Ending) -> u8 {
    (0..).zip(ENDINGS).find(|(_, other)| *other == ending).map_or(0, |(number, _)| number)
}

fn ending(number: u8) -> Result<Ending> {
    ENDINGS
        .get(usize::from(number))
        .copied()
        .ok_or_else(|| corrupt(&format!("ending {number}")))
}

fn broken(how: Broken) -> Error {
    corrupt(&how.to_string())
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a queue record has {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syncline_core::Priority;

    use super::*;
    use crate::state::{Dedup, Ended, Moved, Push, Stand};

    fn text() -> impl Strategy<Value = Box<str>> {
        ".{0,12}".prop_map(Into::into)
    }

    fn push() -> impl Strategy<Value = Push<Body>> {
        let names = (text(), prop::option::of(text()), prop::option::of((text(), any::<u64>())));
        let numbers = (any::<u64>(), 0..5_u8, any::<u64>(), any::<u16>(), prop::option::of(any::<u64>()));
        let bytes = prop::collection::vec(any::<u8>(), 0..40);
        (names, numbers, bytes).prop_map(
            |((id, lane, dedup), (seq, level, eligible_at, max_attempts, expires_at), bytes)| Push {
                seq,
                id: (&*id).into(),
                priority: Priority::from_number(level).unwrap(),
                eligible_at,
                max_attempts,
                lane,
                dedup: dedup.map(|(key, until)| Dedup { key, until }),
                expires_at,
                body: Body::new(&bytes),
            },
        )
    }

    fn moved() -> impl Strategy<Value = Moved<Body>> {
        let stand = prop_oneof![
            Just(Stand::Waiting),
            Just(Stand::Leased),
            (0..4_usize, any::<u64>()).prop_map(|(reason, at)| Stand::Dead(REASONS[reason], at)),
        ];
        let numbers = (any::<u16>(), any::<u64>(), any::<u64>(), any::<bool>());
        (push(), stand, numbers, prop::collection::vec(text(), 0..4)).prop_map(
            |(push, stand, (attempts, token, lane_place, holds_key), errors)| Moved {
                push,
                attempts,
                token,
                lane_place,
                holds_key,
                errors,
                stand,
            },
        )
    }

    fn ended() -> impl Strategy<Value = Ended> {
        let numbers = (any::<u64>(), any::<u64>(), 0..4_usize, 0..5_u8, any::<u16>());
        (numbers, text(), prop::option::of(text())).prop_map(|((seq, at, how, level, attempts), id, error)| Ended {
            seq,
            at,
            how: ENDINGS[how],
            id: (&*id).into(),
            priority: Priority::from_number(level).unwrap(),
            attempts,
            error,
        })
    }

    fn entry() -> impl Strategy<Value = Entry<Body>> {
        let seq = || any::<u64>();
        prop_oneof![
            seq().prop_map(|seq| Entry::Outlive { seq }),
            ended().prop_map(|ended| Entry::Ended(Box::new(ended))),
            push().prop_map(|push| Entry::Push(Box::new(push))),
            moved().prop_map(|moved| Entry::Move(Box::new(moved))),
            (seq(), text(), seq()).prop_map(|(seq, key, until)| Entry::Key { seq, dedup: Dedup { key, until } }),
            seq().prop_map(|seq| Entry::Claim { seq }),
            seq().prop_map(|seq| Entry::Complete { seq }),
            (seq(), seq(), text()).prop_map(|(seq, at, error)| Entry::Retry { seq, at, error }),
            (seq(), any::<bool>()).prop_map(|(seq, counts)| Entry::Return { seq, counts }),
            (seq(), seq(), 0..4_usize, text()).prop_map(|(seq, at, reason, error)| Entry::Bury {
                seq,
                at,
                reason: REASONS[reason],
                error
            }),
            (seq(), seq()).prop_map(|(seq, at)| Entry::Redrive { seq, at }),
            seq().prop_map(|seq| Entry::Drop { seq }),
            (seq(), seq()).prop_map(|(seq, at)| Entry::Defer { seq, at }),
        ]
    }

    fn record() -> impl Strategy<Value = Record> {
        (any::<bool>(), any::<u64>(), prop::collection::vec(entry(), 0..6))
            .prop_map(|(is_ahead, time, entries)| Record { is_ahead, time, entries })
    }

    fn push_of(entry: &mut Entry<Body>) -> Option<&mut Push<Body>> {
        match entry {
            Entry::Push(push) => Some(push),
            Entry::Move(moved) => Some(&mut moved.push),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(record in record()) {
            let bytes = encode(&record).unwrap();
            let mut read = decode(&bytes, 77).unwrap();
            for push in read.entries.iter_mut().filter_map(push_of) {
                prop_assert_eq!((push.body.home(), push.body.in_memory()), (77, 0));
                let unread = Record { entries: vec![Entry::Push(Box::new(push.clone()))], ..record.clone() };
                prop_assert!(encode(&unread).is_err());
                let content = push.body.spot().unwrap().copy_from(&bytes).unwrap();
                push.body = Body::new(&content);
            }
            prop_assert_eq!(read, record);
        }

        #[test]
        fn a_record_that_is_cut_is_damage(record in record(), cut in any::<prop::sample::Index>()) {
            let bytes = encode(&record).unwrap();
            let cut = &bytes[..cut.index(bytes.len())];
            prop_assert_eq!(decode(cut, 0).unwrap_err().kind(), ErrorKind::Corrupt);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&[&[FORMAT][..], &bytes].concat(), 0);
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let error = decode(&[2, 0, 0, 0], 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("format 2"), "{error}");
    }
}
