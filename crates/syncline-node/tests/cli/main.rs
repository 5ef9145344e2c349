//! The real binary, from the outside: what it stores, prints, refuses, and survives.

mod crash;
mod import;
mod items;
mod owner;
mod queue;
mod refusals;
mod support;
