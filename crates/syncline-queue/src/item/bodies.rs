//! What a push carries, written one item behind the other into room that is used again.

use std::{cell::Cell, ops::Range};

use super::{SyncItem, codec, id};
use crate::{QueueResult, storage::New};

/// Most bytes, and most items, that there is room for while a thread pushes nothing.
const ROOM_BYTES_MAX: usize = 1_024 * 1_024;
const ROOM_ITEMS_MAX: usize = 4_096;

thread_local! {
    static ROOM: Cell<Room> = const { Cell::new(Room { bytes: Vec::new(), spans: Vec::new() }) };
}

#[derive(Debug, Default)]
struct Room {
    bytes: Vec<u8>,
    /// Where each of them stands.
    spans: Vec<Range<usize>>,
}

/// The bytes of items that are pushed.
#[derive(Debug)]
pub(crate) struct Bodies(Room);

impl Bodies {
    /// Writes those of `items`.
    ///
    /// # Errors
    ///
    /// [`InvalidItem`](crate::QueueError::InvalidItem) and [`ItemTooLarge`](crate::QueueError::ItemTooLarge), of the first
    /// that cannot be kept.
    pub(crate) fn of(items: &[SyncItem]) -> QueueResult<Self> {
        let mut bodies = Self(ROOM.take());
        let Room { bytes, spans } = &mut bodies.0;
        for item in items {
            id::check(&item.id)?;
            let begin = bytes.len();
            codec::put(bytes, item)?;
            spans.push(begin..bytes.len());
        }
        Ok(bodies)
    }

    /// The items that these are of, as they are pushed.
    pub(crate) fn with<'a>(
        &'a self,
        items: &'a [SyncItem],
        has_partitions: bool,
    ) -> impl ExactSizeIterator<Item = New<'a>> + Clone {
        let Room { bytes, spans } = &self.0;
        let of = |span: &Range<usize>| bytes.get(span.clone()).unwrap_or_default();
        items.iter().zip(spans).map(move |(item, span)| item.as_new(has_partitions, of(span)))
    }
}

impl Drop for Bodies {
    fn drop(&mut self) {
        let Room { bytes, spans } = &mut self.0;
        if bytes.capacity() <= ROOM_BYTES_MAX && spans.capacity() <= ROOM_ITEMS_MAX {
            bytes.clear();
            spans.clear();
            // A thread that ends has no room any more.
            let _gone = ROOM.try_with(|room| room.replace(std::mem::take(&mut self.0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use syncline_core::Priority;

    use super::*;

    fn item(number: usize) -> SyncItem {
        SyncItem::with_id(number.to_string(), json!({"number": number}), Priority::Normal)
    }

    #[test]
    fn each_item_has_the_bytes_that_it_would_have_alone() {
        for count in [3, 0, 1] {
            let items: Vec<_> = (0..count).map(item).collect();
            let bodies = Bodies::of(&items).unwrap();
            let alone: Vec<_> = items.iter().map(|item| item.to_new(true).unwrap()).collect();
            assert!(bodies.with(&items, true).eq(alone.iter().map(New::from)));
        }
    }

    #[test]
    fn what_could_not_be_written_leaves_nothing_in_the_room() {
        let too_long = SyncItem::with_id("x".repeat(2_000), json!(1), Priority::Normal);
        assert!(Bodies::of(&[item(1), too_long]).is_err());
        let bodies = Bodies::of(&[item(2)]).unwrap();
        assert_eq!(bodies.0.spans.len(), 1);
        assert_eq!(bodies.0.spans[0], 0..bodies.0.bytes.len());
    }

    #[test]
    fn room_for_large_items_is_not_kept() {
        let large = SyncItem::new("x".repeat(2 * ROOM_BYTES_MAX).into(), Priority::Normal);
        drop(Bodies::of(&[large]).unwrap());
        assert!(Bodies::of(&[]).unwrap().0.bytes.capacity() <= ROOM_BYTES_MAX);
    }
}
