//! Space for the next frame: in the active segment, or in a new one.

use std::{io, sync::Arc};

use syncline_core::{
    Error, ErrorKind, Result,
    port::{Disk, DiskFile, OpenMode},
};

use super::{Active, Log, open::failed, write::frame_len_max};
use crate::{
    config::planted,
    frame,
    manifest::remove_if_there,
    names,
    recover::Segment,
    segment::{self, Header},
};

impl Log {
    /// Makes sure that a frame of `len` bytes can be written behind the last one, in a new segment if need be. Before it is
    /// refused for want of space, what is dead already is given back.
    pub(super) fn reserve(&mut self, len: u64, essential: bool) -> Result<()> {
        match self.find_room(len, essential) {
            Err(error) if error.kind() == ErrorKind::Full && self.has_dead() => {
                self.give_back_dead()?;
                self.find_room(len, essential)
            }
            found => found,
        }
    }

    fn find_room(&mut self, len: u64, essential: bool) -> Result<()> {
        // A closing frame must always find room.
        let needed = len + frame::HEADER_LEN as u64;
        if !self.spare {
            self.make_spare(self.config.segment_bytes);
        }
        if !self.spare && !essential {
            return Err(self.no_segment());
        }
        if self.active.segment.end_offset + needed <= self.active.segment.file_len {
            return Ok(());
        }
        let min_len = segment::HEADER_LEN as u64 + needed;
        if min_len > self.config.segment_bytes {
            self.make_spare(min_len);
        }
        if !self.spare {
            let error = self.no_segment();
            // One that is too large for the disk must not cost the one that was there.
            self.make_spare(self.config.segment_bytes);
            return Err(error);
        }
        self.rotate()?;
        // The last segment that there is space for is kept for what frees some.
        if self.spare || essential { Ok(()) } else { Err(self.no_segment()) }
    }

    /// Why no further segment could be reserved.
    fn no_segment(&self) -> Error {
        let (bytes, disk) = (self.config.segment_bytes, self.disk.describe());
        match &self.no_spare {
            Some(cause) if cause.kind() != ErrorKind::Full => cause.share(),
            _ => Error::new(ErrorKind::Full, format!("no space for another segment of {bytes} bytes in {disk}")),
        }
    }

    /// Leaves the active segment for the spare one.
    ///
    /// 1. Sync the active segment: a successor promises that all before it is on disk. 2. Write the successor's header into
    /// the spare file and sync it. 3. Rename it and sync the directory. 4. Only then write to it. 5. Make the next spare.
    fn rotate(&mut self) -> Result<()> {
        self.seal_active()?;
        let id = self.active.segment.id + 1;
        let next = self
            .start_segment(id)
            .map_err(|source| self.poison(&format!("starting segment {id}"), source))?;
        let old = std::mem::replace(&mut self.active, next);
        self.sealed.insert(old.segment.id, old.segment);
        self.witnessed = self.next_seq;
        self.counters.rotations += 1;
        self.make_spare(self.config.segment_bytes);
        Ok(())
    }

    fn seal_active(&mut self) -> Result<()> {
        if self.durable < self.next_seq && !planted!(self.config, SkipSyncOnRotate) {
            let outcome = if planted!(self.config, SkipSync) { Ok(()) } else { self.active.file.sync() };
            match outcome {
                Ok(()) => self.counters.syncs += 1,
                Err(_) if planted!(self.config, IgnoreRotateError) => {}
                Err(source) => return Err(self.poison("the sync of a full segment", source)),
            }
        }
        self.durable = self.next_seq;
        self.active.segment.end_seq = self.next_seq;
        Ok(())
    }

    fn start_segment(&self, id: u64) -> io::Result<Active> {
        let keys = &self.config.keys;
        let drawn = Header::draw(self.manifest.journal_id, id, self.next_seq, keys, &*self.random);
        let (mut header, codec) = drawn.map_err(io::Error::other)?;
        let file: Arc<dyn DiskFile> = self.disk.open(names::SPARE, OpenMode::Write)?.into();
        header.reserved = file.len()?;
        file.write_at(&header.encode(), 0)?;
        if !planted!(self.config, RenameBeforeSync) {
            file.sync()?;
        }
        self.disk.rename(names::SPARE, &names::segment(id))?;
        if !planted!(self.config, SkipDirSyncOnRotate) {
            self.disk.sync_dir()?;
        }
        let segment = Segment {
            id,
            codec: Arc::new(codec),
            end_seq: self.next_seq,
            end_offset: segment::HEADER_LEN as u64,
            file_len: file.len()?,
            last_of: Default::default(),
            holes: Default::default(),
            index: Default::default(),
        };
        Ok(Active::new(segment, file, &self.config))
    }

    /// Gives back the space that the next segment would have taken.
    pub(super) fn give_up_spare(&mut self) {
        self.spare = false;
        if let Err(error) = remove_if_there(&*self.disk, names::SPARE) {
            tracing::warn!(target: crate::TRACING_TARGET, %error, "the reserved segment could not be given up");
        }
    }

    /// Reserves the next segment's space now, so that a full disk shows here and not when a frame must be written.
    pub(super) fn make_spare(&mut self, len: u64) {
        let reserved = reserve_spare(&*self.disk, len);
        self.spare = reserved.is_ok();
        let was_known = self.no_spare.is_some();
        self.no_spare = reserved.err().map(|source| failed("reserving the next segment", source));
        if let Some(error) = self.no_spare.as_ref().filter(|_| !was_known) {
            tracing::warn!(target: crate::TRACING_TARGET, ?error, len, "no next segment");
        }
    }
}

pub(super) fn reserve_spare(disk: &dyn Disk, len: u64) -> io::Result<()> {
    // However little was asked for, a segment has a header and some frame.
    let len = len.max(segment::HEADER_LEN as u64 + frame_len_max(0));
    remove_if_there(disk, names::SPARE)?;
    let reserved = disk.open(names::SPARE, OpenMode::Create).and_then(|file| file.allocate(len));
    if let Err(error) = reserved {
        // What was reserved in part is given back; that it was not is the error to report.
        return Err(remove_if_there(disk, names::SPARE).err().unwrap_or(error));
    }
    Ok(())
}
