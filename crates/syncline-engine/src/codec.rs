//! One write as the journal keeps it. `docs/formats/journal-v1.md` frames these payloads; this file is what is inside.
//!
//! ```text
//! offset  bytes  what
//!      0      1  format of this record: 1
//!      1      1  kind: 1 put, 2 delete, 3 barrier (which ends here: it says nothing, and is written to be waited for)
//!      2     16  version, big-endian
//!     18      1  flags: bit 0 = an expiry follows
//!     19    0|8  expiry, milliseconds since 1970, little-endian
//!      .      2  length of the key, little-endian
//!      .      n  key, UTF-8
//!      .      1  content type                           (put only, from here)
//!      .     32  content hash
//!      .      *  content, to the end of the payload
//! ```

use bytes::Bytes;
use syncline_core::{ContentHash, ContentType, Error, ErrorKind, Key, Result, Version, WallTime};

use crate::SyncItem;

const FORMAT: u8 = 1;
const PUT: u8 = 1;
const DELETE: u8 = 2;
const BARRIER: u8 = 3;
const HAS_EXPIRY: u8 = 1;
/// Where the version stands, at the same place in every record, so that it can be stamped last.
const VERSION_AT: std::ops::Range<usize> = 2..18;
/// Bytes that a record takes beside key and content.
const FRAMING_BYTES: usize = 19 + 8 + 2 + 1 + 32;

/// The payload of a barrier: once it is durable, so is all that was handed over before it.
pub(crate) const fn barrier() -> [u8; 2] {
    [FORMAT, BARRIER]
}

/// Length of the payload of a write.
pub(crate) fn len(key: &Key, item: Option<&SyncItem>) -> usize {
    let expiry = item.and_then(SyncItem::expires_at).map_or(0, |_| 8);
    VERSION_AT.end + 1 + expiry + 2 + key.len() + item.map_or(0, |item| 1 + 32 + item.content_bytes().len())
}

/// One write: what a record says.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) key: Key,
    pub(crate) version: Version,
    /// What was written; `None` for a delete.
    pub(crate) item: Option<SyncItem>,
}

/// The payload of a put, its version still open.
pub(crate) fn put(key: &Key, item: &SyncItem) -> Vec<u8> {
    let content = item.content_bytes();
    let mut out = header(PUT, key, item.expires_at(), content.len());
    out.push(item.content_type().code());
    out.extend_from_slice(item.hash().as_bytes());
    out.extend_from_slice(content);
    out
}

/// The payload of a delete, its version still open.
pub(crate) fn delete(key: &Key) -> Vec<u8> {
    header(DELETE, key, None, 0)
}

/// The payload of a write whose version is known.
pub(crate) fn encode(write: &Write) -> Vec<u8> {
    let mut payload = match &write.item {
        Some(item) => put(&write.key, item),
        None => delete(&write.key),
    };
    stamp(&mut payload, write.version);
    payload
}

/// Writes the version into a payload.
pub(crate) fn stamp(payload: &mut [u8], version: Version) {
    if let Some(place) = payload.get_mut(VERSION_AT) {
        place.copy_from_slice(&version.to_bytes());
    }
}

fn header(kind: u8, key: &Key, expires_at: Option<WallTime>, content_len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAMING_BYTES + key.len() + content_len);
    out.extend_from_slice(&[FORMAT, kind]);
    out.extend_from_slice(&Version::ZERO.to_bytes());
    out.push(if expires_at.is_some() { HAS_EXPIRY } else { 0 });
    if let Some(at) = expires_at {
        out.extend_from_slice(&at.as_millis().to_le_bytes());
    }
    // A key has at most 1,024 bytes.
    let len = u16::try_from(key.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(key.as_bytes());
    out
}

/// What a payload says; `None` for a barrier. Content is the payload's own memory, not a copy.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`] when it is no record of this format.
pub(crate) fn decode(payload: Bytes) -> Result<Option<Write>> {
    let mut cursor = Cursor { payload };
    let [format] = cursor.array("format")?;
    if format != FORMAT {
        return Err(corrupt(format!("record format {format} is not {FORMAT}, the one that this program reads")));
    }
    let [kind] = cursor.array("kind")?;
    if kind == BARRIER && cursor.payload.is_empty() {
        return Ok(None);
    }
    let version = Version::from_bytes(cursor.array("version")?);
    let expires_at = cursor.expiry()?;
    let key = cursor.key()?;
    let item = match kind {
        PUT => Some(cursor.item(key.clone(), version, expires_at)?),
        DELETE if expires_at.is_none() && cursor.payload.is_empty() => None,
        DELETE => return Err(corrupt("a delete carries an expiry or content")),
        other => return Err(corrupt(format!("no record has the kind {other}"))),
    };
    Ok(Some(Write { key, version, item }))
}

fn corrupt(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

/// Takes a payload from the front, so that what is left in the end is the content itself.
struct Cursor {
    payload: Bytes,
}

impl Cursor {
    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let Some(array) = self.payload.first_chunk::<N>().copied() else {
            return Err(corrupt(format!("record ends inside its {what}")));
        };
        bytes::Buf::advance(&mut self.payload, N);
        Ok(array)
    }

    fn expiry(&mut self) -> Result<Option<WallTime>> {
        match self.array("flags")? {
            [0] => Ok(None),
            [HAS_EXPIRY] => Ok(Some(WallTime::from_millis(u64::from_le_bytes(self.array("expiry")?)))),
            [other] => Err(corrupt(format!("record has the unknown flags {other:#010b}"))),
        }
    }

    fn key(&mut self) -> Result<Key> {
        let len = usize::from(u16::from_le_bytes(self.array("length of the key")?));
        let Some(name) = self.payload.get(..len) else { return Err(corrupt("record ends inside its key")) };
        let key = Key::from_bytes(name).map_err(|error| corrupt(error.message().to_owned()))?;
        bytes::Buf::advance(&mut self.payload, len);
        Ok(key)
    }

    fn item(mut self, key: Key, version: Version, expires_at: Option<WallTime>) -> Result<SyncItem> {
        let [code] = self.array("content type")?;
        let content_type = ContentType::from_code(code)?;
        let hash = ContentHash::from_bytes(self.array("content hash")?);
        Ok(SyncItem::stored(key, version, (content_type, hash, self.payload), expires_at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syncline_core::NodeId;

    use super::*;

    fn writes() -> impl Strategy<Value = Write> {
        let content = proptest::option::of((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)));
        let version = any::<(u32, u16, u64)>();
        ("[a-zü.]{1,40}", version, content, proptest::option::of(any::<u64>())).prop_map(
            |(name, at, content, expiry)| {
                let key = Key::new(name).unwrap();
                let version = Version::new(WallTime::from_millis(u64::from(at.0)), at.1, NodeId::new(at.2));
                let item = content.map(|(json, content)| {
                    let content_type = if json { ContentType::Json } else { ContentType::Binary };
                    let hash = ContentHash::of(content_type, &content);
                    let expires_at = expiry.map(WallTime::from_millis);
                    SyncItem::stored(key.clone(), version, (content_type, hash, content.into()), expires_at)
                });
                Write { key, version, item }
            },
        )
    }

    fn facts(write: &Write) -> impl PartialEq + std::fmt::Debug {
        let item = write.item.as_ref().map(|item| {
            (item.content_bytes().clone(), item.content_type(), item.hash(), item.expires_at(), item.version())
        });
        (write.key.clone(), write.version, item)
    }

    proptest! {
        #[test]
        fn a_write_comes_back_whole(write in writes()) {
            let decoded = decode(encode(&write).into()).unwrap().unwrap();
            prop_assert_eq!(facts(&decoded), facts(&write));
            prop_assert_eq!(encode(&write).len(), len(&write.key, write.item.as_ref()));
        }

        #[test]
        fn garbage_is_corrupt_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = decode(bytes.into()) {
                prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
            }
        }

        #[test]
        fn a_record_cut_short_of_its_content_is_corrupt(write in writes(), cut in any::<proptest::sample::Index>()) {
            let whole = encode(&write);
            let content = write.item.as_ref().map_or(0, |item| item.content_bytes().len());
            let cut = cut.index(whole.len() - content);
            let error = decode(Bytes::copy_from_slice(&whole[..cut])).unwrap_err();
            prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_table_above() {
        let key = Key::new("k").unwrap();
        let item = SyncItem::binary("k", &b"xy"[..]).with_expires_at(WallTime::from_millis(258));
        let version = Version::new(WallTime::from_millis(1), 2, NodeId::new(3));
        let mut payload = put(&key, &item);
        stamp(&mut payload, version);
        assert_eq!(payload[..2], [1, 1]);
        assert_eq!(payload[2..18], version.to_bytes());
        assert_eq!(payload[18..27], [1, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(payload[27..31], [1, 0, b'k', 2]);
        assert_eq!(payload[31..63], *item.hash().as_bytes());
        assert_eq!(payload[63..], *b"xy");
        assert_eq!(delete(&key)[18..], [0, 1, 0, b'k']);
        assert!(decode(barrier().to_vec().into()).unwrap().is_none());
    }

    #[test]
    fn another_format_flag_or_kind_is_corrupt_by_name() {
        let spoilt = |at: usize, byte: u8| {
            let mut payload = delete(&Key::new("k").unwrap());
            payload[at] = byte;
            decode(payload.into()).unwrap_err().to_string()
        };
        assert_eq!(spoilt(0, 9), "record format 9 is not 1, the one that this program reads");
        assert_eq!(spoilt(1, 7), "no record has the kind 7");
        assert_eq!(spoilt(18, 2), "record has the unknown flags 0b00000010");
    }
}
