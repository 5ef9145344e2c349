//! The real binary, from the outside: what it stores, prints, refuses, and survives.

mod crash;
mod import;
mod items;
mod owner;
mod queue;
mod queue_lease;
mod queue_look;
mod queue_push;
mod queue_watch;
mod queue_work;
mod refusals;
mod support;
