//! Slow, correct implementations of the ports: for tests, examples and comparison.

mod archive;
mod clock;
mod disk;

pub use archive::MemoryArchive;
pub use clock::MockClock;
pub use disk::MemoryDisk;
