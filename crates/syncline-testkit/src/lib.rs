//! For tests of Syncline and of its users: simulated disk and clock, contract suites, history checks.
//!
//! - [`SimDisk`]: a disk that fails as real ones do and shows every state it may be found in after loss of power
//! - [`MockClock`], [`SeededRandom`], [`seed`]: time that is stepped, randomness that is replayed
//! - [`contract`]: one test a clause for each port
//! - [`model`]: random histories, compared with a plain model after each call
//! - [`FaultyArchive`]: an archive that fails, hangs and loses replies on demand
//! - [`PostgresServer`]: a real server that a test starts, kills and starts again
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

pub mod contract;
pub mod disk;
mod faulty_archive;
pub mod model;
mod postgres;
mod random;
mod seed;

pub use disk::SimDisk;
pub use faulty_archive::{ArchiveCall, Failure, FaultyArchive};
pub use postgres::PostgresServer;
pub use random::SeededRandom;
pub use seed::seed;
pub use syncline_core::memory::MockClock;
