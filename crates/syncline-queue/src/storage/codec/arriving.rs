//! A push as it is read.

use syncline_core::{Priority, Result};

use super::{
    HAS_DEDUP, HAS_EXPIRY, HAS_LANE, broken, corrupt,
    read::take_priority,
    source::{Source, str_of},
};
use crate::{
    leb::Broken,
    state::{Dedup, Millis, Push},
    storage::body::Body,
};

/// A push whose text was not looked at: where its item is there already, only a little of it is needed.
#[derive(Debug)]
pub(crate) struct Arriving<'a> {
    pub(crate) seq: u64,
    /// Where in the record its content stands.
    pub(crate) body: Body,
    lane: Option<&'a [u8]>,
    id: &'a [u8],
    priority: Priority,
    eligible_at: Millis,
    max_attempts: u16,
    dedup: Option<(&'a [u8], Millis)>,
    expires_at: Option<Millis>,
}

impl Arriving<'_> {
    /// Its lane.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`](syncline_core::ErrorKind::Corrupt) for text that is none.
    pub(crate) fn lane(&self) -> Result<Option<&str>> {
        self.lane.map(str_of).transpose()
    }

    /// All of it.
    ///
    /// # Errors
    ///
    /// As [`lane`](Self::lane).
    pub(crate) fn to_push(&self) -> Result<Push<Body>> {
        let dedup = self.dedup.map(|(key, until)| Ok(Dedup { key: str_of(key)?.into(), until })).transpose()?;
        Ok(Push {
            seq: self.seq,
            id: self.id.try_into().map_err(|_| broken(Broken::NotText))?,
            priority: self.priority,
            eligible_at: self.eligible_at,
            max_attempts: self.max_attempts,
            lane: self.lane()?.map(Into::into),
            dedup,
            expires_at: self.expires_at,
            body: self.body.clone(),
        })
    }
}

pub(super) fn take_push<'a>(from: &mut Source<'a>, seq: u64) -> Result<Arriving<'a>> {
    let flags = from.byte()?;
    let priority = take_priority(from)?;
    let eligible_at = from.number()?;
    let max_attempts = u16::try_from(from.number()?).map_err(|_| corrupt("too many attempts"))?;
    let id = from.bytes()?;
    let lane = if flags & HAS_LANE != 0 { Some(from.bytes()?) } else { None };
    let dedup = if flags & HAS_DEDUP != 0 {
        Some((from.bytes()?, from.number()?))
    } else {
        None
    };
    let expires_at = if flags & HAS_EXPIRY != 0 { Some(from.number()?) } else { None };
    let body = from.body()?;
    Ok(Arriving { seq, body, lane, id, priority, eligible_at, max_attempts, dedup, expires_at })
}
