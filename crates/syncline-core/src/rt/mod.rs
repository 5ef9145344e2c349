//! The one place that reads a clock, draws randomness, spawns, and calls the operating system.

mod clock;
pub mod os;
mod random;
mod task;

pub use clock::SystemClock;
pub use random::SystemRandom;
pub use task::{Task, Thread, spawn, thread};
