//! The memory and simulated implementations keep their contracts.

use std::sync::Arc;

use syncline_core::{
    memory::{MemoryArchive, MemoryDisk},
    port::{Archive, Disk},
};
use syncline_testkit::{FaultyArchive, SimDisk, contract};

mod memory_disk {
    use super::*;

    syncline_testkit::disk_contract!(|| {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        contract::disk::Subject::new(Arc::clone(&disk), move || Arc::clone(&disk))
    });
}

mod sim_disk {
    use super::*;

    syncline_testkit::disk_contract!(|| {
        let disk = SimDisk::new(1);
        contract::disk::Subject::new(Arc::new(disk.clone()), move || Arc::new(disk.synced_image()))
    });
}

fn reopened(archive: Arc<dyn Archive>) -> contract::archive::Subject {
    contract::archive::Subject::new(Arc::clone(&archive), move || std::future::ready(Arc::clone(&archive)))
}

mod memory_archive {
    use super::*;

    syncline_testkit::archive_contract!(async || reopened(Arc::new(MemoryArchive::new())));
}

mod healthy_faulty_archive {
    use super::*;

    syncline_testkit::archive_contract!(async || reopened(Arc::new(FaultyArchive::new(
        Arc::new(MemoryArchive::new())
    ))));
}
