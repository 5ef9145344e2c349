//! The floor: one thread's loop of `write` and `fdatasync` over a preallocated file, without frames, checksums or order.

use std::{
    fs::{File, OpenOptions},
    io::{BufReader, Read as _},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use rustix::fs::FallocateFlags;

use crate::{
    Result,
    payload::{Payloads, RECORD_BYTES},
    store::{Kind, Store, Writer},
};

/// The bare loop.
pub(crate) const BARE: Kind = Kind { name: "bare", open, reopen_count };

/// More than a turn writes, so that the loop itself never waits for space.
const ALLOCATED_BYTES: u64 = 1 << 30;

struct Bare {
    state: Mutex<State>,
}

struct State {
    file: File,
    offset: u64,
    allocated: u64,
    /// Kept between batches, so that the loop copies and never allocates.
    buffer: Vec<u8>,
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    let file = OpenOptions::new().write(true).create_new(true).open(dir.join("records"))?;
    let mut state = State { file, offset: 0, allocated: 0, buffer: Vec::new() };
    state.allocate()?;
    state.file.sync_all()?;
    File::open(dir)?.sync_all()?;
    Ok(Box::new(Bare { state: Mutex::new(state) }))
}

impl State {
    fn allocate(&mut self) -> Result {
        rustix::fs::fallocate(&self.file, FallocateFlags::empty(), self.allocated, ALLOCATED_BYTES)?;
        self.allocated += ALLOCATED_BYTES;
        Ok(())
    }
}

impl Store for Bare {
    fn writer(&self) -> Result<Box<dyn Writer + '_>> {
        Ok(Box::new(self.state.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn close(self: Box<Self>) -> Result {
        Ok(())
    }
}

impl Writer for MutexGuard<'_, State> {
    fn commit(&mut self, _first: u64, records: &[Bytes]) -> Result {
        let State { file, offset, allocated, buffer } = &mut **self;
        buffer.clear();
        records.iter().for_each(|record| buffer.extend_from_slice(record));
        file.write_all_at(buffer, *offset)?;
        file.sync_data()?;
        *offset += buffer.len() as u64;
        let nearly_full = *allocated - *offset < ALLOCATED_BYTES / 8;
        if nearly_full { self.allocate() } else { Ok(()) }
    }
}

/// What was allocated and never written is zeros, and no record begins with that many.
fn reopen_count(dir: &Path, payloads: &Payloads) -> Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(dir.join("records"))?);
    let (mut record, mut count) = ([0; RECORD_BYTES], 0);
    loop {
        reader.read_exact(&mut record)?;
        if record == [0; RECORD_BYTES] {
            return Ok(count);
        }
        payloads.check_any(&record)?;
        count += 1;
    }
}
