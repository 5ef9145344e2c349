//! Queues on SQLite, tested from outside: the contract of the port, and what only a file of several processes can do.

mod contract;
mod defects;
mod opening;
mod processes;
mod support;
