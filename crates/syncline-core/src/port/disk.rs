//! One directory of files, with exactly the promises that a crash leaves standing.

use std::{fmt::Debug, io, time::Duration};

/// How [`Disk::open`] opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// A new file, for reading and writing; fails with [`io::ErrorKind::AlreadyExists`] where there is one.
    Create,
}

/// One flat directory.
///
/// Calls block: they belong on threads of their own, never on a runtime's workers.
///
/// # Contract
///
/// 1. What was written is read back by any handle of this process at once.
/// 2. After [`DiskFile::sync`] returned `Ok`, all that was written to the file before the call began, its length included,
///    survives loss of power. Nothing else does for certain; of bytes not synced any part may survive, in any order.
/// 3. A name made by `open(Create)`, `rename` or `remove` survives loss of power only after a later [`Disk::sync_dir`]
///    returned `Ok`. Until then either state may come back.
/// 4. `rename` replaces its target in one step: at every moment the target is the old file or the new one.
/// 5. After a failed write or sync nothing is promised of the bytes concerned, nor of any later sync of that file.
/// 6. After [`DiskFile::allocate`] returned `Ok`, writes below that length do not fail for want of space; unwritten bytes
///    read as zeros. When it fails with [`io::ErrorKind::StorageFull`], what was stored before is unharmed.
/// 7. [`Disk::lock`] is held by one handle at a time, across processes, and ends with its process.
/// 8. Names are plain: no separators, none starting with a dot.
pub trait Disk: Debug + Send + Sync {
    /// Opens the file `name`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`], [`io::ErrorKind::AlreadyExists`], [`io::ErrorKind::StorageFull`], or what the system says.
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DiskFile>>;

    /// The names of all files, sorted.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Renames `from` to `to`, replacing it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`], or what the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes `name`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`], or what the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes every name made, renamed or removed so far survive loss of power.
    ///
    /// # Errors
    ///
    /// What the system says; then clause 5 holds for the names concerned.
    fn sync_dir(&self) -> io::Result<()>;

    /// Locks the directory against every other process and handle, leaving `holder` where they can read it.
    ///
    /// Waits up to `patience` for a holder that is about to go.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`], its text saying who holds it, when it is still held then.
    fn lock(&self, holder: &str, patience: Duration) -> io::Result<Box<dyn DirLock>>;

    /// Where it is, for messages.
    fn describe(&self) -> String;
}

/// One open file of a [`Disk`]. All calls take `&self`: positions are arguments, and threads may share a file.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads at `offset` until `buf` is full or the file ends; returns the bytes read.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, extending the file where needed.
    ///
    /// # Errors
    ///
    /// What the system says; part of the bytes may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes all that was written survive loss of power.
    ///
    /// # Errors
    ///
    /// What the system says; then clause 5 holds.
    fn sync(&self) -> io::Result<()>;

    /// Reserves space for `len` bytes and makes the file that long.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::StorageFull`], or what the system says.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// The file's length in bytes.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Holds a directory until it is dropped.
pub trait DirLock: Debug + Send + Sync {}
