//! Writes that the archive refused for what they are: kept in the journal, listed by name, in nobody's way.
//!
//! The stream `quarantine` holds, for each of them, why and what:
//!
//! ```text
//! offset  bytes  what
//!      0      1  format: 1
//!      1      1  kind of the error: 1 invalid, 2 corrupt, 3 denied
//!      2      2  length of its message, little-endian
//!      4      n  message, UTF-8, at most 1,024 bytes
//!      .      *  the write, as in the stream `engine`
//! ```

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use syncline_core::{Error, ErrorKind, Key, Record, Result, Version};
use syncline_journal::{Entry, Owner};

use crate::{
    SyncItem, TRACING_TARGET,
    codec::{self, Write},
};

/// Name of the stream.
pub(crate) const STREAM: &str = "quarantine";

const FORMAT: u8 = 1;
const MESSAGE_BYTES_MAX: usize = 1_024;

/// A write that was put aside: it was accepted, and the archive refuses it for what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Which item.
    pub key: Key,
    /// The version that was refused.
    pub version: Version,
    /// Bytes of its content; `None` for a delete.
    pub content_bytes: Option<usize>,
    /// The kind of the archive's error.
    pub kind: ErrorKind,
    /// What the archive said.
    pub message: String,
}

/// The owner of the stream: counts all and lists the newest.
#[derive(Debug)]
pub(crate) struct Quarantine {
    kept: Mutex<Kept>,
    listed_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    list: VecDeque<Quarantined>,
    fault: Option<Error>,
}

/// The payload that puts `record` aside because of `reason`.
pub(crate) fn encode(reason: &Error, record: &Record) -> Vec<u8> {
    let message = truncated(reason.message());
    let item = SyncItem::from_record(record.clone());
    let write = codec::encode(&Write { key: record.key.clone(), version: record.version, item });
    let len = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut out = Vec::with_capacity(4 + message.len() + write.len());
    out.extend_from_slice(&[FORMAT, code(reason.kind())]);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(message.as_bytes());
    out.extend_from_slice(&write);
    out
}

/// What a payload says.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`] when it is none of this format.
pub(crate) fn decode(payload: &Bytes) -> Result<Quarantined> {
    let broken = |what: &str| Error::new(ErrorKind::Corrupt, format!("a quarantined write {what}"));
    let Some((&[format, kind, low, high], rest)) = payload.split_first_chunk() else {
        return Err(broken("is cut short"));
    };
    if format != FORMAT {
        return Err(broken("has an unknown format"));
    }
    let len = usize::from(u16::from_le_bytes([low, high]));
    let Some(message) = rest.get(..len) else { return Err(broken("ends inside its message")) };
    let message = std::str::from_utf8(message).map_err(|_| broken("has a message that is not UTF-8"))?;
    let write = codec::decode(payload.slice(4 + len..))?.ok_or_else(|| broken("holds no write"))?;
    Ok(Quarantined {
        content_bytes: write.item.as_ref().map(|item| item.content_bytes().len()),
        key: write.key,
        version: write.version,
        kind: kind_of(kind).ok_or_else(|| broken("has an unknown kind of error"))?,
        message: message.to_owned(),
    })
}

fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Corrupt => 2,
        ErrorKind::Denied => 3,
        _ => 1,
    }
}

fn kind_of(code: u8) -> Option<ErrorKind> {
    match code {
        1 => Some(ErrorKind::Invalid),
        2 => Some(ErrorKind::Corrupt),
        3 => Some(ErrorKind::Denied),
        _ => None,
    }
}

fn truncated(message: &str) -> &str {
    let end = (0..=MESSAGE_BYTES_MAX.min(message.len()))
        .rev()
        .find(|end| message.is_char_boundary(*end));
    message.get(..end.unwrap_or(0)).unwrap_or_default()
}

impl Quarantine {
    pub(crate) fn new(listed_max: usize) -> Self {
        Self { kept: Mutex::default(), listed_max }
    }

    /// The newest of them, oldest first.
    pub(crate) fn list(&self) -> Vec<Quarantined> {
        self.kept().list.iter().cloned().collect()
    }

    /// The first record that could not be read, if there was one.
    pub(crate) fn take_fault(&self) -> Option<Error> {
        self.kept().fault.take()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Each critical section leaves the list whole, so a panic elsewhere does not spoil it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner for Quarantine {
    fn apply(&self, entry: Entry) {
        let decoded = decode(&entry.payload);
        let mut kept = self.kept();
        match decoded {
            Ok(quarantined) => {
                if kept.list.len() >= self.listed_max {
                    kept.list.pop_front();
                }
                if self.listed_max > 0 {
                    kept.list.push_back(quarantined);
                }
            }
            Err(error) => {
                let error = error.context(format!("record {} of the stream {STREAM:?}", entry.seq));
                tracing::error!(target: TRACING_TARGET, %error, "a journal record cannot be read");
                kept.fault.get_or_insert(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syncline_core::{Body, ContentType};
    use syncline_journal::Seq;

    use super::*;

    fn record(body: Body) -> Record {
        Record { key: Key::new("k").unwrap(), version: Version::ZERO, body, expires_at: None }
    }

    #[test]
    fn why_and_what_come_back() {
        let reason = Error::new(ErrorKind::Denied, "ü".repeat(1_000));
        let decoded = decode(&encode(&reason, &record(Body::put(ContentType::Json, "12"))).into()).unwrap();
        assert_eq!((decoded.kind, decoded.content_bytes, &*decoded.key), (ErrorKind::Denied, Some(2), "k"));
        assert_eq!(decoded.message, "ü".repeat(512));
        let deleted = decode(&encode(&Error::new(ErrorKind::Corrupt, "x"), &record(Body::Deleted)).into()).unwrap();
        assert_eq!((deleted.kind, deleted.content_bytes), (ErrorKind::Corrupt, None));
    }

    #[test]
    fn the_list_is_bounded_and_a_broken_record_is_named() {
        let quarantine = Quarantine::new(2);
        for message in ["a", "b", "c"] {
            let payload = encode(&Error::new(ErrorKind::Invalid, message), &record(Body::Deleted)).into();
            quarantine.apply(Entry { seq: Seq::new(1), payload });
        }
        let messages: Vec<_> = quarantine.list().into_iter().map(|write| write.message).collect();
        assert_eq!(messages, ["b", "c"]);
        quarantine.apply(Entry { seq: Seq::new(9), payload: Bytes::new() });
        let fault = quarantine.take_fault().unwrap();
        assert_eq!(fault.message(), "record 9 of the stream \"quarantine\": a quarantined write is cut short");
    }

    proptest! {
        #[test]
        fn garbage_is_corrupt_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Err(error) = decode(&bytes.into()) {
                prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
            }
        }
    }
}
