//! The atomics of this crate: those of the model checker when it looks, the real ones otherwise.

#[cfg(syncline_loom)]
pub(crate) use loom::sync::atomic;
#[cfg(not(syncline_loom))]
pub(crate) use std::sync::atomic;
