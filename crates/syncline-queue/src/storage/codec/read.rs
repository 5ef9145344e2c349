//! Reading records, step by step.

use syncline_core::{Error, ErrorKind, Priority, Result};

use super::{
    AHEAD, BURY, CLAIM, COMPLETE, DEAD, DEFER, DROP, ENDED, FORMAT, HAS_ERROR, KEY, LEASED, MOVE, OUTLIVE, PUSH,
    REDRIVE, RETRY, RETURN, WAITING,
    arriving::{Arriving, take_push},
    corrupt, ending, reason,
    source::Source,
};
use crate::{
    leb,
    state::{Dedup, Ended, Entry, Millis, Moved, Stand},
    storage::body::Body,
};

/// Begins to read a record that stands at `home` in the journal. What its items carry is left where it is.
///
/// # Errors
///
/// As its [steps](Reading::steps) have them: [`ErrorKind::Invalid`] for a newer format, [`ErrorKind::Corrupt`] for what is no
/// record.
pub(crate) fn open(record: &[u8], home: u64) -> Result<Reading<'_>> {
    let mut from = Source { home, len: record.len(), from: leb::Source { rest: record } };
    let format = from.byte()?;
    if format != FORMAT {
        let message = format!("queue record of format {format}, this version reads {FORMAT}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let is_ahead = from.byte()? & AHEAD != 0;
    let time = from.number()?;
    let left = from.number()?;
    Ok(Reading { is_ahead, time, steps: Steps { left, from } })
}

/// A record that is read step by step.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// As of a [`Record`].
    pub(crate) is_ahead: bool,
    pub(crate) time: Millis,
    /// The first error is the last of them.
    pub(crate) steps: Steps<'a>,
}

/// The steps of a record that were not read yet.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    left: u64,
    from: Source<'a>,
}

impl<'a> Iterator for Steps<'a> {
    type Item = Result<Read<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                take_step(&mut self.from)
            }
            None if self.from.from.rest.is_empty() => return None,
            None => Err(corrupt("bytes after its last step")),
        };
        if step.is_err() {
            (self.left, self.from.from.rest) = (0, &[]);
        }
        Some(step)
    }
}

/// A step as it was read.
#[derive(Debug)]
pub(crate) enum Read<'a> {
    /// Of most of them only a little is needed where the item is there already.
    Push(Arriving<'a>),
    Other(Entry<Body>),
}

#[cfg(test)]
impl Read<'_> {
    /// What it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] for text that is none.
    pub(super) fn into_entry(self) -> Result<Entry<Body>> {
        match self {
            Self::Push(push) => Ok(Entry::Push(Box::new(push.to_push()?))),
            Self::Other(entry) => Ok(entry),
        }
    }
}

fn take_step<'a>(from: &mut Source<'a>) -> Result<Read<'a>> {
    let kind = from.byte()?;
    let seq = from.number()?;
    Ok(match kind {
        PUSH => Read::Push(take_push(from, seq)?),
        other => Read::Other(take_entry(from, other, seq)?),
    })
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
    let push = take_push(from, seq)?.to_push()?;
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

pub(super) fn take_priority(from: &mut Source<'_>) -> Result<Priority> {
    let level = from.byte()?;
    Priority::from_number(level).ok_or_else(|| corrupt(&format!("priority {level}")))
}

fn take_dedup(from: &mut Source<'_>) -> Result<Dedup> {
    Ok(Dedup { key: from.text()?, until: from.number()? })
}
