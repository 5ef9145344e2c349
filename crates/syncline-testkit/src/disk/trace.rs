//! What was asked of a disk and what it answered, folded into one hash: two runs of a seed must have the same.

use std::{fmt, io, sync::Arc};

use super::Call;

/// One call and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which call.
    pub call: Call,
    /// The file's name when it was opened; empty for calls on the directory.
    pub name: Arc<str>,
    /// Where in the file; 0 where that has no meaning.
    pub offset: u64,
    /// How many bytes; 0 where that has no meaning.
    pub len: u64,
    /// How it failed, if it did.
    pub error: Option<io::ErrorKind>,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, name, offset, len, error } = self;
        write!(f, "{call:?} {name} {offset}+{len}")?;
        error.map_or(Ok(()), |error| write!(f, " -> {error}"))
    }
}

/// Most events kept for people; the hash covers all.
const EVENTS_MAX: usize = 100_000;
/// Bytes gathered before they are hashed: hashing many at once is cheaper.
const BUFFER_BYTES: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) calls: u64,
    pub(super) events: Option<Vec<Event>>,
    buffer: Vec<u8>,
    /// Boxed: most disks of a simulation live too briefly to need it.
    hasher: Option<Box<blake3::Hasher>>,
}

impl Trace {
    pub(super) fn add(&mut self, event: Event, bytes: &[u8]) {
        self.calls += 1;
        self.buffer.push(event.call as u8);
        self.buffer.push(u8::from(event.error.is_some()));
        self.buffer.extend_from_slice(&event.offset.to_le_bytes());
        self.buffer.extend_from_slice(&event.len.to_le_bytes());
        self.buffer.extend_from_slice(event.name.as_bytes());
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.hasher.get_or_insert_default().update(&self.buffer);
            self.buffer.clear();
        }
        if let Some(events) = self.events.as_mut().filter(|events| events.len() < EVENTS_MAX) {
            events.push(event);
        }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        match &self.hasher {
            Some(hasher) => *hasher.as_ref().clone().update(&self.buffer).finalize().as_bytes(),
            None => *blake3::hash(&self.buffer).as_bytes(),
        }
    }
}
