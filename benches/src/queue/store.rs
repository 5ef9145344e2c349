//! What is measured: something that keeps jobs until they are done.

use std::{future::ready, path::Path, sync::Arc};

use futures_util::future::BoxFuture;

use super::jobs::Jobs;
use crate::Result;

/// An answer that is waited for, or one that is there at once after a call that blocked.
pub(super) type Wait<'a, T> = BoxFuture<'a, Result<T>>;

/// The answer of a call that blocked.
pub(super) fn done<'a, T: Send + 'a>(answer: Result<T>) -> Wait<'a, T> {
    Box::pin(ready(answer))
}

/// An open store, shared by all who use it.
pub(super) trait Store: Send + Sync {
    /// What one client needs.
    fn client(&self) -> Wait<'_, Box<dyn Client>>;

    /// Syncs asked of the disk so far, where the store counts them.
    fn syncs(&self) -> Option<u64> {
        None
    }

    /// From now on nothing is worked on but by clients.
    fn rest(&self) -> Wait<'_, ()> {
        done(Ok(()))
    }

    /// Ends it in order.
    fn close(&self) -> Wait<'_, ()>;
}

/// One client's hand on a store.
pub(super) trait Client: Send {
    /// Pushes `count` jobs whose numbers count up from `first`; they are durable when it returns.
    fn push(&mut self, first: u64, count: usize) -> Wait<'_, ()>;

    /// Takes up to `most` jobs, compares what they carry, and completes them, durably. Returns how many.
    fn work(&mut self, most: usize) -> Wait<'_, usize>;
}

/// How clients of a store run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Its calls block: each client has a thread.
    Threads,
    /// Its calls are waited for: clients are tasks.
    Tasks,
}

/// A kind of store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Its name in figures.
    pub(super) name: &'static str,
    pub(super) way: Way,
    /// Opens a new one in an empty directory.
    pub(super) open: for<'a> fn(&'a Path, &'a Arc<Jobs>) -> Wait<'a, Box<dyn Store>>,
    /// Opens one again, compares what is not done and returns its numbers.
    pub(super) left: for<'a> fn(&'a Path, &'a Arc<Jobs>) -> Wait<'a, Vec<u64>>,
}
