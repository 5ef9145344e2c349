//! What one small write and its sync cost on this disk, measured between the others.

use std::{
    fs::OpenOptions,
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, Instant},
};

use rustix::fs::FallocateFlags;

use crate::{Result, latency::Latencies};

/// Appends `record` to a preallocated file under `dir`, syncing each time, for as long as `window`.
pub(crate) fn probe(dir: &Path, record: &[u8], window: Duration) -> Result<Latencies> {
    let path = dir.join("fsync-probe");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, 64 << 20)?;
    file.sync_all()?;
    let (start, mut offset, mut times) = (Instant::now(), 0, Latencies::default());
    while start.elapsed() < window {
        let begun = Instant::now();
        file.write_all_at(record, offset)?;
        file.sync_data()?;
        times.push(begun.elapsed());
        offset += record.len() as u64;
    }
    std::fs::remove_file(path)?;
    Ok(times)
}
