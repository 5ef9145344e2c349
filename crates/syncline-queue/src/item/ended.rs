//! Items that ended, as a history tells them.

use syncline_core::{Priority, WallTime};

use crate::{Ending, state::Ended};

/// What is remembered of an item that ended: all but its content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedItem {
    /// Its name.
    pub id: String,
    /// How it ended.
    pub ending: Ending,
    /// When.
    pub ended_at: WallTime,
    /// Its level.
    pub priority: Priority,
    /// Attempts that were begun and counted.
    pub attempts: u32,
    /// What its last attempt that failed failed with.
    pub last_error: Option<String>,
}

/// Items that ended, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndedPage {
    /// The items, the last end first.
    pub items: Vec<EndedItem>,
    /// The place before which the history goes on; `None` where that was all.
    pub next: Option<EndedCursor>,
}

/// A place in a history of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EndedCursor(pub(crate) (u64, u64));

impl EndedPage {
    /// Up to `limit` of `ends`, which come with the last first.
    pub(crate) fn of<'a>(ends: impl Iterator<Item = &'a Ended>, limit: usize) -> Self {
        let mut ends = ends.peekable();
        let (mut items, mut next) = (Vec::new(), None);
        while items.len() < limit
            && let Some(ended) = ends.next()
        {
            next = Some(EndedCursor(ended.place()));
            items.push(EndedItem::from(ended));
        }
        let next = next.filter(|_| ends.peek().is_some());
        Self { items, next }
    }
}

impl From<&Ended> for EndedItem {
    fn from(ended: &Ended) -> Self {
        Self {
            id: String::from(&ended.id),
            ending: ended.how,
            ended_at: WallTime::from_millis(ended.at),
            priority: ended.priority,
            attempts: ended.attempts.into(),
            last_error: ended.error.as_deref().map(str::to_owned),
        }
    }
}
