//! Where items are kept: the port's implementations of this room.

mod attempt;
mod body;
mod codec;
mod counted;
mod history;
mod journal;
mod list;
mod memory;
mod new;
mod plan;
#[cfg(test)]
mod sample;
mod sight;
mod taken_in;
mod time;

pub(crate) use attempt::{Attempt, Verdict};
pub use journal::JournalQueueStorage;
pub(crate) use journal::{PAYLOAD_MEMORY_BYTES, PushUnderWay};
pub use memory::MemoryQueueStorage;
pub(crate) use new::{Content, New};
pub(crate) use plan::is_at_capacity;
pub(crate) use taken_in::TakenIn;
