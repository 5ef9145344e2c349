//! Slow, correct implementations of the ports: for tests, examples and comparison.

mod archive;
mod disk;

pub use archive::MemoryArchive;
pub use disk::MemoryDisk;
