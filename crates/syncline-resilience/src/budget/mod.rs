//! How many retries a process may make.
//!
//! Backoff says when a retry comes; it cannot say that there are too many of them. When everything fails, every caller
//! retries, the load multiplies, and what was about to recover does not. A budget bounds the number: first attempts are free,
//! each retry is paid for, and who cannot pay gives up at once.
//!
//! - [`RetryBudget`]: the tokens, in one atomic word, of whichever kind;
//! - [`BudgetLease`]: tokens taken in advance, returned when they are not spent.
//!
//! Inside, `bucket`, `savings` and `throttle` are pure arithmetic on the word and the time, `kind` chooses among them, `word`
//! shares it between threads.

mod bucket;
mod cost;
mod kind;
mod lease;
#[cfg(all(test, syncline_loom))]
mod loom_models;
mod make;
mod ratio;
mod retry_budget;
mod savings;
#[cfg(all(test, not(syncline_loom)))]
mod tests;
mod throttle;
mod word;

pub use self::{lease::BudgetLease, retry_budget::RetryBudget};
