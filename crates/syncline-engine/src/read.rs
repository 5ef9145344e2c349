//! Reading one item: L1, pending, archive.
//!
//! A miss in L1 opens a flight, so that many readers of a key make one call. The pending records are looked at only after the
//! flight was opened: a write that lands before is found there, one that lands later spoils the flight, and one that left the
//! pending records before is in the archive. So no reader gets less than what was there when he came.

use std::sync::Arc;

use syncline_core::{Error, ErrorKind, Key, Result, port::Archive};

use crate::{
    SyncItem,
    deadline::within,
    l1::{Lookup, Slot},
    spine::Spine,
};

impl Spine {
    /// The newest item that a reader may see.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<SyncItem>> {
        self.check_open()?;
        if let Some(item) = self.store.l1.get(id) {
            return Ok(self.unexpired(item));
        }
        let key = Key::new(id)?;
        match &self.archive {
            // Boxed, so that a hit stays small.
            Some(archive) => Box::pin(self.get_slowly(&key, &**archive)).await,
            None => Ok(self.pending_item(&key).flatten()),
        }
    }

    /// Waits for the flight of another or fetches, bounded in time from here on, however many flights fail before.
    async fn get_slowly(&self, key: &Key, archive: &dyn Archive) -> Result<Option<SyncItem>> {
        let timeout = self.config.archive_timeout;
        let answer = within(&*self.clock, self.clock.now() + timeout, self.look_up(key, archive)).await;
        match answer {
            Some(Slot::Item(item)) => Ok(self.unexpired(item)),
            Some(Slot::Absent) => Ok(None),
            Some(Slot::Failed(error)) => Err(error.share()),
            None => Err(Error::new(ErrorKind::Unavailable, format!("the archive did not answer within {timeout:?}"))),
        }
    }

    async fn look_up(&self, key: &Key, archive: &dyn Archive) -> Slot {
        let flight = match self.store.l1.lookup(key).await {
            Lookup::Found(slot) => return slot,
            Lookup::Fetch(flight) => flight,
        };
        let slot = match self.pending_item(key) {
            Some(item) => item.map_or(Slot::Absent, Slot::Item),
            None => self.fetch(key, archive).await.map_or_else(|error| Slot::Failed(Arc::new(error)), slot_of),
        };
        flight.land(&slot);
        slot
    }

    async fn fetch(&self, key: &Key, archive: &dyn Archive) -> Result<Option<SyncItem>> {
        let answer = archive.get(std::slice::from_ref(key)).await;
        let rows = answer.map_err(|error| unanswered(error, key))?;
        let Some(record) = rows.into_iter().next().flatten() else { return Ok(None) };
        self.observe(record.version)?;
        Ok(SyncItem::from_record(record).and_then(|item| self.unexpired(item)))
    }

    /// What is pending of a key that readers may see: `Some(None)` is a delete, `None` is nothing.
    pub(crate) fn pending_item(&self, key: &Key) -> Option<Option<SyncItem>> {
        if !self.store.tiers.shows_pending() {
            return None;
        }
        let item = self.store.pending().get(key)?.item.clone();
        Some(item.and_then(|item| self.unexpired(item)))
    }

    pub(crate) fn unexpired(&self, item: SyncItem) -> Option<SyncItem> {
        (!item.is_expired(|| self.clock.wall())).then_some(item)
    }
}

fn slot_of(item: Option<SyncItem>) -> Slot {
    item.map_or(Slot::Absent, Slot::Item)
}

/// A read that failed is never an absent item. What the caller can do about it stays: wrong bytes are not an outage.
pub(crate) fn unanswered(error: Error, name: &str) -> Error {
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Denied | ErrorKind::Invalid => error,
        _ => Error::new(ErrorKind::Unavailable, format!("the archive cannot be read for {name:?}")).with_source(error),
    }
}
