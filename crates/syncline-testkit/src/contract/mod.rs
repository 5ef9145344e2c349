//! Contract suites: one function a clause of each port, run on every implementation.
//!
//! [`disk_contract!`](crate::disk_contract) and [`archive_contract!`](crate::archive_contract) make one test a clause, so
//! that a failure names the clause that was broken.

pub mod archive;
pub mod disk;
