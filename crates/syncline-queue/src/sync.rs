//! What those who wait and those who wake them share: of the platform, or of the model checker when it looks.

#[cfg(syncline_loom)]
mod notify;

#[cfg(syncline_loom)]
pub(crate) use loom::sync::atomic;
#[cfg(not(syncline_loom))]
pub(crate) use std::sync::atomic;
#[cfg(not(syncline_loom))]
pub(crate) use tokio::sync::{Notify, futures::Notified};

#[cfg(syncline_loom)]
pub(crate) use self::notify::{Notified, Notify};
