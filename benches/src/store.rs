//! What is measured: something that makes records durable, from many threads.

use std::path::Path;

use bytes::Bytes;

use crate::{Result, payload::Payloads};

/// An open store, shared by the threads that write to it.
pub(crate) trait Store: Sync {
    /// What one thread needs to write: called on that thread.
    fn writer(&self) -> Result<Box<dyn Writer + '_>>;

    /// Syncs asked of the disk so far, where the store counts them.
    fn syncs(&self) -> Option<u64> {
        None
    }

    /// Ends it in order.
    fn close(self: Box<Self>) -> Result;
}

/// One thread's hand on a store.
pub(crate) trait Writer {
    /// Makes `records`, whose keys count up from `first`, durable together; returns once they are.
    fn commit(&mut self, first: u64, records: &[Bytes]) -> Result;
}

/// A kind of store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Its name in figures.
    pub(crate) name: &'static str,
    /// Opens a new one in an empty directory.
    pub(crate) open: fn(&Path) -> Result<Box<dyn Store>>,
    /// Opens one again, compares every record and counts them.
    pub(crate) reopen_count: fn(&Path, &Payloads) -> Result<u64>,
}
