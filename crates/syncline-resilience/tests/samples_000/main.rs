//! The samples of the umbrella document that are about retrying, each under the name of its section. What differs from the
//! page is listed in the crate's documentation.

#![expect(
    unreachable_pub,
    unused_qualifications,
    clippy::let_and_return,
    reason = "the samples are as the page has them"
)]

mod advanced_patterns;
mod configuration;
mod error_handling;
mod metrics_and_monitoring;
mod quick_start;
mod retry_budget_token_bucket;
mod synchronous_operations;
mod testing;
mod thread_safety;
