//! An item of a queue as it is sent between processes.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline::{
    Error, ErrorKind, Result, WallTime,
    queue::{Dedup, QueueError, SyncItem, priority_of},
};

/// Note of an item whose content is not the JSON of its payload: `text`, or `base64`.
const CONTENT_NOTE: &str = "syncline.content";

/// An item as it is sent and printed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Job {
    pub(crate) id: String,
    /// 0 is critical, 4 background.
    pub(crate) priority: u8,
    pub(crate) max_attempts: u32,
    pub(crate) attempts: u32,
    pub(crate) status: String,
    pub(crate) created_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dedup_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dedup_window_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lease_token: Option<u64>,
    /// Why it will not be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) died_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) payload: Value,
}

impl Job {
    /// Keeps `content` byte for byte: as JSON where it is written as this program writes JSON, as text where that is no longer
    /// than base64, as base64 otherwise.
    pub(crate) fn set_content(&mut self, content: &[u8]) {
        let exact = serde_json::from_slice::<Value>(content)
            .ok()
            .filter(|value| !value.is_null() && serde_json::to_vec(value).is_ok_and(|bytes| bytes == content));
        let (note, payload) = match (exact, text(content)) {
            (Some(value), _) => (None, value),
            (None, Some(text)) => (Some("text"), Value::from(text)),
            (None, None) => (Some("base64"), Value::from(BASE64_STANDARD.encode(content))),
        };
        self.payload = payload;
        self.metadata.remove(CONTENT_NOTE);
        if let Some(note) = note {
            self.metadata.insert(CONTENT_NOTE.to_owned(), note.to_owned());
        }
    }

    /// The bytes of its content.
    pub(crate) fn content(&self) -> Result<Vec<u8>> {
        let broken = |what: String| Error::new(ErrorKind::Corrupt, format!("the content of {:?}: {what}", self.id));
        match (self.metadata.get(CONTENT_NOTE).map(String::as_str), &self.payload) {
            (Some("text"), Value::String(text)) => Ok(text.clone().into_bytes()),
            (Some("base64"), Value::String(text)) => {
                BASE64_STANDARD.decode(text).map_err(|error| broken(error.to_string()))
            }
            (_, value) => serde_json::to_vec(value).map_err(|error| broken(error.to_string())),
        }
    }

    /// Whether its content is the JSON of its payload.
    pub(crate) fn has_json(&self) -> bool {
        !self.metadata.contains_key(CONTENT_NOTE)
    }

    /// Notes of its pusher.
    pub(crate) fn notes(&self) -> BTreeMap<String, String> {
        let notes = self.metadata.iter().filter(|(name, _)| *name != CONTENT_NOTE);
        notes.map(|(name, text)| (name.clone(), text.clone())).collect()
    }

    pub(super) fn of(item: SyncItem) -> Self {
        Self {
            id: item.id,
            priority: item.priority.number(),
            max_attempts: item.max_retries,
            attempts: item.retry_count,
            status: item.status.to_string().to_lowercase(),
            created_at_ms: item.created_at.as_millis(),
            due_at_ms: item.next_retry_at.or(item.scheduled_at).map(WallTime::as_millis),
            expires_at_ms: item.expires_at.map(WallTime::as_millis),
            partition: item.partition_key,
            dedup_key: item.dedup.as_ref().map(|dedup| dedup.key.clone()),
            dedup_window_ms: item.dedup.map(|dedup| millis(dedup.window)),
            correlation_id: item.correlation_id,
            lease_token: item.lease_token,
            dead: None,
            died_at_ms: None,
            errors: item.error_message.into_iter().collect(),
            metadata: item.metadata,
            payload: item.payload,
        }
    }

    pub(super) fn item(self) -> Result<SyncItem, QueueError> {
        let item = SyncItem::with_id(self.id, self.payload, priority_of(self.priority)?);
        let window = Duration::from_millis(self.dedup_window_ms.unwrap_or_default());
        Ok(SyncItem {
            max_retries: self.max_attempts,
            scheduled_at: self.due_at_ms.map(WallTime::from_millis),
            expires_at: self.expires_at_ms.map(WallTime::from_millis),
            partition_key: self.partition,
            dedup: self.dedup_key.map(|key| Dedup { key, window }),
            correlation_id: self.correlation_id,
            metadata: self.metadata,
            ..item
        })
    }
}

/// Text that is not longer in JSON than in base64: what many escapes blow up may not fit into one message any more.
fn text(content: &[u8]) -> Option<&str> {
    let text = str::from_utf8(content).ok()?;
    let escapes = content
        .iter()
        .filter(|byte| byte.is_ascii_control() || matches!(byte, b'"' | b'\\'))
        .count();
    (escapes <= content.len() / 15 + 8).then_some(text)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_kept_byte_for_byte() {
        for content in [&b"{\"a\":1}"[..], b"{\"a\" : 1.0}\n", b"\"text\"", b"text", b"null", b"", b"\xff\x00", b"1e3"]
        {
            let mut job = Job::default();
            job.set_content(content);
            let sent = serde_json::to_string(&job).unwrap();
            assert_eq!(serde_json::from_str::<Job>(&sent).unwrap().content().unwrap(), content);
        }
    }

    // Text of control characters grew six times as it was sent, and did not fit into a message.
    #[test]
    fn content_of_many_escapes_is_sent_no_longer_than_base64() {
        for content in [vec![1; 30_000], "\"".repeat(30_000).into_bytes()] {
            let mut job = Job::default();
            job.set_content(&content);
            assert!(serde_json::to_string(&job).unwrap().len() < 41_000);
            assert_eq!(job.content().unwrap(), content);
        }
    }
}
