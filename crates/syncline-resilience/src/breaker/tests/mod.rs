//! The breaker as its users see it.

mod machine;
mod model;
mod registry;
mod traps;
