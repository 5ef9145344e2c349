//! An item as a storage keeps it: what the storage does not know of it, in a format with a version.
//!
//! ```text
//! version u8 = 3 | flags, number | made at, number | attempts, number | what the flags name, in their order | payload, JSON
//! ```
//!
//! Numbers and texts are those of [`leb`]; times are milliseconds. A flag that is not known is of a newer version.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use syncline_core::{Error, ErrorKind, Priority, Result, WallTime, limits::CONTENT_BYTES_MAX};

use super::{Dedup, SyncItem, json};
use crate::{
    QueueError, QueueResult,
    leb::{self, Broken, put_number, put_text},
};

/// 1 had the notes as JSON; 2 is what a schedule has.
const VERSION: u8 = 3;
/// Bytes that most items fit into.
const ROOM: usize = 256;
/// Deepest payload that can be read back: the bound of serde_json's reader.
const DEPTH_MAX: usize = 127;

/// Text.
const HAS_CORRELATION: u64 = 1;
/// Their number, then each as two texts.
const HAS_METADATA: u64 = 2;
/// Text.
const HAS_PARTITION: u64 = 4;
/// Number.
const HAS_SCHEDULE: u64 = 8;
/// Number.
const HAS_EXPIRY: u64 = 16;
/// Text, and the window as seconds and nanoseconds.
const HAS_DEDUP: u64 = 32;
const ALL: u64 = 63;

/// Bytes of an item.
///
/// # Errors
///
/// [`QueueError::ItemTooLarge`]; [`QueueError::InvalidItem`] for a payload too deep to be read back.
pub(super) fn encode(item: &SyncItem) -> QueueResult<Bytes> {
    let mut body = Vec::with_capacity(ROOM);
    put(&mut body, item)?;
    // Without the room that was not needed, for it may stay for long.
    Ok(Bytes::copy_from_slice(&body))
}

/// Appends the bytes of an item.
///
/// # Errors
///
/// As [`encode`]; what was appended then is no item.
pub(super) fn put(out: &mut Vec<u8>, item: &SyncItem) -> QueueResult<()> {
    let begin = out.len();
    put_head(out, item);
    let is_put = json::put(out, &item.payload, DEPTH_MAX);
    if !is_put.map_err(|error| QueueError::InvalidItem(error.to_string()))? {
        return Err(QueueError::InvalidItem(format!("its payload is nested deeper than {DEPTH_MAX} levels")));
    }
    let bytes = out.len() - begin;
    if bytes > CONTENT_BYTES_MAX {
        return Err(QueueError::ItemTooLarge { bytes, bytes_max: CONTENT_BYTES_MAX });
    }
    Ok(())
}

fn put_head(out: &mut Vec<u8>, item: &SyncItem) {
    out.push(VERSION);
    put_number(out, flags_of(item));
    put_number(out, item.created_at.as_millis());
    put_number(out, u64::from(item.max_retries));
    if let Some(id) = &item.correlation_id {
        put_text(out, id);
    }
    if !item.metadata.is_empty() {
        put_number(out, item.metadata.len() as u64);
        for (key, value) in &item.metadata {
            put_text(out, key);
            put_text(out, value);
        }
    }
    if let Some(key) = &item.partition_key {
        put_text(out, key);
    }
    for at in [item.scheduled_at, item.expires_at].into_iter().flatten() {
        put_number(out, at.as_millis());
    }
    if let Some(Dedup { key, window }) = &item.dedup {
        put_text(out, key);
        put_number(out, window.as_secs());
        put_number(out, u64::from(window.subsec_nanos()));
    }
}

fn flags_of(item: &SyncItem) -> u64 {
    let has = |is: bool, flag: u64| if is { flag } else { 0 };
    has(item.correlation_id.is_some(), HAS_CORRELATION)
        | has(!item.metadata.is_empty(), HAS_METADATA)
        | has(item.partition_key.is_some(), HAS_PARTITION)
        | has(item.scheduled_at.is_some(), HAS_SCHEDULE)
        | has(item.expires_at.is_some(), HAS_EXPIRY)
        | has(item.dedup.is_some(), HAS_DEDUP)
}

/// The item of these bytes, without what its storage knows of it.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`]; [`ErrorKind::Invalid`] for a version newer than this program.
pub(super) fn decode(body: &[u8]) -> Result<SyncItem> {
    let mut from = leb::Source { rest: body };
    let version = from.byte().map_err(broken)?;
    if version != VERSION {
        return Err(of_another(&format!("format {version}"), &format!("{VERSION}")));
    }
    let flags = from.number().map_err(broken)?;
    if flags & !ALL != 0 {
        return Err(of_another(&format!("flags {flags:#b}"), &format!("{ALL:#b}")));
    }
    let mut item = take_head(&mut from, flags).map_err(broken)?;
    let unreadable = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, "it is no JSON").with_source(error);
    item.payload = serde_json::from_slice(from.rest).map_err(unreadable)?;
    Ok(item)
}

fn take_head(from: &mut leb::Source<'_>, flags: u64) -> Result<SyncItem, Broken> {
    let created_at = WallTime::from_millis(from.number()?);
    let mut item = SyncItem::made_at(created_at, String::new(), Value::Null, Priority::default());
    item.max_retries = u32::try_from(from.number()?).map_err(|_| Broken::TooLarge)?;
    if flags & HAS_CORRELATION != 0 {
        item.correlation_id = Some(from.text()?.to_owned());
    }
    if flags & HAS_METADATA != 0 {
        item.metadata = take_metadata(from)?;
    }
    if flags & HAS_PARTITION != 0 {
        item.partition_key = Some(from.text()?.to_owned());
    }
    if flags & HAS_SCHEDULE != 0 {
        item.scheduled_at = Some(WallTime::from_millis(from.number()?));
    }
    if flags & HAS_EXPIRY != 0 {
        item.expires_at = Some(WallTime::from_millis(from.number()?));
    }
    if flags & HAS_DEDUP != 0 {
        let (key, secs, nanos) = (from.text()?.to_owned(), from.number()?, from.number()?);
        let nanos = u32::try_from(nanos).map_err(|_| Broken::TooLarge)?;
        // Whole seconds among the nanoseconds could overflow.
        let window = Duration::from_secs(secs).saturating_add(Duration::from_nanos(nanos.into()));
        item.dedup = Some(Dedup { key, window });
    }
    Ok(item)
}

fn take_metadata(from: &mut leb::Source<'_>) -> Result<BTreeMap<String, String>, Broken> {
    let count = from.number()?;
    (0..count).map(|_| Ok((from.text()?.to_owned(), from.text()?.to_owned()))).collect()
}

fn broken(how: Broken) -> Error {
    Error::new(ErrorKind::Corrupt, format!("it has {how}"))
}

fn of_another(has: &str, reads: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("it has the {has}, this program reads {reads}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn round(item: &SyncItem) -> SyncItem {
        let read = decode(&encode(item).unwrap()).unwrap();
        SyncItem { id: item.id.clone(), priority: item.priority, ..read }
    }

    #[test]
    fn everything_of_an_item_comes_back() {
        let item = SyncItem::new(json!({"b": 1, "a": [null, "ü\u{0}", 1e300, -0.0]}), Priority::Low)
            .with_max_retries(9)
            .with_correlation_id("c")
            .with_metadata("k", "v")
            .with_partition_key("p")
            .with_scheduled_at(WallTime::from_millis(7))
            .with_expires_at(WallTime::from_millis(8))
            .with_dedup_key("d", Duration::from_millis(1_500));
        assert_eq!(round(&item), item);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|pairs| pairs.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_payload_comes_back_exactly(payload in values()) {
            let item = SyncItem::new(payload, Priority::Normal);
            let read = round(&item);
            // Text too: equality of maps does not see order.
            prop_assert_eq!(read.payload.to_string(), item.payload.to_string());
            prop_assert_eq!(read, item);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = decode(&[&[VERSION, 63], &bytes[..]].concat());
            let _ = decode(&[&[VERSION, 0, 1, 1], &bytes[..]].concat());
        }
    }

    fn nested(levels: usize) -> SyncItem {
        SyncItem::new((0..levels).fold(Value::Null, |inner, _| json!([inner])), Priority::Normal)
    }

    #[test]
    fn what_could_not_be_read_back_is_refused_when_it_is_pushed() {
        let deepest = nested(DEPTH_MAX);
        assert_eq!(round(&deepest), deepest);
        assert!(matches!(encode(&nested(DEPTH_MAX + 1)), Err(QueueError::InvalidItem(_))));
        let large = SyncItem::new(Value::from("x".repeat(CONTENT_BYTES_MAX)), Priority::Normal);
        assert!(matches!(encode(&large), Err(QueueError::ItemTooLarge { .. })));
    }

    /// As `docs/formats/queue-v1.md` has it.
    #[test]
    fn it_is_written_byte_for_byte_as_documented() {
        let plain = SyncItem::made_at(WallTime::from_millis(300), String::new(), json!([7]), Priority::Low);
        assert_eq!(encode(&plain).unwrap(), b"\x03\x00\xac\x02\x05[7]"[..]);
        let full = SyncItem { created_at: WallTime::from_millis(1), ..plain }
            .with_correlation_id("c")
            .with_metadata("k", "v")
            .with_partition_key("p")
            .with_scheduled_at(WallTime::from_millis(2))
            .with_expires_at(WallTime::from_millis(3))
            .with_dedup_key("d", Duration::new(4, 5));
        let bytes = b"\x03\x3f\x01\x05\x01c\x01\x01k\x01v\x01p\x02\x03\x01d\x04\x05[7]";
        assert_eq!(encode(&full).unwrap(), bytes[..]);
    }

    #[test]
    fn a_newer_format_is_said_to_be_one() {
        let body = encode(&nested(1)).unwrap().to_vec();
        for (place, with, message) in [
            (0, 4, "it has the format 4, this program reads 3"),
            (1, 64, "it has the flags 0b1000000, this program reads 0b111111"),
        ] {
            let mut newer = body.clone();
            newer[place] = with;
            let error = decode(&newer).unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, message));
        }
        assert_eq!(decode(&[]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(decode(&body[..3]).unwrap_err().message(), "it has an end too soon");
    }
}
