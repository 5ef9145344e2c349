//! What is seen of operations: spans, warnings and metrics.

mod metrics;
mod otel;
mod spans;
mod support;
mod warnings;
