//! The archive on SQLite, tested from outside: the contract of the port, and what only a file can do.

mod concurrency;
mod contract;
mod defects;
mod opening;
mod oracle;
mod support;
mod upkeep;
