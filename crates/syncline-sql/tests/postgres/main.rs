//! Queues on PostgreSQL, tested from outside on servers that the tests start: the contract of the port, several workers, servers
//! that are killed or do not answer, and the caller's own transactions.

mod caller;
mod contract;
mod model;
mod opening;
mod server;
mod support;
mod wake;
mod workers;
