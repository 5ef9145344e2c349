//! Calls that are to fail, and how.

use std::io;

/// Which call of a disk or of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Call {
    /// `Disk::open` of an existing file.
    Open = 1,
    /// `Disk::open` of a new file.
    Create,
    /// `Disk::list`.
    List,
    /// `Disk::rename`.
    Rename,
    /// `Disk::remove`.
    Remove,
    /// `Disk::sync_dir`.
    SyncDir,
    /// `Disk::lock`.
    Lock,
    /// `DiskFile::read_at`.
    Read,
    /// `DiskFile::write_at`.
    Write,
    /// `DiskFile::sync`.
    Sync,
    /// `DiskFile::allocate`.
    Allocate,
    /// `DiskFile::len`.
    Len,
}

impl Call {
    /// All calls.
    pub const ALL: [Self; 12] = [
        Self::Open,
        Self::Create,
        Self::List,
        Self::Rename,
        Self::Remove,
        Self::SyncDir,
        Self::Lock,
        Self::Read,
        Self::Write,
        Self::Sync,
        Self::Allocate,
        Self::Len,
    ];

    /// Whether it may change what is stored, so that a crash after it can differ from one before.
    pub(super) fn changes(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Rename | Self::Remove | Self::SyncDir | Self::Write | Self::Sync | Self::Allocate
        )
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The device reports an error. A write leaves a part of its bytes behind; a sync loses the pages, which programs
    /// read from the cache until the restart and which no later sync makes durable.
    Eio,
    /// There is no space. A write leaves a part of its bytes behind.
    StorageFull,
    /// A read returns what is stored elsewhere, and says nothing.
    Misdirected,
}

impl Effect {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::StorageFull => io::Error::new(io::ErrorKind::StorageFull, "no space left on simulated device"),
            // The number that Linux gives an input/output error.
            Self::Eio | Self::Misdirected => io::Error::from_raw_os_error(5),
        }
    }
}

/// One planned failure: the `skip + 1`-th `call` from now, and every later one if it `lasts`.
///
/// # Examples
///
/// ```
/// use syncline_core::port::{Disk as _, OpenMode};
/// use syncline_testkit::{SimDisk, disk::{Call, Fault}};
///
/// let disk = SimDisk::new(1);
/// disk.fail(Fault::eio(Call::Sync).after(1));
/// let file = disk.open("a", OpenMode::Create)?;
/// assert!(file.sync().is_ok() && file.sync().is_err() && file.sync().is_ok());
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which call; `None` means any.
    pub call: Option<Call>,
    /// How many such calls go well before.
    pub skip: u64,
    /// How it fails.
    pub effect: Effect,
    /// Whether every later such call fails too.
    pub lasts: bool,
}

impl Fault {
    /// The next `call` fails as a broken device does.
    pub const fn eio(call: Call) -> Self {
        Self { call: Some(call), skip: 0, effect: Effect::Eio, lasts: false }
    }

    /// The next `call` finds no space.
    pub const fn full(call: Call) -> Self {
        Self { call: Some(call), skip: 0, effect: Effect::StorageFull, lasts: false }
    }

    /// The next read returns what is stored elsewhere.
    pub const fn misdirected() -> Self {
        Self { call: Some(Call::Read), skip: 0, effect: Effect::Misdirected, lasts: false }
    }

    /// Every call fails, as on a device that was pulled.
    pub const fn gone() -> Self {
        Self { call: None, skip: 0, effect: Effect::Eio, lasts: true }
    }

    /// The same after `skip` such calls went well.
    #[must_use]
    pub const fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// The same, from then on for ever.
    #[must_use]
    pub const fn lasting(mut self) -> Self {
        self.lasts = true;
        self
    }

    /// Whether it strikes `call`, which then counts as one of its calls.
    pub(super) fn strikes(&mut self, call: Call) -> bool {
        if self.call.is_some_and(|mine| mine != call) || (self.effect == Effect::Misdirected && call != Call::Read) {
            return false;
        }
        let strikes = self.skip == 0;
        self.skip = self.skip.saturating_sub(1);
        strikes
    }
}
