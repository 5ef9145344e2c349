//! Opening a directory: lock, read, and begin a new segment.

use std::{collections::BTreeMap, io, sync::Arc};

use syncline_core::{
    Error, ErrorKind, Result,
    port::{DirLock, Disk, DiskFile, OpenMode, Random},
    rt,
};

use super::{Active, Counters, Log, rotate, write::frame_len_max};
use crate::{
    Owner,
    config::{Config, planted},
    frame::{self, Kind, Place, Records, Scratch},
    handing::Handing,
    index::Index,
    manifest::{Manifest, is_full, remove_if_there},
    names,
    recover::{self, Recovered, Segment, unreadable},
    report::RecoveryReport,
    segment::{self, Codec, Header},
    walk::{Body, Found, Walk},
    windows::Windows,
};

impl Log {
    /// Opens the directory, making it a journal if it is empty.
    ///
    /// 1. Lock. 2. Read and judge all that is there, changing nothing. 3. Write the manifest again, and remove what it does not
    /// list. 4. Begin a new segment under a data key of its own; it repeats what the last segment holds without proof of being
    /// on disk, because after a failed sync the cache may show what the disk has not. 5. Sync it, rename it into place, sync
    /// the directory: one step for all readers. 6. Remove what is dead.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] naming who holds the directory; [`ErrorKind::Corrupt`], [`ErrorKind::Denied`] and
    /// [`ErrorKind::Invalid`] by what stands there; [`ErrorKind::Full`] without space for a new segment.
    pub fn open(disk: Arc<dyn Disk>, config: Config, random: Arc<dyn Random>) -> Result<(Self, RecoveryReport)> {
        Self::open_telling(disk, config, random, &[])
    }

    /// The same, telling these owners of the records of their streams while it reads them: each of every record that is
    /// needed, once, when this returns. Where it fails they may have been told of some, and are to be thrown away.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`ErrorKind::Poisoned`] where an owner panicked.
    pub fn open_telling(
        disk: Arc<dyn Disk>,
        config: Config,
        random: Arc<dyn Random>,
        owners: &[(&str, Arc<dyn Owner>)],
    ) -> Result<(Self, RecoveryReport)> {
        let lock = take_lock(&*disk, &config)?;
        let found = recover::recover(&*disk, &config, owners)?;
        let fresh = found.is_none();
        let mut found = match found {
            Some(found) => refresh_manifest(&*disk, &config, found)?,
            None => start_fresh(&*disk, &config, &*random)?,
        };
        let (report, handing) = (std::mem::take(&mut found.report), found.handing.take());
        let mut log = if planted!(config, ReuseTornSegment) && !fresh {
            Self::reuse(disk, config, random, found, lock)?
        } else {
            Self::begin(disk, config, random, found, lock)?
        };
        log.make_spare(log.config.segment_bytes);
        log.remove_dead()?;
        let rewritten_bytes = log.active.segment.end_offset - segment::HEADER_LEN as u64;
        // What was repeated is on disk now: from here on its loss would be damage.
        log.witness()?;
        handing.map_or(Ok(()), Handing::finish)?;
        Ok((log, RecoveryReport { rewritten_bytes, ..report }))
    }

    fn begin(
        disk: Arc<dyn Disk>,
        config: Config,
        random: Arc<dyn Random>,
        mut found: Recovered,
        lock: Box<dyn DirLock>,
    ) -> Result<Self> {
        for name in &found.stale {
            remove_if_there(&*disk, name).map_err(|source| failed("removing a dead segment", source))?;
        }
        let active = begin_segment(&*disk, &config, &*random, &mut found)
            .map_err(|error| error.context("the journal cannot begin a segment"))?;
        let durable = found.next_seq;
        Ok(Self {
            disk,
            config,
            random,
            manifest: found.manifest,
            sealed: found.segments,
            next_seq: found.next_seq,
            durable,
            // Repeated frames vouch for nothing yet.
            witnessed: if active.segment.end_offset == segment::HEADER_LEN as u64 {
                durable
            } else {
                0
            },
            spare: false,
            no_spare: None,
            poisoned: None,
            closed_at: None,
            buffer: Vec::new(),
            counters: Counters::default(),
            active,
            lock: Some(lock),
        })
    }

    /// Goes on in the last segment: a deliberate bug.
    fn reuse(
        disk: Arc<dyn Disk>,
        config: Config,
        random: Arc<dyn Random>,
        mut found: Recovered,
        lock: Box<dyn DirLock>,
    ) -> Result<Self> {
        let Some((id, segment)) = found.segments.pop_last() else {
            return Self::begin(disk, config, random, found, lock);
        };
        let name = names::segment(id);
        let file = disk.open(&name, OpenMode::Write).map_err(|source| unreadable(&name, source))?;
        Ok(Self {
            active: Active::new(segment, file.into(), &config),
            manifest: found.manifest,
            sealed: found.segments,
            next_seq: found.next_seq,
            durable: found.next_seq,
            witnessed: 0,
            spare: false,
            no_spare: None,
            poisoned: None,
            closed_at: None,
            buffer: Vec::new(),
            counters: Counters::default(),
            disk,
            config,
            random,
            lock: Some(lock),
        })
    }
}

fn take_lock(disk: &dyn Disk, config: &Config) -> Result<Box<dyn DirLock>> {
    let holder = format!("process {}", rt::os::process_id());
    disk.lock(&holder, config.lock_patience).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => {
            let message = format!("{} is held by {source}", disk.describe());
            Error::new(ErrorKind::Conflict, message)
        }
        _ => failed("locking the directory", source),
    })
}

/// Writes the manifest that was found again: after a failed sync of the directory its name may be in the cache alone.
fn refresh_manifest(disk: &dyn Disk, config: &Config, mut found: Recovered) -> Result<Recovered> {
    for name in disk.list().map_err(|source| unreadable("the directory", source))? {
        if names::is_temporary(&name) {
            remove_if_there(disk, &name).map_err(|source| failed("removing a temporary file", source))?;
        }
    }
    // Records that come back cut give their numbers to others: none of those may count as truncated.
    found.manifest.lower_marks(found.next_seq);
    let mut staged = found.manifest.stage(disk);
    if staged.as_ref().is_err_and(is_full) {
        // The reserved segment of the last process is not needed any more. The manifest before the one that was read is:
        // nothing proves yet that the newer one's name is on disk.
        staged = remove_if_there(disk, names::SPARE).and_then(|()| found.manifest.stage(disk));
    }
    let stored = staged.and_then(|()| found.manifest.publish(disk, config));
    stored.map_err(|source| failed("writing the manifest", source))?;
    Ok(found)
}

/// Writes the first manifest of an empty directory.
fn start_fresh(disk: &dyn Disk, config: &Config, random: &dyn Random) -> Result<Recovered> {
    let mut manifest = Manifest { next_segment: 1, ..Manifest::default() };
    random.fill(&mut manifest.journal_id);
    manifest
        .store(disk, config)
        .map_err(|source| failed("writing the first manifest", source))?;
    Ok(Recovered {
        manifest,
        segments: BTreeMap::new(),
        next_seq: 1,
        next_segment: 1,
        unproven: None,
        stale: Vec::new(),
        report: RecoveryReport { clean_close: true, ..RecoveryReport::default() },
        handing: None,
    })
}

/// Makes the new segment, whole, under the spare's name, and renames it into place.
fn begin_segment(disk: &dyn Disk, config: &Config, random: &dyn Random, found: &mut Recovered) -> Result<Active> {
    let id = found.next_segment;
    let unproven = found.unproven.filter(|_| !planted!(config, TrustPageCache));
    let first_seq = unproven.map_or(found.next_seq, |(seq, _)| seq);
    let (mut header, codec) = Header::draw(found.manifest.journal_id, id, first_seq, &config.keys, random)?;
    let file: Arc<dyn DiskFile> = allocate(disk, config, repeat_len(found, unproven))?.into();
    header.reserved = file.len().map_err(|source| failed("writing a new segment", source))?;
    let mut writer = Repeat {
        segment: Segment {
            id,
            codec: Arc::new(codec),
            end_seq: first_seq,
            end_offset: segment::HEADER_LEN as u64,
            file_len: 0,
            last_of: BTreeMap::new(),
            holes: BTreeMap::new(),
            index: Index::default(),
        },
        file: &*file,
        first_seq,
        compression: config.compression,
    };
    let write = |source| failed("writing a new segment", source);
    file.write_at(&header.encode(), 0).map_err(write)?;
    if let (Some((_, offset)), Some(mut last)) = (unproven, found.segments.last_entry()) {
        writer.repeat(disk, last.get(), offset)?;
        // What was repeated is not read there any more: it may be in the cache and on no disk.
        (last.get_mut().end_seq, last.get_mut().end_offset) = (first_seq, offset);
        last.get_mut().last_of = last_of_below(disk, last.get(), first_seq)?;
    }
    let mut segment = writer.segment;
    let publish = || -> io::Result<u64> {
        if !planted!(config, RenameBeforeSync) {
            file.sync()?;
        }
        disk.rename(names::SPARE, &names::segment(id))?;
        if !planted!(config, SkipDirSyncOnRotate) {
            disk.sync_dir()?;
        }
        file.len()
    };
    segment.file_len = publish().map_err(|source| failed("starting a new segment", source))?;
    Ok(Active::new(segment, Arc::clone(&file), config))
}

/// The most bytes that repeating what is unproven can take.
fn repeat_len(found: &Recovered, unproven: Option<(u64, u64)>) -> u64 {
    let last = found.segments.last_key_value().map(|(_, segment)| segment);
    match (unproven, last) {
        // Decompressed and encrypted frames may be larger than those read; the segment grows where this falls short.
        (Some((_, offset)), Some(last)) => segment::HEADER_LEN as u64 + (last.end_offset - offset),
        _ => segment::HEADER_LEN as u64,
    }
}

/// A file of a segment's size under the spare's name; on a disk nearly full, a small one.
///
/// Whatever is repeated, and however small it is: beside that there is an eighth of a segment for what frees space, so that a
/// sixteenth of records fits with the frames around them. Only where not even that is to be had, less is better than
/// nothing: who reads and deletes can open.
fn allocate(disk: &dyn Disk, config: &Config, min_len: u64) -> Result<Box<dyn DiskFile>> {
    let room = config.segment_bytes / 8;
    let reserve = |len: u64| rotate::reserve_spare(disk, len.max(min_len + frame_len_max(0)));
    let mut reserved = reserve(config.segment_bytes.max(min_len + room));
    for len in [min_len + room, min_len + room / 128] {
        if reserved.as_ref().is_err_and(is_full) {
            reserved = reserve(len);
        }
    }
    let opened = reserved.and_then(|()| disk.open(names::SPARE, OpenMode::Write));
    opened.map_err(|source| failed("reserving a segment", source))
}

/// Writes frames of an old segment again, into a new one.
struct Repeat<'a> {
    segment: Segment,
    file: &'a dyn DiskFile,
    first_seq: u64,
    compression: Option<i32>,
}

impl Repeat<'_> {
    fn repeat(&mut self, disk: &dyn Disk, old: &Segment, offset: u64) -> Result<()> {
        each_frame(disk, old, offset, |header, plain, _| self.write(header, plain))
    }

    fn write(&mut self, header: &frame::Header, plain: &[u8]) -> Result<()> {
        let mut out = Vec::new();
        let place = Place {
            offset: self.segment.end_offset,
            first_seq: header.first_seq,
            durable: self.first_seq,
        };
        match header.kind {
            Kind::Data => {
                let records = Records::new(plain);
                for (index, (stream, _)) in records.clone().enumerate() {
                    self.segment.last_of.insert(stream, header.first_seq + index as u64);
                }
                frame::encode_data(&mut out, &self.segment.codec, self.compression, place, records)?;
                self.segment.index.note(place.first_seq, place.offset);
            }
            Kind::Gap => {
                let gap = frame::Header::empty(Kind::Gap, header.first_seq, self.first_seq, header.count);
                frame::encode_empty(&mut out, self.segment.codec.crc_seed, self.segment.end_offset, gap, 0);
            }
            Kind::Witness | Kind::Close => return Ok(()),
        }
        let written = self.file.write_at(&out, self.segment.end_offset);
        written.map_err(|source| failed("repeating what was not synced", source))?;
        self.segment.end_offset += out.len() as u64;
        self.segment.end_seq = header.end_seq();
        Ok(())
    }
}

/// The last record of each stream before `end`.
fn last_of_below(disk: &dyn Disk, segment: &Segment, end: u64) -> Result<BTreeMap<u32, u64>> {
    let mut last_of = BTreeMap::new();
    each_frame(disk, segment, segment::HEADER_LEN as u64, |header, plain, _| {
        if header.first_seq < end {
            for (index, (stream, _)) in Records::new(plain).enumerate() {
                last_of.insert(stream, header.first_seq + index as u64);
            }
        }
        Ok(())
    })?;
    Ok(last_of)
}

/// Calls `visit` with every frame of `segment` from `offset` to its last good one: its header, what it holds, and what of that
/// stands in the file.
pub(crate) fn each_frame(
    disk: &dyn Disk,
    segment: &Segment,
    offset: u64,
    mut visit: impl FnMut(&frame::Header, &[u8], &Body<'_>) -> Result<()>,
) -> Result<()> {
    let name = names::segment(segment.id);
    let file = disk.open(&name, OpenMode::Read).map_err(|source| unreadable(&name, source))?;
    let codec: &Codec = &segment.codec;
    let mut windows = Windows::default();
    let walk = Walk::new(&*file, codec.crc_seed, &mut windows).map_err(|source| unreadable(&name, source))?;
    let mut walk = walk.through();
    let (mut at, mut scratch) = (offset, Scratch::default());
    while at < segment.end_offset {
        if let Some(next) = segment.holes.get(&at) {
            at = *next;
            continue;
        }
        let found = walk.frame_at(at).map_err(|source| unreadable(&name, source))?;
        let Found::Frame(header, body) = found else {
            let message = format!("{name} is damaged at byte {at}, where it was whole before");
            return Err(Error::new(ErrorKind::Corrupt, message));
        };
        visit(&header, frame::open(codec, at, &header, &body, &mut scratch)?, &body)?;
        at += header.frame_len();
    }
    Ok(())
}

pub(super) fn failed(what: &str, source: io::Error) -> Error {
    let kind = match source.kind() {
        _ if is_full(&source) => ErrorKind::Full,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{what} failed")).with_source(source)
}
