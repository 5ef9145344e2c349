//! A segment's file, which does not forget a sync that failed.

use std::{io, sync::Arc};

use syncline_core::port::DiskFile;

use crate::sync::{Mutex, lock};

/// A file whose syncs run one after another, and all fail once one has.
///
/// The system reports a failed sync once: a second sync of the same file, even one that ran beside the first, would say
/// that all is well, although what the first lost is on no disk.
#[derive(Debug)]
pub(super) struct SyncedFile {
    file: Arc<dyn DiskFile>,
    failed: Mutex<bool>,
    /// Forgets it all the same: a deliberate bug.
    forgetful: bool,
}

impl SyncedFile {
    pub(super) fn new(file: Arc<dyn DiskFile>, forgetful: bool) -> Self {
        Self { file, failed: Mutex::new(false), forgetful }
    }

    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    /// Blocks, for another sync of this file too.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut failed = lock(&self.failed);
        if *failed {
            return Err(io::Error::other("an earlier sync of this file failed"));
        }
        let outcome = self.file.sync();
        *failed = outcome.is_err() && !self.forgetful;
        outcome
    }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use syncline_core::port::{Disk as _, OpenMode};
    use syncline_testkit::{
        SimDisk,
        disk::{Call, Fault},
    };

    use super::*;

    /// A sync that ran beside one that failed was told that all is well, so a segment was sealed that was not on disk.
    #[test]
    fn no_sync_succeeds_after_one_that_failed() {
        let disk = SimDisk::new(1);
        for (forgetful, ends_well) in [(false, false), (true, true)] {
            let file = disk.open(&format!("file-{forgetful}"), OpenMode::Create).unwrap();
            let file = SyncedFile::new(file.into(), forgetful);
            file.write_at(b"x", 0).unwrap();
            disk.fail(Fault::eio(Call::Sync));
            assert!(file.sync().is_err());
            assert_eq!(file.sync().is_ok(), ends_well);
        }
    }
}
