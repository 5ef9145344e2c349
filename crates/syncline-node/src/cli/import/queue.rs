//! Records on their way to the store: batches of a bounded size, no id in two of them at a time.

use std::collections::{HashSet, VecDeque};

use crate::{input::Parsed, store::NewItem};

/// Most records of a batch: one journal transaction.
pub(super) const BATCH_COUNT_MAX: usize = 1_000;
/// Bytes of content after which a batch takes no more records.
const BATCH_BYTES_MAX: usize = 1_024 * 1_024;

/// Records that go to the store together.
#[derive(Debug)]
pub(super) struct Batch {
    /// The items.
    pub(super) items: Vec<NewItem>,
    /// Where each came from: its line's number, and its bytes where a refusal must keep them.
    pub(super) origins: Vec<(u64, Option<Vec<u8>>)>,
}

/// Records that wait for a batch.
///
/// The store takes batches at the same time and in any order; of two lines with one id the later must win. So an id is
/// in one batch at a time, and once in it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Parsed>,
    /// Ids of batches that were taken and are not settled.
    busy: HashSet<String>,
}

impl Queue {
    /// Adds records behind all others.
    pub(super) fn push(&mut self, records: Vec<Parsed>) {
        self.waiting.extend(records);
    }

    /// Whether more records should be read.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < BATCH_COUNT_MAX
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the next batch: a full one, or whatever there is when `now`.
    pub(super) fn take(&mut self, now: bool) -> Option<Batch> {
        let (count, closed) = self.next_count();
        if count == 0 || !(closed || now) {
            return None;
        }
        let mut batch = Batch { items: Vec::with_capacity(count), origins: Vec::with_capacity(count) };
        for Parsed { item, line, raw } in self.waiting.drain(..count) {
            self.busy.insert(item.id.clone());
            batch.items.push(item);
            batch.origins.push((line, raw));
        }
        Some(batch)
    }

    /// Frees the ids of a batch that was settled.
    pub(super) fn settle(&mut self, batch: &Batch) {
        for item in &batch.items {
            self.busy.remove(&item.id);
        }
    }

    /// How many records the next batch holds, and whether it cannot hold more than these.
    fn next_count(&self) -> (usize, bool) {
        let (mut ids, mut bytes) = (HashSet::new(), 0);
        for record in &self.waiting {
            let id = record.item.id.as_str();
            let is_full = ids.len() == BATCH_COUNT_MAX || bytes >= BATCH_BYTES_MAX;
            if is_full || self.busy.contains(id) || !ids.insert(id) {
                return (ids.len(), true);
            }
            bytes += record.item.content.len();
        }
        (ids.len(), ids.len() == BATCH_COUNT_MAX || bytes >= BATCH_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use syncline::ContentType;

    use super::*;

    fn records(ids: &[&str]) -> Vec<Parsed> {
        let item = |id: &str| NewItem {
            id: id.to_owned(),
            content: Bytes::from_static(b"1"),
            content_type: ContentType::Json,
            expires_at: None,
        };
        ids.iter().map(|id| Parsed { item: item(id), line: 1, raw: None }).collect()
    }

    fn ids(batch: &Batch) -> Vec<&str> {
        batch.items.iter().map(|item| item.id.as_str()).collect()
    }

    #[test]
    fn an_id_is_in_one_batch_at_a_time() {
        let mut queue = Queue::default();
        queue.push(records(&["a", "b", "a", "c"]));
        let first = queue.take(false).unwrap();
        assert_eq!(ids(&first), ["a", "b"]);
        assert!(queue.take(true).is_none(), "the second a waits for the first");
        queue.settle(&first);
        assert_eq!(ids(&queue.take(true).unwrap()), ["a", "c"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_batch_waits_until_it_is_full_unless_it_must_go_now() {
        let mut queue = Queue::default();
        queue.push(records(&["a", "b"]));
        assert!(queue.take(false).is_none() && queue.has_room());
        let many: Vec<String> = (0..BATCH_COUNT_MAX).map(|n| n.to_string()).collect();
        queue.push(records(&many.iter().map(String::as_str).collect::<Vec<_>>()));
        assert!(!queue.has_room());
        assert_eq!(queue.take(false).unwrap().items.len(), BATCH_COUNT_MAX);
        assert!(queue.take(false).is_none());
        assert_eq!(queue.take(true).unwrap().items.len(), 2);
    }

    #[test]
    fn large_records_make_small_batches() {
        let mut queue = Queue::default();
        let mut large = records(&["a", "b", "c"]);
        for record in &mut large {
            record.item.content = Bytes::from(vec![b'1'; BATCH_BYTES_MAX]);
        }
        queue.push(large);
        assert_eq!(ids(&queue.take(false).unwrap()), ["a"]);
        assert_eq!(ids(&queue.take(false).unwrap()), ["b"]);
        assert_eq!(ids(&queue.take(false).unwrap()), ["c"]);
    }
}
