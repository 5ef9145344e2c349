//! Writing records.

use bytes::Bytes;
use syncline_core::{Error, ErrorKind, Priority, Result};

use super::{
    AHEAD, BURY, CLAIM, COMPLETE, DEAD, DEFER, DROP, ENDED, FORMAT, HAS_DEDUP, HAS_ERROR, HAS_EXPIRY, HAS_LANE, KEY,
    LEASED, MOVE, OUTLIVE, PUSH, REDRIVE, RETRY, RETURN, Record, WAITING, ending_number, reason_number,
};
use crate::{
    leb::{put_number, put_text},
    state::{Dedup, Ended, Entry, Millis, Moved, Push, ROOM, Stand},
    storage::body::Body,
};

/// Writes a record.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] where what an item carries is on disk alone: it has to be read before.
pub(crate) fn encode(record: &Record) -> Result<Bytes> {
    let bodies: u64 = record.entries.iter().filter_map(body_of).map(Body::in_memory).sum();
    let mut out = Vec::with_capacity(64 + record.entries.len() * 64 + usize::try_from(bodies).unwrap_or(0));
    put_head(&mut out, record.is_ahead, record.time, record.entries.len() as u64);
    for entry in &record.entries {
        put_entry(&mut out, entry)?;
    }
    Ok(out.into())
}

pub(super) fn put_head(out: &mut Vec<u8>, is_ahead: bool, time: Millis, count: u64) {
    out.push(FORMAT);
    out.push(if is_ahead { AHEAD } else { 0 });
    put_number(out, time);
    put_number(out, count);
}

/// What an item carries that a step brings.
fn body_of(entry: &Entry<Body>) -> Option<&Body> {
    match entry {
        Entry::Push(push) => Some(&push.body),
        Entry::Move(moved) => Some(&moved.push.body),
        _ => None,
    }
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry<Body>) -> Result<()> {
    match entry {
        Entry::Push(push) => {
            put_step(out, PUSH, push.seq);
            put_push_of(out, push)?;
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
            out.push(u8::from(*counts));
        }
        Entry::Bury { seq, at, reason, error } => {
            put_step(out, BURY, *seq);
            put_number(out, *at);
            out.push(reason_number(*reason));
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

fn put_moved(out: &mut Vec<u8>, moved: &Moved<Body>) -> Result<()> {
    put_step(out, MOVE, moved.push.seq);
    match moved.stand {
        Stand::Waiting => out.push(WAITING),
        Stand::Leased => out.push(LEASED),
        Stand::Dead(reason, died_at) => {
            out.push(DEAD + reason_number(reason));
            put_number(out, died_at);
        }
    }
    out.push(u8::from(moved.holds_key));
    put_number(out, u64::from(moved.attempts));
    put_number(out, moved.token);
    put_number(out, moved.lane_place);
    put_number(out, moved.errors.len() as u64);
    for error in &moved.errors {
        put_text(out, error);
    }
    put_push_of(out, &moved.push)
}

fn put_ended(out: &mut Vec<u8>, ended: &Ended) {
    put_step(out, ENDED, ended.seq);
    put_number(out, ended.at);
    out.push(ending_number(ended.how) | if ended.error.is_some() { HAS_ERROR } else { 0 });
    out.push(ended.priority.number());
    put_number(out, u64::from(ended.attempts));
    put_text(out, ended.id.text(&mut ROOM.clone()));
    if let Some(error) = &ended.error {
        put_text(out, error);
    }
}

fn put_dedup(out: &mut Vec<u8>, dedup: &Dedup) {
    put_text(out, &dedup.key);
    put_number(out, dedup.until);
}

/// Writes what a push has behind its kind and its seq, which is what a move ends with too.
fn put_push_of(out: &mut Vec<u8>, push: &Push<Body>) -> Result<()> {
    let content = push.body.as_slice().ok_or_else(|| {
        let message = format!("the content of {:?} is to be read before it is written again", push.id);
        Error::new(ErrorKind::Invalid, message)
    })?;
    let mut room = ROOM;
    let step = Step {
        priority: push.priority,
        eligible_at: push.eligible_at,
        max_attempts: push.max_attempts,
        id: push.id.text(&mut room),
        lane: push.lane.as_deref(),
        dedup: push.dedup.as_ref().map(|dedup| (&*dedup.key, dedup.until)),
        expires_at: push.expires_at,
        content,
    };
    put_push(out, &step);
    Ok(())
}

/// What is written of a push.
pub(super) struct Step<'a> {
    pub(super) priority: Priority,
    pub(super) eligible_at: Millis,
    pub(super) max_attempts: u16,
    pub(super) id: &'a str,
    pub(super) lane: Option<&'a str>,
    pub(super) dedup: Option<(&'a str, Millis)>,
    pub(super) expires_at: Option<Millis>,
    pub(super) content: &'a [u8],
}

pub(super) fn put_push(out: &mut Vec<u8>, step: &Step<'_>) {
    let has = |is: bool, flag: u8| if is { flag } else { 0 };
    let flags = has(step.lane.is_some(), HAS_LANE)
        | has(step.dedup.is_some(), HAS_DEDUP)
        | has(step.expires_at.is_some(), HAS_EXPIRY);
    out.extend_from_slice(&[flags, step.priority.number()]);
    put_number(out, step.eligible_at);
    put_number(out, step.max_attempts.into());
    put_text(out, step.id);
    if let Some(lane) = step.lane {
        put_text(out, lane);
    }
    if let Some((key, until)) = step.dedup {
        put_text(out, key);
        put_number(out, until);
    }
    if let Some(expires_at) = step.expires_at {
        put_number(out, expires_at);
    }
    put_number(out, step.content.len() as u64);
    out.extend_from_slice(step.content);
}

pub(super) fn put_step(out: &mut Vec<u8>, kind: u8, seq: u64) {
    out.push(kind);
    put_number(out, seq);
}
