//! What the disk itself was asked to do, by the kernel's own count.
//!
//! The count of a process is no use here: the page cache writes whole folios on its behalf.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use crate::Result;

/// `/proc/diskstats` counts in these whatever the disk's own blocks are.
const SECTOR_BYTES: u64 = 512;
/// Columns of `/proc/diskstats` after major, minor and name.
const SECTORS_WRITTEN: usize = 6;
const FLUSHES: usize = 15;

/// Counters since the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Bytes written.
    pub(crate) bytes: u64,
    /// Flush requests completed.
    pub(crate) flushes: u64,
}

impl Counters {
    /// What was added since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { bytes: self.bytes - earlier.bytes, flushes: self.flushes - earlier.flushes }
    }
}

/// Counters of the disk that holds `dir`, all that waits having been written; `None` where no one disk holds it.
pub(crate) fn counters(dir: &Path) -> Result<Option<Counters>> {
    rustix::fs::syncfs(fs::File::open(dir)?)?;
    let device = fs::metadata(dir)?.dev();
    let number = (u64::from(rustix::fs::major(device)), u64::from(rustix::fs::minor(device)));
    let stats = fs::read_to_string("/proc/diskstats")?;
    Ok(stats.lines().find_map(|line| parse(line, number)))
}

/// The counters of `line` when it is that of the device `number`.
fn parse(line: &str, (major, minor): (u64, u64)) -> Option<Counters> {
    let mut words = line.split_whitespace();
    let mut next = || words.next()?.parse::<u64>().ok();
    if next()? != major || next()? != minor {
        return None;
    }
    let columns: Vec<u64> = words.skip(1).map_while(|word| word.parse().ok()).collect();
    let bytes = columns.get(SECTORS_WRITTEN)? * SECTOR_BYTES;
    // Kernels before 5.5 count no flushes.
    Some(Counters { bytes, flushes: columns.get(FLUSHES).copied().unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        " 254       0 vda 59654 24403 6932248 41002 36455 28360 10 14826 0 15420 57301 7448 34 683424 963 8497 508";

    #[test]
    fn a_line_gives_bytes_and_flushes() {
        assert_eq!(parse(LINE, (254, 0)), Some(Counters { bytes: 5_120, flushes: 8_497 }));
        assert_eq!(parse(LINE, (254, 1)), None);
        assert_eq!(parse("254 0 vda 1 2 3", (254, 0)), None);
    }

    #[test]
    fn writing_is_counted() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        fs::create_dir_all(&dir).unwrap();
        let Some(before) = counters(&dir).unwrap() else { return };
        let file = dir.join(format!("device-{}", std::process::id()));
        fs::write(&file, vec![1_u8; 1 << 20]).unwrap();
        let added = counters(&dir).unwrap().unwrap().since(before);
        fs::remove_file(file).unwrap();
        assert!(added.bytes >= 1 << 20, "{added:?}");
    }
}
