//! How long to wait before a retry: data, and an iterator of delays.
//!
//! A [`Backoff`] is plain data without a state. Retries count from 1, and the delay before retry `n` is
//!
//! | backoff | delay before retry `n` | with a base of 100 ms (and an increment of 50 ms) |
//! |---|---|---|
//! | [`exponential`](Backoff::exponential) | `base * 2^(n - 1)` | 100, 200, 400, 800 ms |
//! | [`linear`](Backoff::linear) | `base + (n - 1) * increment` | 100, 150, 200, 250 ms |
//! | [`fibonacci`](Backoff::fibonacci) | `base * F(n)` | 100, 100, 200, 300 ms |
//! | [`constant`](Backoff::constant) | `base` | 100, 100, 100, 100 ms |
//! | [`custom`](Backoff::custom) | what the function says | |
//!
//! and never more than its longest delay. Everything is counted in whole nanoseconds of 64 bits and saturates: no delay is
//! longer than 584 years, and none is rounded through a float.
//!
//! A [`Jitter`] then leaves part of the delay to chance, so that clients that failed together do not come back together. The
//! cap comes first and chance only shortens: no delay is above the cap, and those at the cap still differ from each other.

mod data;
mod delays;
mod growth;
mod jitter;
mod strategies;
mod total;

pub use self::{
    data::Backoff,
    delays::Delays,
    jitter::Jitter,
    strategies::{BackoffStrategy, ConstantBackoff, ExponentialBackoff, FibonacciBackoff, FixedBackoff, LinearBackoff},
};

#[cfg(test)]
mod tests;
