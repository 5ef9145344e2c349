//! An item as a storage keeps it: what the storage does not know of it, in a format with a version.
//!
//! ```text
//! version u8 = 1 | head_len u32 LE | head, JSON | payload, JSON
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_core::{Error, ErrorKind, Priority, Result, WallTime, limits::CONTENT_BYTES_MAX};

use super::{Dedup, SyncItem};
use crate::{QueueError, QueueResult};

const VERSION: u8 = 1;
/// Where the head begins.
const HEAD_AT: usize = 5;
/// Bytes that most items fit into.
const ROOM: usize = 256;
/// Deepest payload that can be read back: the bound of serde_json's reader.
const DEPTH_MAX: usize = 127;

/// What stands before the payload. Fields are only ever added, each with a default.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    created_ms: u64,
    max_retries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partition_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scheduled_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup: Option<Dedup>,
}

/// Bytes of an item.
///
/// # Errors
///
/// [`QueueError::ItemTooLarge`]; [`QueueError::InvalidItem`] for a payload too deep to be read back.
pub(super) fn encode(item: &SyncItem) -> QueueResult<Bytes> {
    if !is_within(&item.payload, DEPTH_MAX) {
        return Err(QueueError::InvalidItem(format!("its payload is nested deeper than {DEPTH_MAX} levels")));
    }
    let unwritable = |error: serde_json::Error| QueueError::InvalidItem(error.to_string());
    let mut body = Vec::with_capacity(ROOM);
    body.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
    serde_json::to_writer(&mut body, &head_of(item)).map_err(unwritable)?;
    let head = body.len() - HEAD_AT;
    serde_json::to_writer(&mut body, &item.payload).map_err(unwritable)?;
    let bytes = body.len();
    let head = u32::try_from(head).ok().filter(|_| bytes <= CONTENT_BYTES_MAX);
    let head = head.ok_or(QueueError::ItemTooLarge { bytes, bytes_max: CONTENT_BYTES_MAX })?;
    if let Some(place) = body.get_mut(1..HEAD_AT) {
        place.copy_from_slice(&head.to_le_bytes());
    }
    // Without the room that was not needed, for it may stay for long.
    Ok(Bytes::copy_from_slice(&body))
}

/// The item of these bytes, without what its storage knows of it.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`]; [`ErrorKind::Invalid`] for a version newer than this program.
pub(super) fn decode(body: &[u8]) -> Result<SyncItem> {
    let short = || Error::new(ErrorKind::Corrupt, format!("{} bytes are too few", body.len()));
    let (version, rest) = body.split_first().ok_or_else(short)?;
    if *version != VERSION {
        let message = format!("it has the format {version}, this program reads {VERSION}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let (head, payload) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(short)?;
    let unreadable = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, "it is no JSON").with_source(error);
    let head: Head = serde_json::from_slice(head).map_err(unreadable)?;
    let payload: Value = serde_json::from_slice(payload).map_err(unreadable)?;
    Ok(SyncItem {
        max_retries: head.max_retries,
        correlation_id: head.correlation_id,
        metadata: head.metadata,
        partition_key: head.partition_key,
        created_at: WallTime::from_millis(head.created_ms),
        scheduled_at: head.scheduled_ms.map(WallTime::from_millis),
        expires_at: head.expires_ms.map(WallTime::from_millis),
        dedup: head.dedup,
        ..SyncItem::made_at(WallTime::default(), String::new(), payload, Priority::default())
    })
}

fn head_of(item: &SyncItem) -> Head {
    Head {
        created_ms: item.created_at.as_millis(),
        max_retries: item.max_retries,
        correlation_id: item.correlation_id.clone(),
        metadata: item.metadata.clone(),
        partition_key: item.partition_key.clone(),
        scheduled_ms: item.scheduled_at.map(WallTime::as_millis),
        expires_ms: item.expires_at.map(WallTime::as_millis),
        dedup: item.dedup.clone(),
    }
}

/// Whether no part of `value` is deeper than `levels`.
fn is_within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(values) => levels > 0 && values.iter().all(|value| is_within(value, levels - 1)),
        Value::Object(values) => levels > 0 && values.values().all(|value| is_within(value, levels - 1)),
        _ => true,
    }
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
            let _ = decode(&[&[VERSION, 2, 0, 0, 0], &bytes[..]].concat());
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

    #[test]
    fn a_newer_format_is_said_to_be_one() {
        let mut body = encode(&nested(1)).unwrap().to_vec();
        body[0] = 2;
        let error = decode(&body).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, "it has the format 2, this program reads 1"));
        assert_eq!(decode(&[]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
