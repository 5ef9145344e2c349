//! The journal without threads: one owner writes, syncs, rotates and removes. The simulator drives it as the threads do.

mod find;
mod open;
pub(crate) use find::{Place, not_kept};
pub(crate) use open::each_frame;
mod remove;
mod rotate;
mod synced;
mod write;

use std::{collections::BTreeMap, io, sync::Arc};

use bytes::Bytes;
use synced::SyncedFile;
use syncline_core::{
    Error, ErrorKind, Result,
    port::{DirLock, Disk, DiskFile, Random},
};

use crate::{
    config::{Config, planted},
    frame,
    manifest::{Manifest, StreamEntry, is_full},
    recover::Segment,
};

/// Records that are there together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// Stream and payload of each, in order.
    pub records: Vec<(u32, Bytes)>,
    /// Whether it frees more than it takes, so that it may use the last reserved segment.
    pub essential: bool,
}

impl Submission {
    /// Bytes that it takes in a frame before compression.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.records
            .iter()
            .map(|(stream, payload)| frame::record_len(*stream, payload.len()))
            .sum()
    }
}

/// A journal's directory, open for writing.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    config: Config,
    random: Arc<dyn Random>,
    manifest: Manifest,
    /// Segments that are not written any more.
    sealed: BTreeMap<u64, Segment>,
    active: Active,
    next_seq: u64,
    /// Every record before this one is on disk.
    durable: u64,
    /// The greatest durable sequence number that the active segment says of itself.
    witnessed: u64,
    /// Whether a preallocated segment is at hand; without one only essential submissions are taken.
    spare: bool,
    /// Why there is none.
    no_spare: Option<Error>,
    poisoned: Option<Error>,
    /// The sequence number that was next when the journal was closed.
    closed_at: Option<u64>,
    /// The frame under construction.
    buffer: Vec<u8>,
    counters: Counters,
    /// Held for as long as the directory is open.
    lock: Option<Box<dyn DirLock>>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Active {
    segment: Segment,
    file: Arc<SyncedFile>,
}

impl Active {
    fn new(segment: Segment, file: Arc<dyn DiskFile>, config: &Config) -> Self {
        Self {
            segment,
            file: Arc::new(SyncedFile::new(file, planted!(config, RetryFailedSync))),
        }
    }
}

/// What the log has done since it was opened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) frames: u64,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) syncs: u64,
    pub(crate) rotations: u64,
}

/// A sync that is due: run it without holding the log, then hand it back.
#[derive(Debug)]
#[must_use = "a sync that is not finished acknowledges nothing"]
pub struct SyncJob {
    file: Arc<SyncedFile>,
    upto: u64,
    segment: u64,
    skip: bool,
}

impl SyncJob {
    /// Makes what was written when the job began survive loss of power. Blocks.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn run(&self) -> io::Result<()> {
        if self.skip { Ok(()) } else { self.file.sync() }
    }
}

impl Log {
    /// The sequence number that the next record will get.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Every record before this one is on disk.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The directory's own number.
    pub fn journal_id(&self) -> [u8; 16] {
        self.manifest.journal_id
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Records of `stream` before this one are not needed. What is written of it is never above what is on disk.
    pub(crate) fn low_water(&self, stream: u32) -> u64 {
        self.manifest.streams.get(&stream).map_or(self.next_seq, |entry| entry.low_water)
    }

    /// Whether the segment `id` is still there.
    pub(crate) fn has_segment(&self, id: u64) -> bool {
        self.active.segment.id == id || self.sealed.contains_key(&id)
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    pub(crate) fn has_spare(&self) -> bool {
        self.spare
    }

    /// What ended all writing, if something did.
    pub fn poisoned(&self) -> Option<&Error> {
        self.poisoned.as_ref()
    }

    /// Segments that are not written any more, oldest first.
    pub(crate) fn sealed(&self) -> impl Iterator<Item = &Segment> {
        self.sealed.values()
    }

    /// The segment that is being written.
    pub(crate) fn active(&self) -> &Segment {
        &self.active.segment
    }

    /// All segments, the active one last.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.sealed.values().chain([&self.active.segment])
    }

    fn check(&self) -> Result<()> {
        self.poisoned.as_ref().map_or(Ok(()), |error| Err(error.share()))
    }

    /// Ends all writing: after a failed write or sync nothing more may be promised.
    fn poison(&mut self, what: &str, source: io::Error) -> Error {
        let message = format!("{what} failed; nothing is acknowledged until the journal is opened again");
        let error = Error::new(ErrorKind::Poisoned, message).with_source(source);
        let shared = error.share();
        self.poisoned.get_or_insert(error);
        shared
    }

    /// A sync of all that is written, or `None` where all of it is on disk.
    pub fn begin_sync(&self) -> Option<SyncJob> {
        (self.durable < self.next_seq && self.poisoned.is_none()).then(|| SyncJob {
            file: Arc::clone(&self.active.file),
            upto: self.next_seq,
            segment: self.active.segment.id,
            skip: planted!(self.config, SkipSync),
        })
    }

    /// Takes note of how a sync ended; returns the new durable sequence number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Poisoned`] when it failed: it is never tried again, because the pages it lost now look clean.
    pub fn finish_sync(&mut self, job: &SyncJob, outcome: io::Result<()>) -> Result<u64> {
        self.check()?;
        match outcome {
            Ok(()) => {
                self.counters.syncs += 1;
                self.durable = self.durable.max(job.upto);
                Ok(self.durable)
            }
            Err(source) if planted!(self.config, RetryFailedSync) => {
                Err(Error::new(ErrorKind::Unavailable, "sync failed").with_source(source))
            }
            Err(source) => Err(self.poison(&format!("the sync of segment {}", job.segment), source)),
        }
    }

    /// Begins, runs and finishes a sync.
    ///
    /// # Errors
    ///
    /// As [`finish_sync`](Self::finish_sync).
    pub fn sync(&mut self) -> Result<u64> {
        self.check()?;
        match self.begin_sync() {
            None => Ok(self.durable),
            Some(job) => {
                let outcome = job.run();
                self.finish_sync(&job, outcome)
            }
        }
    }

    /// Registers the stream `name`, durably, and returns its id and low-water mark.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a name that is empty or longer than 255 bytes; otherwise as a failed write.
    pub fn register(&mut self, name: &str) -> Result<(u32, u64)> {
        self.check()?;
        check_name(name)?;
        if let Some((id, entry)) = self.manifest.streams.iter().find(|(_, entry)| entry.name == name) {
            return Ok((*id, entry.low_water));
        }
        let id = self.manifest.streams.keys().next_back().map_or(1, |last| last + 1);
        let entry = StreamEntry { name: name.to_owned(), low_water: self.next_seq };
        self.manifest.streams.insert(id, entry);
        if let Err(error) = self.store_manifest() {
            self.manifest.streams.remove(&id);
            return Err(error);
        }
        self.store_manifest_again()?;
        Ok((id, self.next_seq))
    }

    /// Keeps a small fact with the manifest; it is on disk once the manifest is next written, at close at the latest.
    pub(crate) fn set_mark(&mut self, name: &str, value: &[u8]) {
        self.manifest.marks.insert(name.to_owned(), value.to_vec());
    }

    fn store_manifest(&mut self) -> Result<()> {
        self.manifest.next_segment = self.active.segment.id + 1;
        self.manifest.segments = self.sealed.values().map(|segment| (segment.id, segment.end_seq)).collect();
        self.manifest.segments.insert(self.active.segment.id, self.closed_at.unwrap_or(0));
        let mut written = self.manifest.clone();
        // Numbers above may be given again after loss of power, to records that are needed.
        written.lower_marks(self.durable);
        match written.stage(&*self.disk) {
            Err(source) if is_full(&source) => {
                let message = format!("no space for a manifest in {}", self.disk.describe());
                return Err(Error::new(ErrorKind::Full, message).with_source(source));
            }
            staged => staged.map_err(|source| self.poison("writing the manifest", source))?,
        }
        self.manifest.generation = written.generation;
        let published = self.manifest.publish(&*self.disk, &self.config);
        published.map_err(|source| self.poison("publishing the manifest", source))
    }

    /// The same once more: where the newest rots, the one before it knows the same streams, and misses no segment that was
    /// given back. On a full disk one has to do.
    fn store_manifest_again(&mut self) -> Result<()> {
        match self.store_manifest() {
            Err(error) if error.kind() == ErrorKind::Full => Ok(()),
            other => other,
        }
    }

    /// The same where it frees space or nothing comes after it: on a full disk the next segment's space is given up for it,
    /// or else that of the manifest before the one that stands.
    fn store_manifest_at_all_costs(&mut self) -> Result<()> {
        let is_full = |stored: &Result<()>| stored.as_ref().is_err_and(|error| error.kind() == ErrorKind::Full);
        let mut stored = self.store_manifest();
        if is_full(&stored) && self.spare {
            self.give_up_spare();
            stored = self.store_manifest();
        }
        if is_full(&stored) && self.manifest.remove_below(self.manifest.generation, &*self.disk).is_ok() {
            stored = self.store_manifest();
        }
        stored
    }

    /// Closes in order: sync, a close frame, sync, and the manifest.
    ///
    /// # Errors
    ///
    /// As a failed write or sync. [`ErrorKind::Full`] when all is on disk but the low-water marks and the small facts.
    pub fn close(&mut self) -> Result<()> {
        self.sync()?;
        self.write_empty(frame::Kind::Close)?;
        let synced = self.active.file.sync();
        synced.map_err(|source| self.poison("the sync of the close frame", source))?;
        // The manifest knows the end too, so that damage to the last frames cannot pass for a torn tail.
        self.closed_at = Some(self.next_seq);
        let stored = self.store_manifest_at_all_costs();
        // After the close frame nothing may follow in this segment.
        self.poisoned
            .get_or_insert_with(|| Error::new(ErrorKind::Closed, "the journal is closed"));
        stored
    }

    /// Ends all writing for another reason than the disk's.
    pub(crate) fn end(&mut self, error: Error) {
        self.poisoned.get_or_insert(error);
    }

    /// Lets another opener have the directory. Nothing may be written afterwards.
    pub(crate) fn release(&mut self) {
        self.end(Error::new(ErrorKind::Closed, "the journal is closed"));
        self.lock = None;
    }
}

/// Whether a stream may have this name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 255 {
        let message = format!("a stream's name has 1 to 255 bytes, this one {}", name.len());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}
