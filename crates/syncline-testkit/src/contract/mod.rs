//! Contract suites: one function a clause of each port, run on every implementation.
//!
//! [`disk_contract!`](crate::disk_contract), [`archive_contract!`](crate::archive_contract) and
//! [`queue_contract!`](crate::queue_contract) make one test a clause, so that a failure names the clause that was broken.

pub mod archive;
pub mod disk;
pub mod queue;
