//! Ours, the journal beneath it, and other queues, each used as its own documentation advises.
//!
//! All give the same: what was pushed and what was completed is on disk when the call returns. That a job was taken need only
//! survive the process, for a loss of power ends every worker too; who can write that without a sync does.

mod apalis;
mod fjall;
mod journal;
mod ours;
mod redb;
mod redis;
mod sqlite;
mod yaque;

use super::store::Kind;
pub(super) use {
    apalis::APALIS, fjall::FJALL, journal::JOURNAL, ours::OURS, redb::REDB, redis::REDIS, sqlite::SQLITE, yaque::YAQUE,
};

/// Whether the store can be measured on this machine.
pub(super) fn is_there(kind: Kind) -> bool {
    missing().all(|(name, _)| name != kind.name)
}

/// Stores that cannot, with the reason.
pub(super) fn missing() -> impl Iterator<Item = (&'static str, &'static str)> {
    redis::missing().map(|reason| (REDIS.name, reason)).into_iter()
}
