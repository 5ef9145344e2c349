//! The clock that everything here reads and sleeps by.
//!
//! [`SystemClock`] sleeps through tokio where a runtime is current, and honours its paused clock; elsewhere a thread of its
//! own wakes the sleepers, so that any executor will do. [`MockClock`] moves only when a test says so.

pub use syncline_core::{
    Instant,
    memory::MockClock,
    port::{Clock, Sleep},
    rt::SystemClock,
};
