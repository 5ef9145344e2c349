//! What a queue remembers of items that ended.

use std::{fmt, time::Duration};

use crate::{Priority, WallTime};

/// Bytes that remembering an item takes beside its id and its error, about.
const BYTES_BESIDE: usize = 64;

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It is done.
    Completed,
    /// It was withdrawn.
    Cancelled,
    /// It was a dead letter, and somebody threw it away.
    Purged,
    /// It was a dead letter, and had been one for long enough.
    Expired,
}

/// How much is remembered of what ended. What is beyond any of the bounds is forgotten, the first end first; none of it is
/// remembered where one of them is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// How long ago it may have ended.
    pub age: Duration,
    /// Most items.
    pub items: u64,
    /// Most [bytes](EndedItem::bytes_of) of all of them.
    pub bytes: u64,
}

/// An item that ended, as it is remembered: all but its content.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// A place in the history of one queue. It says nothing to anybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EndedCursor {
    /// The first half of the place.
    pub time: u64,
    /// The second half.
    pub seq: u64,
}

impl Retention {
    /// Whether none of it is remembered.
    pub const fn is_nothing(&self) -> bool {
        self.age.is_zero() || self.items == 0 || self.bytes == 0
    }
}

impl EndedItem {
    /// Bytes that remembering an item takes, about.
    pub const fn bytes_of(id_bytes: usize, error_bytes: usize) -> u64 {
        (BYTES_BESIDE + id_bytes + error_bytes) as u64
    }
}

impl EndedPage {
    /// The first `limit` of `ends`, each with its place; they come with the last end first.
    pub fn of(ends: impl IntoIterator<Item = (EndedCursor, EndedItem)>, limit: usize) -> Self {
        let mut page = Self::default();
        let mut last = None;
        for (place, item) in ends {
            if page.items.len() >= limit {
                page.next = last;
                break;
            }
            last = Some(place);
            page.items.push(item);
        }
        page
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Purged => "purged",
            Self::Expired => "expired",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(count: u64) -> impl Iterator<Item = (EndedCursor, EndedItem)> {
        (0..count).rev().map(|seq| {
            let item = EndedItem {
                id: seq.to_string(),
                ending: Ending::Completed,
                ended_at: WallTime::from_millis(seq),
                priority: Priority::Normal,
                attempts: 1,
                last_error: None,
            };
            (EndedCursor { time: seq, seq }, item)
        })
    }

    #[test]
    fn a_page_has_a_next_one_where_more_was_found() {
        let page = EndedPage::of(ends(3), 2);
        assert_eq!(page.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["2", "1"]);
        assert_eq!(page.next, Some(EndedCursor { time: 1, seq: 1 }));
        assert_eq!(EndedPage::of(ends(2), 2).next, None);
        assert_eq!(EndedPage::of(ends(0), 2), EndedPage::default());
    }

    #[test]
    fn a_bound_of_zero_remembers_nothing() {
        let all = Retention { age: Duration::from_secs(1), items: 1, bytes: 1 };
        assert!(!all.is_nothing());
        let none = [
            Retention { age: Duration::ZERO, ..all },
            Retention { items: 0, ..all },
            Retention { bytes: 0, ..all },
            Retention::default(),
        ];
        assert!(none.iter().all(Retention::is_nothing));
    }
}
