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

use bytes::{Buf, BufMut, Bytes, BytesMut};
use syncline_core::{Error, ErrorKind, Priority, Result, port::DeadReason};

use super::body::Body;
use crate::state::{Dedup, Ended, Ending, Entry, Millis, Moved, Push, ROOM, Stand};

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

/// Writes a record.
pub(crate) fn encode(record: &Record) -> Bytes {
    let mut out = BytesMut::with_capacity(64 + record.entries.len() * 64);
    out.put_u8(FORMAT);
    out.put_u8(if record.is_ahead { AHEAD } else { 0 });
    put_number(&mut out, record.time);
    put_number(&mut out, record.entries.len() as u64);
    for entry in &record.entries {
        put_entry(&mut out, entry);
    }
    out.freeze()
}

fn put_entry(out: &mut BytesMut, entry: &Entry<Body>) {
    match entry {
        Entry::Push(push) => {
            put_step(out, PUSH, push.seq);
            put_push(out, push);
        }
        Entry::Claim { seq } => put_step(out, CLAIM, *seq),
        Entry::Complete { seq } => put_step(out, COMPLETE, *seq),
        Entry::Retry { seq, at, error } => {
            put_step(out, RETRY, *seq);
            put_number(out, *at);
            put_text(out, error);
        }
        Entry::Return { seq, counts } => {
            put_step(out, RETURN, *seq);
            out.put_u8(u8::from(*counts));
        }
        Entry::Bury { seq, at, reason, error } => {
            put_step(out, BURY, *seq);
            put_number(out, *at);
            out.put_u8(reason_number(*reason));
            put_text(out, error);
        }
        Entry::Redrive { seq, at } => {
            put_step(out, REDRIVE, *seq);
            put_number(out, *at);
        }
        Entry::Drop { seq } => put_step(out, DROP, *seq),
        Entry::Defer { seq, at } => {
            put_step(out, DEFER, *seq);
            put_number(out, *at);
        }
        Entry::Move(moved) => put_moved(out, moved),
        Entry::Key { seq, dedup } => {
            put_step(out, KEY, *seq);
            put_dedup(out, dedup);
        }
        Entry::Outlive { seq } => put_step(out, OUTLIVE, *seq),
        Entry::Ended(ended) => put_ended(out, ended),
    }
}

fn put_moved(out: &mut BytesMut, moved: &Moved<Body>) {
    put_step(out, MOVE, moved.push.seq);
    match moved.stand {
        Stand::Waiting => out.put_u8(WAITING),
        Stand::Leased => out.put_u8(LEASED),
        Stand::Dead(reason, died_at) => {
            out.put_u8(DEAD + reason_number(reason));
            put_number(out, died_at);
        }
    }
    out.put_u8(u8::from(moved.holds_key));
    put_number(out, u64::from(moved.attempts));
    put_number(out, moved.token);
    put_number(out, moved.lane_place);
    put_number(out, moved.errors.len() as u64);
    for error in &moved.errors {
        put_text(out, error);
    }
    put_push(out, &moved.push);
}

fn put_ended(out: &mut BytesMut, ended: &Ended) {
    put_step(out, ENDED, ended.seq);
    put_number(out, ended.at);
    out.put_u8(ending_number(ended.how) | if ended.error.is_some() { HAS_ERROR } else { 0 });
    out.put_u8(ended.priority.number());
    put_number(out, u64::from(ended.attempts));
    put_text(out, ended.id.text(&mut ROOM.clone()));
    if let Some(error) = &ended.error {
        put_text(out, error);
    }
}

fn put_dedup(out: &mut BytesMut, dedup: &Dedup) {
    put_text(out, &dedup.key);
    put_number(out, dedup.until);
}

fn put_push(out: &mut BytesMut, push: &Push<Body>) {
    let has = |is: bool, flag: u8| if is { flag } else { 0 };
    let flags = has(push.lane.is_some(), HAS_LANE)
        | has(push.dedup.is_some(), HAS_DEDUP)
        | has(push.expires_at.is_some(), HAS_EXPIRY);
    out.put_u8(flags);
    out.put_u8(push.priority.number());
    put_number(out, push.eligible_at);
    put_number(out, u64::from(push.max_attempts));
    put_text(out, push.id.text(&mut ROOM.clone()));
    if let Some(lane) = &push.lane {
        put_text(out, lane);
    }
    if let Some(dedup) = &push.dedup {
        put_dedup(out, dedup);
    }
    if let Some(expires_at) = push.expires_at {
        put_number(out, expires_at);
    }
    put_number(out, push.body.bytes.len() as u64);
    out.put_slice(&push.body.bytes);
}

fn put_step(out: &mut BytesMut, kind: u8, seq: u64) {
    out.put_u8(kind);
    put_number(out, seq);
}

fn put_text(out: &mut BytesMut, text: &str) {
    put_number(out, text.len() as u64);
    out.put_slice(text.as_bytes());
}

fn put_number(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.put_u8(u8::try_from(number).unwrap_or(0));
}

/// Reads a record that stands at `home` in the journal.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] for a newer format, [`ErrorKind::Corrupt`] for what is no record.
pub(crate) fn decode(mut bytes: Bytes, home: u64) -> Result<Record> {
    let format = take_byte(&mut bytes)?;
    if format != FORMAT {
        let message = format!("queue record of format {format}, this version reads {FORMAT}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let is_ahead = take_byte(&mut bytes)? & AHEAD != 0;
    let time = take_number(&mut bytes)?;
    let count = take_number(&mut bytes)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(take_entry(&mut bytes, home)?);
    }
    if bytes.has_remaining() {
        return Err(corrupt("bytes after its last step"));
    }
    Ok(Record { is_ahead, time, entries })
}

fn take_entry(bytes: &mut Bytes, home: u64) -> Result<Entry<Body>> {
    let kind = take_byte(bytes)?;
    let seq = take_number(bytes)?;
    Ok(match kind {
        PUSH => Entry::Push(Box::new(take_push(bytes, seq, home)?)),
        CLAIM => Entry::Claim { seq },
        COMPLETE => Entry::Complete { seq },
        RETRY => Entry::Retry { seq, at: take_number(bytes)?, error: take_text(bytes)? },
        RETURN => Entry::Return { seq, counts: take_byte(bytes)? != 0 },
        BURY => Entry::Bury {
            seq,
            at: take_number(bytes)?,
            reason: reason(take_byte(bytes)?)?,
            error: take_text(bytes)?,
        },
        REDRIVE => Entry::Redrive { seq, at: take_number(bytes)? },
        DROP => Entry::Drop { seq },
        DEFER => Entry::Defer { seq, at: take_number(bytes)? },
        MOVE => Entry::Move(Box::new(take_moved(bytes, seq, home)?)),
        KEY => Entry::Key { seq, dedup: take_dedup(bytes)? },
        OUTLIVE => Entry::Outlive { seq },
        ENDED => Entry::Ended(Box::new(take_ended(bytes, seq)?)),
        other => return Err(corrupt(&format!("a step of kind {other}"))),
    })
}

fn take_moved(bytes: &mut Bytes, seq: u64, home: u64) -> Result<Moved<Body>> {
    let stand = match take_byte(bytes)? {
        WAITING => Stand::Waiting,
        LEASED => Stand::Leased,
        number => Stand::Dead(reason(number - DEAD)?, take_number(bytes)?),
    };
    let holds_key = take_byte(bytes)? != 0;
    let attempts = u16::try_from(take_number(bytes)?).map_err(|_| corrupt("too many attempts"))?;
    let token = take_number(bytes)?;
    let lane_place = take_number(bytes)?;
    let mut errors = Vec::new();
    for _ in 0..take_number(bytes)? {
        errors.push(take_text(bytes)?);
    }
    let push = take_push(bytes, seq, home)?;
    Ok(Moved { push, attempts, token, lane_place, holds_key, errors, stand })
}

fn take_ended(bytes: &mut Bytes, seq: u64) -> Result<Ended> {
    let at = take_number(bytes)?;
    let how = take_byte(bytes)?;
    let priority = take_priority(bytes)?;
    let attempts = u16::try_from(take_number(bytes)?).map_err(|_| corrupt("too many attempts"))?;
    let id = (&*take_text(bytes)?).into();
    let error = if how & HAS_ERROR != 0 { Some(take_text(bytes)?) } else { None };
    let how = ending(how & !HAS_ERROR)?;
    Ok(Ended { seq, at, how, id, priority, attempts, error })
}

fn take_priority(bytes: &mut Bytes) -> Result<Priority> {
    let level = take_byte(bytes)?;
    Priority::from_number(level).ok_or_else(|| corrupt(&format!("priority {level}")))
}

fn take_dedup(bytes: &mut Bytes) -> Result<Dedup> {
    Ok(Dedup { key: take_text(bytes)?, until: take_number(bytes)? })
}

fn take_push(bytes: &mut Bytes, seq: u64, home: u64) -> Result<Push<Body>> {
    let flags = take_byte(bytes)?;
    let priority = take_priority(bytes)?;
    let eligible_at = take_number(bytes)?;
    let max_attempts = u16::try_from(take_number(bytes)?).map_err(|_| corrupt("too many attempts"))?;
    let id = (&*take_text(bytes)?).into();
    let lane = if flags & HAS_LANE != 0 { Some(take_text(bytes)?) } else { None };
    let dedup = if flags & HAS_DEDUP != 0 { Some(take_dedup(bytes)?) } else { None };
    let expires_at = if flags & HAS_EXPIRY != 0 { Some(take_number(bytes)?) } else { None };
    let length = take_length(bytes)?;
    let body = Body { bytes: bytes.split_to(length), home };
    Ok(Push { seq, id, priority, eligible_at, max_attempts, lane, dedup, expires_at, body })
}

fn take_byte(bytes: &mut Bytes) -> Result<u8> {
    bytes.try_get_u8().map_err(|_| corrupt("an end too soon"))
}

fn take_number(bytes: &mut Bytes) -> Result<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(bytes)?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(corrupt("a number above 64 bits"))
}

/// A length of something that is there: checked before anything is allocated for it.
fn take_length(bytes: &mut Bytes) -> Result<usize> {
    let length = usize::try_from(take_number(bytes)?).unwrap_or(usize::MAX);
    if length > bytes.remaining() {
        return Err(corrupt("an end too soon"));
    }
    Ok(length)
}

fn take_text(bytes: &mut Bytes) -> Result<Box<str>> {
    let length = take_length(bytes)?;
    let text = bytes.split_to(length);
    let text = std::str::from_utf8(&text).map_err(|_| corrupt("text that is not UTF-8"))?;
    Ok(text.into())
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

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a queue record has {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
                body: Body { bytes: bytes.into(), home: 77 },
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

    proptest! {
        #[test]
        fn what_is_written_is_read(record in record()) {
            prop_assert_eq!(decode(encode(&record), 77).unwrap(), record);
        }

        #[test]
        fn a_record_that_is_cut_is_damage(record in record(), cut in any::<prop::sample::Index>()) {
            let bytes = encode(&record);
            let cut = bytes.slice(..cut.index(bytes.len()));
            prop_assert_eq!(decode(cut, 0).unwrap_err().kind(), ErrorKind::Corrupt);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode([&[FORMAT][..], &bytes].concat().into(), 0);
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let error = decode(Bytes::from_static(&[2, 0, 0, 0]), 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("format 2"), "{error}");
    }
}
