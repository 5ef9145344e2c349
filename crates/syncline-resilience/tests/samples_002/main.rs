//! The samples of the retry document, each under the name of its section. What differs from the page is listed in the crate's
//! documentation.

#![expect(
    unreachable_pub,
    unused_qualifications,
    clippy::match_like_matches_macro,
    clippy::redundant_closure,
    reason = "the samples are as the page has them"
)]

mod advanced_usage;
mod configuration_constants;
mod error_handling;
mod integration_example;
mod observability;
mod quick_start;
