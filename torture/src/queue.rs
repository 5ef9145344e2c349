//! The queue put through the mill: `sim` crashes it on the simulated disk, `work` is a process to be killed, `verify` looks
//! at what it left, and `server` is one that is killed too.
//!
//! What they share is `store` (where the items are), `item` (what they are), `event` (what was answered) and `ledger` (the
//! judgement).

mod bug;
mod event;
mod item;
mod ledger;
pub(crate) mod server;
pub(crate) mod sim;
mod store;
pub(crate) mod verify;
pub(crate) mod work;
