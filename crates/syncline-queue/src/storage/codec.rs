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

use bytes::{BufMut, Bytes, BytesMut};
use syncline_core::{
    Error, ErrorKind, Priority, Result,
    port::{DeadReason, Ending},
};

use super::body::Body;
use crate::leb::{self, Broken, put_number, put_text};
use crate::state::{Dedup, Ended, Entry, Id, Millis, Moved, Push, ROOM, Stand};

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
///
/// # Errors
///
/// [`ErrorKind::Invalid`] where what an item carries is on disk alone: it has to be read before.
pub(crate) fn encode(record: &Record) -> Result<Bytes> {
    let bodies: u64 = record.entries.iter().filter_map(body_of).map(Body::in_memory).sum();
    let mut out = BytesMut::with_capacity(64 + record.entries.len() * 64 + usize::try_from(bodies).unwrap_or(0));
    out.put_u8(FORMAT);
    out.put_u8(if record.is_ahead { AHEAD } else { 0 });
    put_number(&mut out, record.time);
    put_number(&mut out, record.entries.len() as u64);
    for entry in &record.entries {
        put_entry(&mut out, entry)?;
    }
    Ok(out.freeze())
}

/// What an item carries that a step brings.
fn body_of(entry: &Entry<Body>) -> Option<&Body> {
    match entry {
        Entry::Push(push) => Some(&push.body),
        Entry::Move(moved) => Some(&moved.push.body),
        _ => None,
    }
}

fn put_entry(out: &mut BytesMut, entry: &Entry<Body>) -> Result<()> {
    match entry {
        Entry::Push(push) => {
            put_step(out, PUSH, push.seq);
            put_push(out, push)?;
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
        Entry::Move(moved) => put_moved(out, moved)?,
        Entry::Key { seq, dedup } => {
            put_step(out, KEY, *seq);
            put_dedup(out, dedup);
        }
        Entry::Outlive { seq } => put_step(out, OUTLIVE, *seq),
        Entry::Ended(ended) => put_ended(out, ended),
    }
    Ok(())
}

fn put_moved(out: &mut BytesMut, moved: &Moved<Body>) -> Result<()> {
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
    put_push(out, &moved.push)
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

fn put_push(out: &mut BytesMut, push: &Push<Body>) -> Result<()> {
    let content = push.body.as_slice().ok_or_else(|| {
        let message = format!("the content of {:?} is to be read before it is written again", push.id);
        Error::new(ErrorKind::Invalid, message)
    })?;
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
    put_number(out, content.len() as u64);
    out.put_slice(content);
    Ok(())
}

fn put_step(out: &mut BytesMut, kind: u8, seq: u64) {
    out.put_u8(kind);
    put_number(out, seq);
}

/// Reads a record that stands at `home` in the journal. What its items carry is left where it is.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] for a newer format, [`ErrorKind::Corrupt`] for what is no record.
pub(crate) fn decode(record: &[u8], home: u64) -> Result<Record> {
    let steps = steps(record, home)?;
    let (is_ahead, time) = (steps.is_ahead, steps.time);
    let entries = steps.map(|step| Ok(step?.into_entry())).collect::<Result<_>>()?;
    Ok(Record { is_ahead, time, entries })
}

/// The same step by step, for who uses none of them where one cannot be read.
///
/// # Errors
///
/// As [`decode`], at the beginning or at the step that is no step.
pub(crate) fn steps(record: &[u8], home: u64) -> Result<Steps<'_>> {
    let mut from = Source { home, len: record.len(), from: leb::Source { rest: record } };
    let format = from.byte()?;
    if format != FORMAT {
        let message = format!("queue record of format {format}, this version reads {FORMAT}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let is_ahead = from.byte()? & AHEAD != 0;
    let time = from.number()?;
    let left = from.number()?;
    Ok(Steps { is_ahead, time, left, from })
}

/// The steps of a record. After the first error there are none.
pub(crate) struct Steps<'a> {
    pub(crate) is_ahead: bool,
    pub(crate) time: Millis,
    left: u64,
    from: Source<'a>,
}

/// A step as it is read. There are millions of pushes in a replay, and none is boxed.
pub(crate) enum Step {
    Push(Push<Body>),
    Other(Entry<Body>),
}

impl Step {
    fn into_entry(self) -> Entry<Body> {
        match self {
            Self::Push(push) => Entry::Push(Box::new(push)),
            Self::Other(entry) => entry,
        }
    }
}

impl Iterator for Steps<'_> {
    type Item = Result<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return (!std::mem::take(&mut self.from.from.rest).is_empty())
                .then(|| Err(corrupt("bytes after its last step")));
        }
        let step = take_step(&mut self.from);
        self.left -= 1;
        if step.is_err() {
            (self.left, self.from.from.rest) = (0, &[]);
        }
        Some(step)
    }
}

fn take_step(from: &mut Source<'_>) -> Result<Step> {
    let kind = from.byte()?;
    let seq = from.number()?;
    if kind == PUSH {
        return take_push(from, seq).map(Step::Push);
    }
    take_entry(from, kind, seq).map(Step::Other)
}

fn take_entry(from: &mut Source<'_>, kind: u8, seq: u64) -> Result<Entry<Body>> {
    Ok(match kind {
        CLAIM => Entry::Claim { seq },
        COMPLETE => Entry::Complete { seq },
        RETRY => Entry::Retry { seq, at: from.number()?, error: from.text()? },
        RETURN => Entry::Return { seq, counts: from.byte()? != 0 },
        BURY => Entry::Bury { seq, at: from.number()?, reason: reason(from.byte()?)?, error: from.text()? },
        REDRIVE => Entry::Redrive { seq, at: from.number()? },
        DROP => Entry::Drop { seq },
        DEFER => Entry::Defer { seq, at: from.number()? },
        MOVE => Entry::Move(Box::new(take_moved(from, seq)?)),
        KEY => Entry::Key { seq, dedup: take_dedup(from)? },
        OUTLIVE => Entry::Outlive { seq },
        ENDED => Entry::Ended(Box::new(take_ended(from, seq)?)),
        other => return Err(corrupt(&format!("a step of kind {other}"))),
    })
}

fn take_moved(from: &mut Source<'_>, seq: u64) -> Result<Moved<Body>> {
    let stand = match from.byte()? {
        WAITING => Stand::Waiting,
        LEASED => Stand::Leased,
        number => Stand::Dead(reason(number - DEAD)?, from.number()?),
    };
    let holds_key = from.byte()? != 0;
    let attempts = u16::try_from(from.number()?).map_err(|_| corrupt("too many attempts"))?;
    let token = from.number()?;
    let lane_place = from.number()?;
    let mut errors = Vec::new();
    for _ in 0..from.number()? {
        errors.push(from.text()?);
    }
    let push = take_push(from, seq)?;
    Ok(Moved { push, attempts, token, lane_place, holds_key, errors, stand })
}

fn take_ended(from: &mut Source<'_>, seq: u64) -> Result<Ended> {
    let at = from.number()?;
    let how = from.byte()?;
    let priority = take_priority(from)?;
    let attempts = u16::try_from(from.number()?).map_err(|_| corrupt("too many attempts"))?;
    let id = from.str()?.into();
    let error = if how & HAS_ERROR != 0 { Some(from.text()?) } else { None };
    let how = ending(how & !HAS_ERROR)?;
    Ok(Ended { seq, at, how, id, priority, attempts, error })
}

fn take_priority(from: &mut Source<'_>) -> Result<Priority> {
    let level = from.byte()?;
    Priority::from_number(level).ok_or_else(|| corrupt(&format!("priority {level}")))
}

fn take_dedup(from: &mut Source<'_>) -> Result<Dedup> {
    Ok(Dedup { key: from.text()?, until: from.number()? })
}

fn take_push(from: &mut Source<'_>, seq: u64) -> Result<Push<Body>> {
    let flags = from.byte()?;
    let priority = take_priority(from)?;
    let eligible_at = from.number()?;
    let max_attempts = u16::try_from(from.number()?).map_err(|_| corrupt("too many attempts"))?;
    let id = Id::try_from(from.from.bytes().map_err(broken)?).map_err(|_| broken(Broken::NotText))?;
    let lane = if flags & HAS_LANE != 0 { Some(from.text()?) } else { None };
    let dedup = if flags & HAS_DEDUP != 0 { Some(take_dedup(from)?) } else { None };
    let expires_at = if flags & HAS_EXPIRY != 0 { Some(from.number()?) } else { None };
    let body = from.body()?;
    Ok(Push { seq, id, priority, eligible_at, max_attempts, lane, dedup, expires_at, body })
}

/// What is left of a record.
struct Source<'a> {
    home: u64,
    /// Bytes of the whole record.
    len: usize,
    from: leb::Source<'a>,
}

impl<'a> Source<'a> {
    fn byte(&mut self) -> Result<u8> {
        self.from.byte().map_err(broken)
    }

    fn number(&mut self) -> Result<u64> {
        self.from.number().map_err(broken)
    }

    fn str(&mut self) -> Result<&'a str> {
        self.from.text().map_err(broken)
    }

    fn text(&mut self) -> Result<Box<str>> {
        self.str().map(Into::into)
    }

    fn body(&mut self) -> Result<Body> {
        let bytes = self.from.bytes().map_err(broken)?;
        let (end, len) = (self.len - self.from.rest.len(), bytes.len());
        let in_record = |number: usize| u32::try_from(number).map_err(|_| corrupt("more bytes than any journal takes"));
        Ok(Body::on_disk(self.home, in_record(end - len)?, in_record(len)?))
    }
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
