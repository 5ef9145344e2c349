//! What is pushed again and again, and the tick that is kept for it.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::json;
use syncline_core::{Error, ErrorKind, Priority, Result, WallTime, port::NewItem};

use super::{
    MissedRuns, Schedule,
    missed::{self, AT_ONCE_MAX},
};
use crate::{QueueError, QueueResult, SyncItem, SyncQueue};

/// The first byte of what a tick carries: no item begins with it.
const FORMAT: u8 = 2;

/// An item that is pushed again and again: see [`SyncQueue::schedule`](crate::SyncQueue::schedule).
#[derive(Debug, Clone, PartialEq)]
pub struct Recurring {
    /// Its name, as of a queue: see [`SyncQueue::check_name`]. One of a queue has it.
    pub name: String,
    /// When it is pushed.
    pub schedule: Schedule,
    /// What is pushed. Each has the name and the time as its id, `report@1767225600000`, and the time as its `scheduled_at`;
    /// this one's own id is not used.
    pub item: SyncItem,
    /// What becomes of times that nobody was there for. Default [`MissedRuns::RunOnce`].
    pub missed: MissedRuns,
}

impl Recurring {
    /// `item`, pushed at each time of `schedule`, under this name.
    pub fn new(name: impl Into<String>, schedule: Schedule, item: SyncItem) -> Self {
        Self { name: name.into(), schedule, item, missed: MissedRuns::default() }
    }

    /// The same, and this becomes of times that nobody was there for.
    #[must_use]
    pub fn with_missed(mut self, missed: MissedRuns) -> Self {
        self.missed = missed;
        self
    }

    fn check(&self) -> QueueResult<()> {
        SyncQueue::check_name(&self.name)?;
        let item = &self.item;
        if item.scheduled_at.is_some() || item.expires_at.is_some() || item.dedup.is_some() {
            let message = format!("the item of the schedule {:?} has a time or a key of its own", self.name);
            return Err(QueueError::InvalidItem(message));
        }
        match self.missed {
            MissedRuns::RunAll { most } if !(1..=AT_ONCE_MAX).contains(&most) => {
                Err(QueueError::InvalidConfig(format!("most is {most}: it must be from 1 to {AT_ONCE_MAX}")))
            }
            _ => Ok(()),
        }
    }
}

/// What stands in a queue for a recurring item: the next time, and all that is needed then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    head: Head,
    /// The item, as a storage keeps it.
    item: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    name: String,
    schedule: Schedule,
    missed: MissedRuns,
    priority: u8,
    /// The next time.
    at_ms: u64,
    /// All before it was pushed, or is not to be.
    since_ms: u64,
}

/// What follows a tick.
#[derive(Debug)]
pub(crate) struct Fired {
    /// What is due, oldest first.
    pub(crate) items: Vec<NewItem>,
    /// The next tick, unless the calendar ends.
    pub(crate) next: Option<NewItem>,
    /// Whether times were left out.
    pub(crate) is_short: bool,
}

impl Tick {
    /// The id of the tick of `name`.
    pub(crate) fn id(name: &str) -> String {
        format!("schedule:{name}")
    }

    /// The tick of the first time after `since`.
    pub(crate) fn first(recurring: &Recurring, since: WallTime) -> QueueResult<Self> {
        recurring.check()?;
        let never = || QueueError::InvalidConfig(format!("the schedule {:?} has no time to come", recurring.name));
        let at = recurring.schedule.next_after(since).ok_or_else(never)?;
        // When it was made would make two of the same definition differ.
        let item = SyncItem { created_at: WallTime::default(), ..recurring.item.clone() };
        let head = Head {
            name: recurring.name.clone(),
            schedule: recurring.schedule.clone(),
            missed: recurring.missed,
            priority: item.priority.number(),
            at_ms: at.as_millis(),
            since_ms: since.as_millis(),
        };
        Ok(Self { head, item: item.to_body()? })
    }

    /// Whether these bytes are a tick's, readable or not.
    pub(crate) fn is_one(body: &[u8]) -> bool {
        body.first() == Some(&FORMAT)
    }

    /// The tick of these bytes.
    pub(crate) fn read(body: &Bytes) -> Result<Self> {
        let damaged = || Error::new(ErrorKind::Corrupt, "it is no schedule");
        let (_, rest) = body.split_first().filter(|(format, _)| **format == FORMAT).ok_or_else(damaged)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (head, item) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
        let head = serde_json::from_slice(head).map_err(|error| damaged().with_source(error))?;
        Ok(Self { head, item: body.slice_ref(item) })
    }

    /// Whether both say the same, but for the time at which they stand.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let place = |head: &Head| Head { at_ms: 0, since_ms: 0, ..head.clone() };
        place(&self.head) == place(&other.head) && self.item == other.item
    }

    /// The next time.
    pub(crate) fn at(&self) -> WallTime {
        WallTime::from_millis(self.head.at_ms)
    }

    /// Up to when all was pushed.
    pub(crate) fn since(&self) -> WallTime {
        WallTime::from_millis(self.head.since_ms)
    }

    /// What a storage keeps of it.
    pub(crate) fn to_new(&self) -> QueueResult<NewItem> {
        let unwritable = |error: serde_json::Error| QueueError::InvalidItem(error.to_string());
        let head = serde_json::to_vec(&self.head).map_err(unwritable)?;
        let length = u32::try_from(head.len()).map_err(|error| QueueError::InvalidItem(error.to_string()))?;
        let mut body = BytesMut::with_capacity(1 + 4 + head.len() + self.item.len());
        body.put_u8(FORMAT);
        body.put_u32_le(length);
        body.put_slice(&head);
        body.put_slice(&self.item);
        Ok(NewItem {
            id: Self::id(&self.head.name),
            // What it pushes has a level of its own; it delays nobody, for it is nobody's work.
            priority: Priority::Critical,
            due: Some(self.at()),
            // Only who dies with it in hand uses one up.
            max_attempts: u16::MAX,
            partition: None,
            dedup: None,
            expires_at: None,
            body: body.freeze(),
        })
    }

    /// What is due at `now`, and the tick after it.
    pub(crate) fn fire(&self, now: WallTime, has_partitions: bool) -> QueueResult<Fired> {
        // Where the calendar was set back before the queue was opened, the queue's time is ahead of it.
        let now = now.max(self.at());
        let (times, is_short) = missed::due(&self.head.schedule, self.head.missed, self.at(), now);
        let template = self.template().map_err(QueueError::Corrupted)?;
        let of = |at: &WallTime| {
            let id = format!("{}@{}", self.head.name, at.as_millis());
            let item = SyncItem { id, scheduled_at: Some(*at), created_at: now, ..template.clone() };
            item.to_new(has_partitions)
        };
        let items = times.iter().map(of).collect::<QueueResult<Vec<_>>>()?;
        let next = self.head.schedule.next_after(now).map(|next| Self {
            head: Head { at_ms: next.as_millis(), since_ms: now.as_millis(), ..self.head.clone() },
            item: self.item.clone(),
        });
        Ok(Fired { items, next: next.map(|next| next.to_new()).transpose()?, is_short })
    }

    /// The tick as somebody who looks at the queue sees it.
    pub(crate) fn shown(&self) -> Result<SyncItem> {
        let payload = json!({
            "schedule": self.head.name,
            "when": self.head.schedule.to_string(),
            "item": self.template()?.payload,
        });
        let item = SyncItem::with_id(Self::id(&self.head.name), payload, Priority::Critical);
        Ok(SyncItem { created_at: self.since(), scheduled_at: Some(self.at()), ..item })
    }

    fn template(&self) -> Result<SyncItem> {
        let level = self.head.priority;
        let priority = Priority::from_number(level)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("its item has the priority {level}")))?;
        Ok(SyncItem { priority, ..SyncItem::of_body(&self.item)? })
    }
}
