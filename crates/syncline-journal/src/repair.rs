//! Setting a damaged segment aside, at the caller's word: what is whole stays, what is lost is named.

use std::io;

use syncline_core::{
    Error, ErrorKind, Result,
    port::{Disk, DiskFile, OpenMode},
};

use crate::{
    frame::{self, Header, Kind},
    manifest::{is_full, remove_if_there},
    names,
    recover::{Segment, unreadable},
    walk::Tail,
};

/// A damaged place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    segment: u64,
    offset: u64,
    first: u64,
    /// The sequence number after the last record lost.
    end: u64,
    /// Where good frames go on.
    resume: Option<u64>,
}

impl Range {
    pub(crate) fn of(segment: &Segment, tail: &Tail, end: Option<u64>) -> Self {
        let first = segment.end_seq;
        let (resume, next) = match tail.next {
            Some((at, seq)) => (Some(at), Some(seq)),
            None => (None, None),
        };
        // The end of the segment bounds the loss; so does the next good frame, or else what was proven to be on disk.
        let end = [next, end].into_iter().flatten().min().unwrap_or(tail.durable.max(first));
        Self { segment: segment.id, offset: segment.end_offset, first, end, resume }
    }

    pub(crate) fn refusal(&self) -> Error {
        let name = names::segment(self.segment);
        let message = format!(
            "acknowledged records {} to {} are damaged in {name} at byte {}; restore a backup, or open with quarantine to go on without them",
            self.first,
            self.end.saturating_sub(1).max(self.first),
            self.offset,
        );
        Error::new(ErrorKind::Corrupt, message)
    }
}

/// Keeps the damaged segment as `quarantine-…` and puts in its place one that says what is lost.
///
/// 1. Copy the segment aside, sync, and sync the directory; a copy that is there already is the first evidence, and stays.
/// 2. Write the segment again with a gap frame over the damage, under a temporary name, and sync. 3. Rename that into place
/// and sync the directory. A crash between any two leaves the damaged segment as it was.
pub(crate) fn quarantine(disk: &dyn Disk, segment: &Segment, tail: &Tail, range: &Range) -> Result<()> {
    let name = names::segment(segment.id);
    let failed = |source| unreadable(&name, source);
    let damaged = disk.open(&name, OpenMode::Read).map_err(failed)?;
    let used = segment.end_offset + tail.bytes;
    let gap = gap(segment, range)?;
    let aside = names::quarantined(segment.id, range.first);
    let set_aside = || -> io::Result<()> {
        if disk.list()?.contains(&aside) {
            return Ok(());
        }
        let temporary = names::temporary(&aside);
        let copy = create(disk, &temporary)?;
        copy_range(&*damaged, &*copy, 0, used)?;
        copy.sync()?;
        disk.rename(&temporary, &aside)?;
        disk.sync_dir()
    };
    let repair = || -> io::Result<()> {
        let temporary = names::temporary(&name);
        let repaired = create(disk, &temporary)?;
        repaired.allocate(damaged.len()?)?;
        copy_range(&*damaged, &*repaired, 0, range.offset)?;
        repaired.write_at(&gap, range.offset)?;
        if let Some(resume) = range.resume {
            copy_range(&*damaged, &*repaired, resume, used)?;
        }
        repaired.sync()?;
        disk.rename(&temporary, &name)?;
        disk.sync_dir()
    };
    set_aside().and_then(|()| repair()).map_err(|source| {
        // What was written in part must not fill the disk; that it was not written is the error to report.
        for unfinished in [&aside, &name].map(|name| names::temporary(name)) {
            if let Err(error) = remove_if_there(disk, &unfinished) {
                tracing::warn!(target: crate::TRACING_TARGET, %error, %unfinished, "it could not be removed");
            }
        }
        let kind = if is_full(&source) { ErrorKind::Full } else { ErrorKind::Unavailable };
        Error::new(kind, format!("{name} could not be set aside; it is unchanged")).with_source(source)
    })
}

/// A frame that stands for what is lost and reaches to where good frames go on.
fn gap(segment: &Segment, range: &Range) -> Result<Vec<u8>> {
    // More than one gap can say is more than one segment can hold.
    let count = u32::try_from(range.end.saturating_sub(range.first)).map_err(|_| range.refusal())?;
    let header = Header::empty(Kind::Gap, range.first, range.first, count);
    let skip = range.resume.map_or(0, |resume| resume - range.offset - frame::HEADER_LEN as u64);
    let mut out = Vec::new();
    let skip = u32::try_from(skip).map_err(|_| range.refusal())?;
    frame::encode_empty(&mut out, segment.codec.crc_seed, range.offset, header, skip);
    Ok(out)
}

fn create(disk: &dyn Disk, name: &str) -> io::Result<Box<dyn DiskFile>> {
    remove_if_there(disk, name)?;
    disk.open(name, OpenMode::Create)
}

fn copy_range(from: &dyn DiskFile, to: &dyn DiskFile, start: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1_024];
    let mut at = start;
    while at < end {
        let len = usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        let chunk = buffer.get_mut(..len).unwrap_or_default();
        let read = from.read_at(chunk, at)?;
        if read == 0 {
            break;
        }
        to.write_at(chunk.get(..read).unwrap_or_default(), at)?;
        at += read as u64;
    }
    Ok(())
}
