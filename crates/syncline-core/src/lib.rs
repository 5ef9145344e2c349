//! The words that every room of Syncline shares, and the doors through which it meets the world.
//!
//! - words: [`Key`], [`Version`] and its clock [`Hlc`], [`Instant`] and [`WallTime`], [`Record`], [`Error`], [`limits`];
//! - [`port`]: traits that adapters implement, each with a numbered contract;
//! - [`memory`]: slow, correct implementations of the ports, always at hand for tests and examples;
//! - [`rt`]: the one place that reads a clock, draws randomness, spawns, and calls the operating system.
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

mod content;
mod error;
mod hlc;
mod key;
pub mod limits;
pub mod memory;
pub mod port;
mod priority;
mod record;
pub mod rt;
mod secret;
mod time;
mod version;

pub use content::{ContentHash, ContentType};
pub use error::{Error, ErrorKind, Result};
pub use hlc::Hlc;
pub use key::Key;
pub use priority::Priority;
pub use record::{Body, Record};
pub use secret::{KeyId, SecretKey};
pub use time::{Instant, WallTime};
pub use version::{NodeId, Version};
