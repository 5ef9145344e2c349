//! The journal, and whatever else makes a record durable, each used as its own documentation advises.

mod bare;
mod fjall;
mod journal;
mod redb;
mod sqlite;

pub(crate) use bare::BARE;
pub(crate) use fjall::FJALL;
pub(crate) use journal::{JOURNAL, open as open_journal};
pub(crate) use redb::REDB;
pub(crate) use sqlite::{SQLITE, SQLITE_CONNECTIONS, connect as connect_sqlite};
