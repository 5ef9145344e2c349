//! Queues of the directory: what is asked of one and told of it, the same in this process and through the socket.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline::{
    Error, ErrorKind, Result, Syncline, WallTime,
    port::Clock as _,
    queue::{DeadLetter, QueueError, SyncItem, SyncQueue, priority_of},
    rt::SystemClock,
};

/// Note of an item whose content is not the JSON of its payload: `text`, or `base64`.
const CONTENT_NOTE: &str = "syncline.content";
/// How long one question waits for an item: an owner that wants to end is held up no longer.
const POP_WAIT: Duration = Duration::from_secs(1);
/// Most dead letters of one answer.
const DEAD_MAX: usize = 1_000;

/// A question to a queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    Push(Job),
    /// Takes the next item, waiting a moment where there is none.
    Pop,
    Complete {
        id: String,
        token: u64,
    },
    Fail {
        id: String,
        token: u64,
        error: String,
        for_good: bool,
    },
    Extend {
        id: String,
        token: u64,
    },
    Inspect {
        id: String,
    },
    Dead {
        after: Option<String>,
    },
    /// Of these dead letters, or of all when none is named.
    Redrive {
        ids: Vec<String>,
    },
    Purge {
        ids: Vec<String>,
    },
    Stats,
}

impl Ask {
    /// Whether asking twice does no more than asking once. An item that was popped and not received is handed out again when
    /// its lease ends, with its owner or by time.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self, Self::Pop | Self::Extend { .. } | Self::Inspect { .. } | Self::Dead { .. } | Self::Stats)
    }
}

/// What a queue answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    Done,
    Job(Option<Job>),
    Dead(Vec<Job>),
    Count(usize),
    Numbers(Numbers),
}

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lease_token: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) payload: Value,
}

/// Numbers of a queue since its directory was opened.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbers {
    pub(crate) current_size: u64,
    pub(crate) in_flight: u64,
    pub(crate) dead: u64,
    pub(crate) total_enqueued: u64,
    pub(crate) total_dequeued: u64,
    pub(crate) total_completed: u64,
    pub(crate) total_retried: u64,
    pub(crate) total_failed: u64,
}

impl Job {
    /// Keeps `content` byte for byte: as JSON where it is written as this program writes JSON, as text or base64 otherwise.
    pub(crate) fn set_content(&mut self, content: &[u8]) {
        let exact = serde_json::from_slice::<Value>(content)
            .ok()
            .filter(|value| !value.is_null() && serde_json::to_vec(value).is_ok_and(|bytes| bytes == content));
        let (note, payload) = match (exact, str::from_utf8(content)) {
            (Some(value), _) => (None, value),
            (None, Ok(text)) => (Some("text"), Value::from(text)),
            (None, Err(_)) => (Some("base64"), Value::from(BASE64_STANDARD.encode(content))),
        };
        self.payload = payload;
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

    fn of(item: SyncItem) -> Self {
        Self {
            id: item.id,
            priority: item.priority.number(),
            max_attempts: item.max_retries,
            attempts: item.retry_count,
            status: item.status.to_string().to_lowercase(),
            due_at_ms: item.next_retry_at.or(item.scheduled_at).map(WallTime::as_millis),
            lease_token: item.lease_token,
            errors: item.error_message.into_iter().collect(),
            metadata: item.metadata,
            payload: item.payload,
        }
    }

    fn dead(letter: DeadLetter) -> Self {
        let DeadLetter { item, errors, .. } = letter;
        // Without its content: a page of large ones would be too long for one answer.
        Self { errors, payload: Value::Null, ..Self::of(item) }
    }

    fn item(self) -> Result<SyncItem, QueueError> {
        let item = SyncItem::with_id(self.id, self.payload, priority_of(self.priority)?);
        Ok(SyncItem {
            max_retries: self.max_attempts,
            scheduled_at: self.due_at_ms.map(WallTime::from_millis),
            metadata: self.metadata,
            ..item
        })
    }
}

/// Asks the queue called `name` of a directory that this process holds.
pub(crate) async fn ask(syncline: &Syncline, name: &str, ask: Ask) -> Result<Told> {
    let queue = syncline.queue(name).await.map_err(error)?;
    tell(&queue, ask).await.map_err(error)
}

async fn tell(queue: &SyncQueue, ask: Ask) -> Result<Told, QueueError> {
    Ok(match ask {
        Ask::Push(job) => {
            queue.push(job.item()?).await?;
            Told::Done
        }
        Ask::Pop => tokio::select! {
            item = queue.pop_wait() => Told::Job(Some(Job::of(item?))),
            () = SystemClock.sleep_until(SystemClock.now() + POP_WAIT) => Told::Job(None),
        },
        Ask::Complete { id, token } => {
            queue.mark_completed_lease(&id, token).await?;
            Told::Done
        }
        Ask::Fail { id, token, error, for_good } => {
            if for_good {
                // The lease is this worker's as long as it can be extended.
                queue.extend_lease(&id, token, queue.config().lease_duration).await?;
                queue.reject(&id, error).await?;
            } else {
                queue.mark_failed_lease(&id, token, Some(error)).await?;
            }
            Told::Done
        }
        Ask::Extend { id, token } => {
            queue.extend_lease(&id, token, queue.config().lease_duration).await?;
            Told::Done
        }
        Ask::Inspect { id } => Told::Job(queue.get(&id).await?.map(Job::of)),
        Ask::Dead { after } => {
            let letters = queue.dead_letters(after.as_deref(), DEAD_MAX).await?;
            Told::Dead(letters.into_iter().map(Job::dead).collect())
        }
        Ask::Redrive { ids } if ids.is_empty() => Told::Count(queue.redrive_all().await?),
        Ask::Redrive { ids } => Told::Count(queue.redrive(&ids).await?),
        Ask::Purge { ids } if ids.is_empty() => Told::Count(queue.purge_all().await?),
        Ask::Purge { ids } => Told::Count(queue.purge(&ids).await?),
        Ask::Stats => Told::Numbers(numbers(queue)),
    })
}

fn numbers(queue: &SyncQueue) -> Numbers {
    let metrics = queue.metrics();
    Numbers {
        current_size: metrics.current_size,
        in_flight: metrics.in_flight,
        dead: metrics.dead,
        total_enqueued: metrics.total_enqueued,
        total_dequeued: metrics.total_dequeued,
        total_completed: metrics.total_completed,
        total_retried: metrics.total_retried,
        total_failed: metrics.total_failed,
    }
}

fn error(error: QueueError) -> Error {
    // A queue ends with its owner: what it refuses then, as closed, may be asked of the next one.
    Error::new(error.kind(), error.to_string()).with_source(error)
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
}
