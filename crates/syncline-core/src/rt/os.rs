//! What Syncline asks of the operating system, through std and rustix alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rustix::fs::{FallocateFlags, FlockOperation};

/// Only the owner may read, write or enter.
const DIR_MODE: u32 = 0o700;
/// Only the owner may read or write.
const FILE_MODE: u32 = 0o600;

/// Makes `dir` and its parents, for the owner alone; one that exists is left as it is.
///
/// # Errors
///
/// What the system says.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(DIR_MODE))
}

/// Options for files that only their owner may read.
pub fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Reserves `len` bytes for `file` and makes it that long.
///
/// # Errors
///
/// [`io::ErrorKind::StorageFull`], or what the system says. A file system that cannot reserve only sets the length.
pub fn allocate(file: &File, len: u64) -> io::Result<()> {
    loop {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len) {
            Ok(()) => return Ok(()),
            // A signal came while the system looked for space; that says nothing about space.
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => return file.set_len(len),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Makes the names in `dir` survive loss of power.
///
/// # Errors
///
/// What the system says.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Tries to lock `file` for this handle alone; `false` when another holds it.
///
/// # Errors
///
/// What the system says.
pub fn try_lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Writes `bytes` to `path` so that after a crash it is the old file or the new one: a temporary file, synced, renamed.
///
/// # Errors
///
/// What the system says; the old file then still stands.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = private_file().write(true).create(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(dir) => sync_dir(dir),
        None => Ok(()),
    }
}

/// Reads the file at `path`, refusing one above `bytes_max` before reading it.
///
/// # Errors
///
/// [`io::ErrorKind::FileTooLarge`], or what the system says.
pub fn read_file(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let len = file.metadata()?.size();
    if len > bytes_max {
        let message = format!("{} has {len} bytes, the most is {bytes_max}", path.display());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Blocks this thread for `pause`: for threads of our own that wait for another process, never for a test or a task.
#[expect(clippy::disallowed_methods, reason = "the one place where a thread sleeps")]
pub fn pause(pause: std::time::Duration) {
    std::thread::sleep(pause);
}

/// Kills every process of the group `group`. One that has ended already is no error.
pub fn kill_group(group: u32) {
    let group = i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // There may be nobody left.
        let _ended = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// This process's number.
pub fn process_id() -> u32 {
    std::process::id()
}

/// Memory of this process that is resident now, in bytes; `None` where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    status_kib("VmRSS:").map(|kib| kib * 1_024)
}

/// The most memory of this process that was ever resident, in bytes; `None` where the system does not say.
pub fn resident_bytes_peak() -> Option<u64> {
    status_kib("VmHWM:").map(|kib| kib * 1_024)
}

fn status_kib(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_private_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        replace_file(&path, b"one").unwrap();
        replace_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_file(&path, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_file(&path, 3).unwrap(), b"two");
    }

    #[test]
    fn a_lock_is_held_by_one_handle() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = [(); 2].map(|()| private_file().write(true).create(true).open(dir.path().join("LOCK")).unwrap());
        assert!(try_lock(&a).unwrap());
        assert!(!try_lock(&b).unwrap());
        drop(a);
        assert!(try_lock(&b).unwrap());
    }

    #[test]
    fn resident_memory_is_known() {
        assert!(resident_bytes().unwrap() > 100_000);
        assert!(resident_bytes_peak() >= resident_bytes());
    }
}
