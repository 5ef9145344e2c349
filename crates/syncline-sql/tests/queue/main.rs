//! Queues on SQLite, tested from outside: the contract of the port, a plain model, and what only a file of several processes can do.

mod contract;
mod defects;
mod model;
mod opening;
mod processes;
mod support;
