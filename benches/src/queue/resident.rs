//! Memory of this process that is in use.

use std::fs;

use crate::Result;

/// Bytes that are resident now.
pub(super) fn bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text.split_whitespace().nth(1).ok_or("statm has one column")?.parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}
