//! Layers for tower services.
//!
//! | layer | does | its error |
//! |---|---|---|
//! | [`GuardLayer`] | everything that the strategy couples: breaker, attempts, budget, in their one order | [`RetryError`](crate::RetryError) |
//! | [`RetryLayer`] | attempts, delays, timeouts and budget, without the breaker | [`RetryError`](crate::RetryError) |
//! | [`CircuitBreakerLayer`] | asks a breaker before each call | [`CallError`](crate::breaker::CallError) |
//! | [`RetryBudgetLayer`] | takes a token for each call | [`RetryError`](crate::RetryError) |
//!
//! Use [`GuardLayer`] unless something else than this crate retries: a breaker and a budget that stand in layers of their own
//! around or inside of retries do not know which calls are retries.
//!
//! Each attempt is made on the clone of the service that was polled ready for it: the first on the one that the caller polled,
//! each retry on the same one, polled again. A service that must be buffered or limited per attempt goes inside.
//!
//! Errors are not cloned. Services are `Clone` where the inner one is, and so are layers. The futures of [`GuardLayer`] and
//! [`RetryLayer`] are boxed, once for each call: they borrow the strategy that they also own, for which Rust has no type
//! without `unsafe`. They need services that are `Send` and are so themselves. Those of the other two are plain state machines,
//! `Send` where the inner ones are.

mod breaker;
mod budget;
mod drive;
mod guard;
mod repeat;
mod retry;
mod service;

pub use self::{
    breaker::{BreakerFuture, BreakerService, CircuitBreakerLayer},
    budget::{BudgetFuture, BudgetService, RetryBudgetLayer},
    guard::GuardLayer,
    repeat::{ByClone, Repeat},
    retry::RetryLayer,
    service::{RetryFuture, RetryService},
};
