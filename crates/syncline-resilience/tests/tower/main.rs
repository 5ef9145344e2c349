//! Layers, around services that are stepped by hand.

mod breaker;
mod budget;
mod retry;
mod support;
