//! The one place that reads a clock, draws randomness, spawns, and calls the operating system.

mod block;
mod clock;
pub mod os;
mod random;
mod task;
mod timer;

pub use block::block_on;
pub use clock::SystemClock;
pub use random::SystemRandom;
pub use task::{Task, Thread, is_async, spawn, thread};
