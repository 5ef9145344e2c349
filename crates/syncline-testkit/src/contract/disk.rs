//! The clauses of [`Disk`].
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::{fmt, io, sync::Arc, time::Duration};

use syncline_core::port::{Disk, DiskFile, OpenMode};

/// A disk under test, empty, and how to restart it.
pub struct Subject {
    disk: Arc<dyn Disk>,
    restart: Box<dyn Fn() -> Arc<dyn Disk>>,
}

impl Subject {
    /// `disk`, which `restart` opens again as it is found after the harshest end of its process that can be staged.
    pub fn new(disk: Arc<dyn Disk>, restart: impl Fn() -> Arc<dyn Disk> + 'static) -> Self {
        Self { disk, restart: Box::new(restart) }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("disk", &self.disk).finish_non_exhaustive()
    }
}

/// One test a clause for the disk that the given function makes: `disk_contract!(fn() -> Subject)`.
#[macro_export]
macro_rules! disk_contract {
    ($make:expr) => {
        $crate::disk_contract! { $make =>
            clause_1_what_was_written_is_read_back,
            clause_2_what_was_synced_survives,
            clause_3_synced_names_survive,
            clause_4_a_rename_replaces,
            clause_5_misuse_is_an_error,
            clause_6_reserved_bytes_read_as_zeros,
            clause_7_one_handle_holds_the_lock,
            clause_8_names_are_kept_and_sorted,
        }
    };
    ($make:expr => $($clause:ident),+ $(,)?) => {
        $(
            #[test]
            fn $clause() {
                $crate::contract::disk::$clause(&($make)());
            }
        )+
    };
}

fn create(disk: &dyn Disk, name: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = disk.open(name, OpenMode::Create).unwrap();
    file.write_at(bytes, 0).unwrap();
    file
}

fn read(disk: &dyn Disk, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name, OpenMode::Read)?;
    let mut bytes = vec![0xa5; usize::try_from(file.len()?).unwrap()];
    assert_eq!(file.read_at(&mut bytes, 0)?, bytes.len());
    Ok(bytes)
}

#[track_caller]
fn check_fails<T>(result: io::Result<T>, kind: io::ErrorKind) {
    assert_eq!(result.err().map(|error| error.kind()), Some(kind));
}

/// What was written is read back by any handle at once, at any offset, up to the end of the file.
pub fn clause_1_what_was_written_is_read_back(subject: &Subject) {
    let disk = &*subject.disk;
    let file = create(disk, "one", b"0123456789");
    let other = disk.open("one", OpenMode::Write).unwrap();
    other.write_at(b"abc", 4_096).unwrap();
    let mut buf = [0xa5; 8];
    assert_eq!(file.read_at(&mut buf, 4_094).unwrap(), 5);
    assert_eq!(buf, *b"\0\0abc\xa5\xa5\xa5");
    assert_eq!(file.read_at(&mut buf, 4_099).unwrap(), 0);
    assert_eq!(file.read_at(&mut buf, u64::from(u32::MAX)).unwrap(), 0);
    assert_eq!((file.len().unwrap(), file.is_empty().unwrap()), (4_099, false));
    assert_eq!(read(disk, "one").unwrap()[..10], *b"0123456789");
}

/// What was synced survives, with its length, also where later bytes were not synced.
pub fn clause_2_what_was_synced_survives(subject: &Subject) {
    let file = create(&*subject.disk, "one", b"synced");
    file.allocate(10_000).unwrap();
    subject.disk.sync_dir().unwrap();
    file.sync().unwrap();
    file.write_at(b"later", 6).unwrap();
    drop(file);
    let found = read(&*(subject.restart)(), "one").unwrap();
    assert_eq!((found.len(), &found[..6]), (10_000, &b"synced"[..]));
}

/// Names made, renamed and removed survive once the directory is synced.
pub fn clause_3_synced_names_survive(subject: &Subject) {
    let disk = &*subject.disk;
    for name in ["kept", "renamed", "removed"] {
        create(disk, name, name.as_bytes()).sync().unwrap();
    }
    disk.rename("renamed", "new").unwrap();
    disk.remove("removed").unwrap();
    disk.sync_dir().unwrap();
    let disk = (subject.restart)();
    assert_eq!(read(&*disk, "kept").unwrap(), b"kept");
    assert_eq!(read(&*disk, "new").unwrap(), b"renamed");
    check_fails(read(&*disk, "renamed"), io::ErrorKind::NotFound);
    check_fails(read(&*disk, "removed"), io::ErrorKind::NotFound);
}

/// A rename replaces its target; handles go on with the file they opened.
pub fn clause_4_a_rename_replaces(subject: &Subject) {
    let disk = &*subject.disk;
    let (old, new) = (create(disk, "target", b"old"), create(disk, "source", b"new"));
    disk.rename("source", "target").unwrap();
    assert_eq!(read(disk, "target").unwrap(), b"new");
    check_fails(read(disk, "source"), io::ErrorKind::NotFound);
    let mut buf = [0; 3];
    assert_eq!((old.read_at(&mut buf, 0).unwrap(), buf), (3, *b"old"));
    new.write_at(b"NEW", 0).unwrap();
    assert_eq!(read(disk, "target").unwrap(), b"NEW");
}

/// What cannot be done is an error of its kind, and changes nothing.
pub fn clause_5_misuse_is_an_error(subject: &Subject) {
    let disk = &*subject.disk;
    drop(create(disk, "one", b"1"));
    check_fails(disk.open("one", OpenMode::Create), io::ErrorKind::AlreadyExists);
    check_fails(disk.open("two", OpenMode::Read), io::ErrorKind::NotFound);
    check_fails(disk.open("two", OpenMode::Write), io::ErrorKind::NotFound);
    check_fails(disk.rename("two", "one"), io::ErrorKind::NotFound);
    check_fails(disk.remove("two"), io::ErrorKind::NotFound);
    assert_eq!(read(disk, "one").unwrap(), b"1");
    assert_eq!(disk.list().unwrap().iter().filter(|name| *name == "two").count(), 0);
}

/// Reserving lengthens a file with zeros, never shortens it, and keeps what is there.
pub fn clause_6_reserved_bytes_read_as_zeros(subject: &Subject) {
    let file = create(&*subject.disk, "one", b"data");
    file.allocate(8_192).unwrap();
    file.allocate(100).unwrap();
    let bytes = read(&*subject.disk, "one").unwrap();
    assert_eq!((bytes.len(), &bytes[..4]), (8_192, &b"data"[..]));
    assert!(bytes[4..].iter().all(|byte| *byte == 0));
    file.write_at(&[1; 4_096], 4_096).unwrap();
    assert_eq!(file.len().unwrap(), 8_192);
}

/// The lock is held by one handle; who is refused reads who holds it; it ends with its guard.
pub fn clause_7_one_handle_holds_the_lock(subject: &Subject) {
    let held = subject.disk.lock("process 7", Duration::ZERO).unwrap();
    let refused = subject.disk.lock("process 8", Duration::from_millis(1)).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    assert!(refused.to_string().contains("process 7"), "{refused}");
    drop(held);
    drop(subject.disk.lock("process 8", Duration::ZERO).unwrap());
}

/// Plain names come back as given, sorted by their bytes.
pub fn clause_8_names_are_kept_and_sorted(subject: &Subject) {
    let disk = &*subject.disk;
    let names = ["00000000000000ff.seg", "MANIFEST-10", "MANIFEST-9", "quarantine-a_b.seg", "spare.seg"];
    for name in names.iter().rev() {
        drop(create(disk, name, b""));
    }
    let listed = disk.list().unwrap();
    assert!(listed.is_sorted());
    let listed: Vec<&str> = listed.iter().map(String::as_str).filter(|name| names.contains(name)).collect();
    assert_eq!(listed, names);
    assert!(!disk.describe().is_empty());
}
