//! A durable priority queue that loses nothing and never gets stuck.
//!
//! | module | holds |
//! |---|---|
//! | `state` | the scheduler, pure: what stands where, and who is next |
//! | `storage` | the port's implementations of this room: [`JournalQueueStorage`], [`MemoryQueueStorage`] |
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::indexing_slicing
    )
)]

mod state;
mod storage;

pub use storage::{JournalQueueStorage, MemoryQueueStorage};
