//! What is pushed, borrowed from whoever pushes it: most of it is copied once, to where it stays.

use std::{sync::Arc, time::Duration};

use syncline_core::{Priority, WallTime, port::NewItem};

use crate::state::{Dedup, Millis, Push};

/// As [`NewItem`]. Plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct New<'a> {
    pub(crate) id: &'a str,
    pub(crate) priority: Priority,
    pub(crate) due: Option<WallTime>,
    pub(crate) max_attempts: u16,
    pub(crate) partition: Option<&'a str>,
    pub(crate) dedup: Option<(&'a str, Duration)>,
    pub(crate) expires_at: Option<WallTime>,
    pub(crate) body: Content<'a>,
}

/// What it carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    /// To be copied where it stays.
    Bytes(&'a [u8]),
    /// Copied already, so that it need not be under anybody's lock.
    Shared(&'a Arc<[u8]>),
}

impl<'a> Content<'a> {
    pub(crate) fn as_slice(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    pub(crate) fn to_shared(self) -> Arc<[u8]> {
        match self {
            Self::Bytes(bytes) => bytes.into(),
            Self::Shared(bytes) => Arc::clone(bytes),
        }
    }
}

impl PartialEq for Content<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Content<'_> {}

impl<'a> From<&'a NewItem> for New<'a> {
    fn from(item: &'a NewItem) -> Self {
        Self {
            id: &item.id,
            priority: item.priority,
            due: item.due,
            max_attempts: item.max_attempts,
            partition: item.partition.as_deref(),
            dedup: item.dedup.as_ref().map(|dedup| (&*dedup.key, dedup.window)),
            expires_at: item.expires_at,
            body: Content::Bytes(&item.body),
        }
    }
}

impl New<'_> {
    /// When it may be handed out, of one that is pushed at `now`.
    pub(crate) fn eligible_at(&self, now: Millis) -> Millis {
        self.due.map_or(now, |due| due.as_millis().max(now))
    }

    /// Until when its key is taken at least.
    pub(crate) fn key_until(&self, now: Millis) -> Option<(&str, Millis)> {
        let until = |window: Duration| now.saturating_add(u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
        self.dedup.map(|(key, window)| (key, until(window)))
    }

    /// What it is as a step with `body`, but for its lane.
    pub(crate) fn to_push<B>(self, seq: u64, now: Millis, body: B) -> Push<B> {
        Push {
            seq,
            id: self.id.into(),
            priority: self.priority,
            eligible_at: self.eligible_at(now),
            max_attempts: self.max_attempts,
            lane: None,
            dedup: self.key_until(now).map(|(key, until)| Dedup { key: key.into(), until }),
            expires_at: self.expires_at.map(WallTime::as_millis),
            body,
        }
    }
}
