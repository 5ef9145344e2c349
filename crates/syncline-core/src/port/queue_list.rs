//! Looking through the items of a queue, a page at a time.
//!
//! What is asked, what is told, and how a storage fills a page with a bounded number of looks. A storage has an order for
//! each [part](ListPart) that it can begin at any place; a list goes through the parts that it is about, one after the other.

use std::{fmt, str::FromStr, time::Duration};

use super::{DeadReason, Standing};
use crate::{Error, ErrorKind, Priority, WallTime};

/// Items looked at in one call beside those that are told: a filter that fits few of them needs more calls, and never a
/// longer one.
const LOOKS_BESIDE: usize = 32;
/// Most items of one page.
const ITEMS_MAX: usize = 1_024;

/// What a list is about: items that stand so, and are all that is said of them beside it.
///
/// Level of what waits and partition of what lives are found by an order of the storage. Everything else is found by looking
/// at item after item, so that a page may be short, or empty, and have more after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Where they stand.
    pub standing: Standing,
    /// Their level.
    pub priority: Option<Priority>,
    /// Their lane.
    pub partition: Option<String>,
    /// Why they are dead.
    pub reason: Option<DeadReason>,
    /// A part of one of their errors, letter by letter.
    pub error: Option<String>,
    /// How long ago they could have been handed out at least or, of the dead, died.
    pub min_age: Option<Duration>,
}

/// An item as a list tells it: all but its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub standing: Standing,
    /// Its level.
    pub priority: Priority,
    /// The number of its newest lease, 0 without one.
    pub token: u64,
    /// The number of its newest attempt, 0 before the first.
    pub attempt: u16,
    /// Attempts after which it is dead.
    pub max_attempts: u16,
    /// From when on it may be handed out.
    pub eligible_at: WallTime,
    /// Its lane.
    pub partition: Option<String>,
    /// What its last attempts failed with, oldest first; bounded.
    pub errors: Vec<String>,
    /// Why it is dead, and since when.
    pub dead: Option<(DeadReason, WallTime)>,
}

/// Items of a list, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// The items.
    pub items: Vec<Listed>,
    /// The end of what was looked at; `None` when that was all.
    pub next: Option<ListCursor>,
}

/// A place in a list of one storage. Its text is for whoever goes on later, and says nothing to anybody else.
///
/// # Examples
///
/// ```
/// use syncline_core::port::{ListCursor, ListPart};
///
/// let cursor = ListCursor { part: ListPart::Behind, time: 0, seq: 17 };
/// assert_eq!(cursor.to_string().parse::<ListCursor>().unwrap(), cursor);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListCursor {
    /// The part of the list.
    pub part: ListPart,
    /// The first half of the place there.
    pub time: u64,
    /// The second half.
    pub seq: u64,
}

/// Items that a storage has an order of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListPart {
    /// Those of a level that are handed out when their time has come: by time, then by push.
    Level(Priority),
    /// Those behind others of their lane.
    Behind,
    /// Those in somebody's hands.
    Held,
    /// The dead: by death, oldest first.
    Dead,
    /// Those of one lane that live, in order.
    Lane,
}

impl List {
    /// All that stand so.
    pub const fn of(standing: Standing) -> Self {
        Self {
            standing,
            priority: None,
            partition: None,
            reason: None,
            error: None,
            min_age: None,
        }
    }

    /// The parts that it goes through from `after` on, each with the place after which it begins there.
    pub fn parts(&self, after: Option<ListCursor>) -> impl Iterator<Item = (ListPart, Option<(u64, u64)>)> + use<> {
        let levels = || Priority::ALL.into_iter().filter(|level| self.priority.is_none_or(|one| one == *level));
        let parts: Vec<_> = match (self.standing, &self.partition) {
            (Standing::Dead, _) => vec![ListPart::Dead],
            (_, Some(_)) => vec![ListPart::Lane],
            (Standing::Leased, None) => vec![ListPart::Held],
            (Standing::Ready, None) => levels().map(ListPart::Level).collect(),
            (Standing::Scheduled, None) => levels().map(ListPart::Level).chain([ListPart::Behind]).collect(),
        };
        let left = parts.into_iter().skip_while(move |part| after.is_some_and(|after| after.part != *part));
        left.map(move |part| (part, after.filter(|after| after.part == part).map(|after| (after.time, after.seq))))
    }

    /// Whether it is about `item` at `now`.
    pub fn is_about(&self, item: &Listed, now: WallTime) -> bool {
        let has = |error: &String| item.errors.iter().any(|text| text.contains(error.as_str()));
        self.standing == item.standing
            && self.priority.is_none_or(|level| level == item.priority)
            && self.partition.as_ref().is_none_or(|lane| item.partition.as_ref() == Some(lane))
            && self.reason.is_none_or(|reason| item.dead.is_some_and(|(why, _)| why == reason))
            && self.error.as_ref().is_none_or(has)
            && self.is_old(item, now)
    }

    fn is_old(&self, item: &Listed, now: WallTime) -> bool {
        let since = u128::from(item.dead.map_or(item.eligible_at, |(_, at)| at).as_millis());
        self.min_age.is_none_or(|age| u128::from(now.as_millis()) >= since + age.as_millis())
    }
}

/// A page that is being filled.
#[derive(Debug)]
pub struct Pager<'a> {
    list: &'a List,
    now: WallTime,
    limit: usize,
    looks_left: usize,
    /// What is behind is too young.
    is_over: bool,
    page: ListPage,
}

impl<'a> Pager<'a> {
    /// An empty page of `list`, for `limit` items at most. It ends after as many looks and a few more.
    pub fn new(list: &'a List, limit: usize, now: WallTime) -> Self {
        let limit = limit.clamp(1, ITEMS_MAX);
        Self {
            list,
            now,
            limit,
            looks_left: limit + LOOKS_BESIDE,
            is_over: false,
            page: ListPage::default(),
        }
    }

    /// Items that may still be looked at.
    pub fn looks_left(&self) -> usize {
        if self.page.items.len() < self.limit && !self.is_over {
            self.looks_left
        } else {
            0
        }
    }

    /// Looks at the item that stands at `place`. Once nothing is left to look at, the page ends there.
    pub fn look(&mut self, place: ListCursor, item: Listed) {
        self.looks_left = self.looks_left.saturating_sub(1);
        // The dead come by their death: whoever is behind is younger still.
        self.is_over |= place.part == ListPart::Dead && !self.list.is_old(&item, self.now);
        if self.list.is_about(&item, self.now) {
            self.page.items.push(item);
        }
        self.page.next = Some(place);
    }

    /// The page; `is_all` says that nothing is left to be looked at.
    pub fn finish(mut self, is_all: bool) -> ListPage {
        if is_all || self.is_over {
            self.page.next = None;
        }
        self.page
    }
}

impl ListPart {
    const OTHERS: [Self; 4] = [Self::Behind, Self::Held, Self::Dead, Self::Lane];

    fn name(self) -> &'static str {
        match self {
            Self::Level(Priority::Critical) => "critical",
            Self::Level(Priority::High) => "high",
            Self::Level(Priority::Normal) => "normal",
            Self::Level(Priority::Low) => "low",
            Self::Level(Priority::Background) => "background",
            Self::Behind => "behind",
            Self::Held => "held",
            Self::Dead => "dead",
            Self::Lane => "lane",
        }
    }
}

impl fmt::Display for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.part.name(), self.time, self.seq)
    }
}

impl FromStr for ListCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let read = || {
            let mut words = text.split('.');
            let (name, time, seq) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let parts = Priority::ALL.into_iter().map(ListPart::Level).chain(ListPart::OTHERS);
            let part = parts.into_iter().find(|part| part.name() == name)?;
            words.next().is_none().then_some(Self { part, time, seq })
        };
        read().ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{text:?} is no place in a list")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(list: &List, after: Option<ListCursor>) -> Vec<(&'static str, Option<(u64, u64)>)> {
        list.parts(after).map(|(part, place)| (part.name(), place)).collect()
    }

    #[test]
    fn a_list_goes_on_in_the_part_where_it_ended() {
        let list = List { priority: Some(Priority::Low), ..List::of(Standing::Scheduled) };
        assert_eq!(places(&list, None), [("low", None), ("behind", None)]);
        let after = "low.7.9".parse().ok();
        assert_eq!(places(&list, after), [("low", Some((7, 9))), ("behind", None)]);
        assert_eq!(places(&list, "behind.0.9".parse().ok()), [("behind", Some((0, 9)))]);
        let lane = List { partition: Some("x".into()), ..List::of(Standing::Leased) };
        assert_eq!(places(&lane, None), [("lane", None)]);
        assert_eq!(places(&lane, "dead.0.1".parse().ok()), [], "a place in another list");
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        for part in Priority::ALL.into_iter().map(ListPart::Level).chain(ListPart::OTHERS) {
            let cursor = ListCursor { part, time: u64::MAX, seq: 0 };
            assert_eq!(cursor.to_string().parse::<ListCursor>().unwrap(), cursor);
        }
        for text in ["", "low", "low.1", "low.1.2.3", "low.1.-2", "lower.1.2", "low. 1.2"] {
            assert_eq!(text.parse::<ListCursor>().unwrap_err().kind(), ErrorKind::Invalid, "{text}");
        }
    }
}
