//! What a push carries, written before anybody's lock is taken, in room that is used again.

use std::{cell::Cell, sync::Arc};

use super::{SyncItem, codec, id};
use crate::{
    QueueResult,
    storage::{Content, New},
};

/// Most bytes, and most items, that there is room for while a thread pushes nothing.
const ROOM_BYTES_MAX: usize = 1_024 * 1_024;
const ROOM_ITEMS_MAX: usize = 4_096;

thread_local! {
    static ROOM: Cell<Room> = const { Cell::new(Room { scratch: Vec::new(), written: Vec::new() }) };
}

#[derive(Debug, Default)]
struct Room {
    scratch: Vec<u8>,
    /// What each item carries, as it stays with the queue.
    written: Vec<Arc<[u8]>>,
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
        let Room { scratch, written } = &mut bodies.0;
        for item in items {
            id::check(&item.id)?;
            scratch.clear();
            codec::put(scratch, item)?;
            written.push(scratch.as_slice().into());
        }
        Ok(bodies)
    }

    /// The items that these are of, as they are pushed.
    pub(crate) fn with<'a>(
        &'a self,
        items: &'a [SyncItem],
        has_partitions: bool,
    ) -> impl ExactSizeIterator<Item = New<'a>> + Clone {
        let each = items.iter().zip(&self.0.written);
        each.map(move |(item, body)| item.as_new(has_partitions, Content::Shared(body)))
    }
}

impl Drop for Bodies {
    fn drop(&mut self) {
        let Room { scratch, written } = &mut self.0;
        written.clear();
        if scratch.capacity() <= ROOM_BYTES_MAX && written.capacity() <= ROOM_ITEMS_MAX {
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
        let items = [item(2)];
        let bodies = Bodies::of(&items).unwrap();
        assert_eq!(bodies.0.written.len(), 1);
        assert_eq!(bodies.0.written[0][..], items[0].to_body().unwrap()[..]);
    }

    #[test]
    fn room_for_large_items_is_not_kept() {
        let large = SyncItem::new("x".repeat(2 * ROOM_BYTES_MAX).into(), Priority::Normal);
        drop(Bodies::of(&[large]).unwrap());
        assert!(Bodies::of(&[]).unwrap().0.scratch.capacity() <= ROOM_BYTES_MAX);
    }
}
