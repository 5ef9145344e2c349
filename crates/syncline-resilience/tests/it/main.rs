//! Strategies, policies and what they couple, on a stepped clock.

mod coupling;
mod deadlines;
mod nesting;
mod strategy;
mod support;
