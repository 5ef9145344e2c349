//! An item as a line of JSON: what `pop --json` and `export` print and `push --records` reads.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, value::RawValue};
use syncline::queue::{DEFAULT_MAX_RETRIES, Priority};

use crate::{
    exit::{Failure, Result},
    store::Job,
};

/// Levels by name, the most urgent first.
const LEVELS: [(&str, Priority); 5] = [
    ("critical", Priority::Critical),
    ("high", Priority::High),
    ("normal", Priority::Normal),
    ("low", Priority::Low),
    ("background", Priority::Background),
];

/// The level called `text`.
pub(super) fn priority(text: &str) -> std::result::Result<Priority, String> {
    let found = LEVELS.into_iter().find(|(name, _)| *name == text).map(|(_, priority)| priority);
    found.ok_or_else(|| "not critical, high, normal, low or background".to_owned())
}

/// The name of a level.
pub(super) fn level(number: u8) -> &'static str {
    LEVELS.get(usize::from(number)).map_or("unknown", |(name, _)| name)
}

/// What `push --records` reads of a line. What else stands there says how the item fared, and is left to whoever reads it.
#[derive(Debug, Deserialize)]
struct Line {
    id: Option<String>,
    #[serde(default)]
    priority: Option<String>,
    max_attempts: Option<u32>,
    due_at_ms: Option<u64>,
    expires_at_ms: Option<u64>,
    partition: Option<String>,
    dedup_key: Option<String>,
    dedup_window_ms: Option<u64>,
    correlation_id: Option<String>,
    #[serde(default)]
    metadata: std::collections::BTreeMap<String, String>,
    #[serde(default, deserialize_with = "raw")]
    content: Option<Box<RawValue>>,
    content_text: Option<String>,
    content_base64: Option<String>,
}

/// Also `null`, which is content.
fn raw<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

/// The item of a line, its id empty where the line names none; the reason where it is none.
pub(super) fn parse(line: &[u8]) -> std::result::Result<Job, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| format!("not a record: {error}"))?;
    let content = match (line.content, line.content_text, line.content_base64) {
        (Some(json), None, None) => json.get().as_bytes().to_vec(),
        (None, Some(text), None) => text.into_bytes(),
        (None, None, Some(text)) => BASE64_STANDARD
            .decode(text)
            .map_err(|error| format!("field \"content_base64\": {error}"))?,
        _ => return Err("not one field \"content\", \"content_text\" or \"content_base64\"".to_owned()),
    };
    let level = line.priority.as_deref().unwrap_or("normal");
    let mut job = Job {
        id: line.id.unwrap_or_default(),
        priority: priority(level).map_err(|error| format!("field \"priority\" is {error}"))?.number(),
        max_attempts: line.max_attempts.unwrap_or(DEFAULT_MAX_RETRIES),
        due_at_ms: line.due_at_ms,
        expires_at_ms: line.expires_at_ms,
        partition: line.partition,
        dedup_key: line.dedup_key,
        dedup_window_ms: line.dedup_window_ms,
        correlation_id: line.correlation_id,
        metadata: line.metadata,
        ..Job::default()
    };
    job.set_content(&content);
    Ok(job)
}

/// The line of an item.
pub(super) fn line(job: &Job) -> Result<Vec<u8>> {
    let broken = |error: String| Failure::failed("corrupt", format!("the item {:?}: {error}", job.id));
    let mut fields = Map::new();
    let mut field = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    field("id", Some(job.id.clone().into()));
    field("token", job.lease_token.map(Value::from));
    field("attempt", job.lease_token.map(|_| Value::from(job.attempts + 1)));
    field("attempts", job.lease_token.is_none().then(|| job.attempts.into()));
    field("status", Some(job.status.clone().into()));
    field("priority", Some(level(job.priority).into()));
    field("max_attempts", Some(job.max_attempts.into()));
    field("created_at_ms", Some(job.created_at_ms.into()));
    field("due_at_ms", job.due_at_ms.map(Value::from));
    field("expires_at_ms", job.expires_at_ms.map(Value::from));
    field("partition", job.partition.clone().map(Value::from));
    field("dedup_key", job.dedup_key.clone().map(Value::from));
    field("dedup_window_ms", job.dedup_window_ms.map(Value::from));
    field("correlation_id", job.correlation_id.clone().map(Value::from));
    field("dead", job.dead.clone().map(Value::from));
    field("died_at_ms", job.died_at_ms.map(Value::from));
    field("errors", (!job.errors.is_empty()).then(|| job.errors.clone().into()));
    let notes: Map<String, Value> = job.notes().into_iter().map(|(name, text)| (name, text.into())).collect();
    field("metadata", (!notes.is_empty()).then(|| notes.into()));
    let content = job.content().map_err(|error| broken(error.to_string()))?;
    match (job.has_json(), String::from_utf8(content)) {
        (true, _) => field("content", Some(job.payload.clone())),
        (false, Ok(text)) => field("content_text", Some(text.into())),
        (false, Err(bytes)) => field("content_base64", Some(BASE64_STANDARD.encode(bytes.into_bytes()).into())),
    }
    let mut line = serde_json::to_vec(&fields).map_err(|error| broken(error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_back_the_item_and_every_byte_of_it() {
        for content in [&b"{\"a\":[1,null]}"[..], b"{\"a\" : 1.0}", b"null", b"", b"text\t\"x\"", b"\xff\x00"] {
            let mut job = Job {
                id: "a\"b".into(),
                priority: 1,
                max_attempts: 3,
                due_at_ms: Some(7),
                partition: Some("p".into()),
                dedup_key: Some("k".into()),
                dedup_window_ms: Some(9),
                metadata: [("note".to_owned(), "n".to_owned())].into(),
                ..Job::default()
            };
            job.set_content(content);
            let line = line(&job).unwrap();
            assert_eq!(parse(&line).unwrap(), job, "{}", String::from_utf8_lossy(&line));
            assert_eq!(parse(&line).unwrap().content().unwrap(), content);
        }
    }

    #[test]
    fn a_line_that_is_no_record_says_why() {
        for (line, reason) in [
            ("{", "not a record: EOF"),
            ("{\"id\":\"a\"}", "not one field \"content\""),
            ("{\"content\":1,\"content_text\":\"x\"}", "not one field"),
            ("{\"content_base64\":\"!\"}", "field \"content_base64\": Invalid symbol"),
            ("{\"content\":1,\"priority\":\"urgent\"}", "field \"priority\" is not critical"),
        ] {
            let told = parse(line.as_bytes()).unwrap_err();
            assert!(told.starts_with(reason), "{told}");
        }
    }

    #[test]
    fn levels_are_told_by_their_names() {
        assert_eq!([0, 2, 4, 5].map(level), ["critical", "normal", "background", "unknown"]);
        assert_eq!(priority("high").unwrap().number(), 1);
    }
}
