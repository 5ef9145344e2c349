//! The directory on a real disk keeps the contract of its port.

use std::sync::Arc;

use syncline_core::port::Disk;
use syncline_journal::FileDisk;
use syncline_testkit::contract::disk::Subject;

fn subject() -> Subject {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(FileDisk::open(dir.path()).unwrap());
    // The directory lives as long as whoever may open it again.
    Subject::new(disk, move || Arc::new(FileDisk::open(dir.path()).unwrap()))
}

syncline_testkit::disk_contract!(subject);
