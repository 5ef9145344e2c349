//! What a journal was told and what it answered: the truth that every recovery is held against.

use bytes::Bytes;

/// One record, at its place in the journal.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) stream: u32,
    pub(super) payload: Bytes,
    /// Whether it is the last of its transaction.
    pub(super) ends: bool,
    /// Its frame says that every record before this one was on disk.
    pub(super) vouches: u64,
}

/// A stream that was registered, durably.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) id: u32,
    /// Records before this one were given up by their owner.
    pub(super) low_water: u64,
}

/// One journal's past.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// Every record that may stand, by its sequence number less one. Only the last transactions may be missing.
    pub(super) timeline: Vec<Record>,
    /// Records before this one were acknowledged as synced, or handed out by a recovery.
    pub(super) acked: u64,
    /// Records before this one were acknowledged as written.
    pub(super) written: u64,
    pub(super) streams: Vec<Stream>,
    /// What failed, after which nothing may be acknowledged until the journal is opened again.
    pub(super) broken: Option<String>,
    /// It was closed in order, and nothing was done since.
    pub(super) closed: bool,
}

/// What must be found at one moment: all of `model` before `must`, and whole transactions, in order, of what stands
/// before `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) model: &'a Model,
    pub(super) must: u64,
    pub(super) end: u64,
    /// How many of the model's streams were registered by then.
    pub(super) streams: usize,
    /// Whether the journal was closed in order by then.
    pub(super) closed: bool,
}

impl Model {
    pub(super) fn new() -> Self {
        Self { acked: 1, written: 1, ..Self::default() }
    }

    /// The sequence number that the next record gets.
    pub(super) fn next_seq(&self) -> u64 {
        self.timeline.len() as u64 + 1
    }

    /// What the last record before `next` vouches for.
    pub(super) fn vouched(&self, next: u64) -> u64 {
        let index = next.checked_sub(2).and_then(|index| usize::try_from(index).ok());
        index.and_then(|at| self.timeline.get(at)).map_or(0, |last| last.vouches)
    }

    /// Whether the records before `next` are whole transactions.
    pub(super) fn is_boundary(&self, next: u64) -> bool {
        match next.checked_sub(2) {
            None => true,
            Some(index) => usize::try_from(index)
                .ok()
                .and_then(|at| self.timeline.get(at))
                .is_some_and(|last| last.ends),
        }
    }

    /// The records of `stream` from `from` up to `next`, with their sequence numbers.
    pub(super) fn records(&self, stream: u32, from: u64, next: u64) -> impl Iterator<Item = (u64, &Bytes)> {
        let skip = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        let take = usize::try_from(next.saturating_sub(from)).unwrap_or(0);
        let records = self.timeline.iter().zip(1_u64..).skip(skip).take(take);
        records
            .filter(move |(record, _)| record.stream == stream)
            .map(|(record, seq)| (seq, &record.payload))
    }

    /// Adds a transaction that is about to be written.
    pub(super) fn push(&mut self, records: &[(u32, Bytes)]) {
        let (last, vouches) = (records.len().saturating_sub(1), self.acked);
        let record = |(index, (stream, payload)): (usize, &(u32, Bytes))| Record {
            stream: *stream,
            payload: payload.clone(),
            ends: index == last,
            vouches,
        };
        self.timeline.extend(records.iter().enumerate().map(record));
    }

    /// Takes back what was pushed since the journal was at `next`.
    pub(super) fn forget_from(&mut self, next: u64) {
        self.timeline.truncate(usize::try_from(next.saturating_sub(1)).unwrap_or(usize::MAX));
    }

    /// A recovery gave out the records before `next` and no others: from now on they stand, and the others never will.
    pub(super) fn recovered(&mut self, next: u64) {
        self.forget_from(next);
        (self.acked, self.written) = (next, next);
        (self.broken, self.closed) = (None, false);
    }
}
