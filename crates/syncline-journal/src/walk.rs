//! Reading the frames of one segment, forward, from a window over the file.

use std::{
    io,
    ops::{Deref, Range},
};

use memchr::memmem;
use syncline_core::port::DiskFile;

use crate::{
    frame::{self, Header},
    windows::{Window, Windows},
};

/// Bytes read at a time, unless another number is asked for. A frame that is larger is read whole.
const WINDOW: usize = 512 * 1_024;
/// Frames of which fewer fit into what is read at a time are read one by one, where all are looked at.
const FRAMES_MIN: usize = 4;

/// A forward reader over one segment's bytes.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    file: &'a dyn DiskFile,
    len: u64,
    crc_seed: u32,
    check: bool,
    /// Bytes read at a time.
    reach: usize,
    /// Whether frame after frame is looked at.
    is_through: bool,
    windows: &'a mut Windows,
    /// Where in the file the current window begins, and how many bytes of it were read.
    start: u64,
    read: usize,
}

/// What stands at an offset.
#[derive(Debug)]
pub(crate) enum Found<'w> {
    /// An intact frame.
    Frame(Header, Body<'w>),
    /// Nothing that is a frame.
    Nothing,
}

/// What a frame holds, as it stands in the file.
#[derive(Debug)]
pub(crate) struct Body<'w> {
    windows: &'w Windows,
    range: Range<usize>,
}

impl Body<'_> {
    /// The window that it stands in, and where.
    pub(crate) fn lend(&self) -> (Window, Range<usize>) {
        (self.windows.lend(), self.range.clone())
    }
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.windows.bytes().get(self.range.clone()).unwrap_or_default()
    }
}

/// What follows the last good frame of a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Bytes up to the last one that is not zero.
    pub(crate) bytes: u64,
    /// The first intact frame among them that comes later in the journal: offset and first sequence number.
    pub(crate) next: Option<(u64, u64)>,
    /// The greatest durable sequence number that an intact frame among them carries.
    pub(crate) durable: u64,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(file: &'a dyn DiskFile, crc_seed: u32, windows: &'a mut Windows) -> io::Result<Self> {
        Ok(Self {
            file,
            len: file.len()?,
            crc_seed,
            check: true,
            reach: WINDOW,
            is_through: false,
            windows,
            start: 0,
            read: 0,
        })
    }

    /// For who looks at frame after frame: of large ones none is read twice because it stood across two windows.
    pub(crate) fn through(mut self) -> Self {
        self.is_through = true;
        self
    }

    /// Takes frames as they are, without their checksum: a deliberate bug.
    pub(crate) fn without_checks(mut self, without: bool) -> Self {
        self.check = !without;
        self
    }

    /// Reads so many bytes at a time.
    pub(crate) fn reaching(mut self, reach: usize) -> Self {
        self.reach = reach;
        self
    }

    /// The frame at `offset`, if an intact one stands there.
    pub(crate) fn frame_at(&mut self, offset: u64) -> io::Result<Found<'_>> {
        let Some(range) = self.range(offset, frame::HEADER_LEN, self.reach)? else {
            return Ok(Found::Nothing);
        };
        let Some(head) = self.window().get(range).and_then(|bytes| bytes.first_chunk().copied()) else {
            return Ok(Found::Nothing);
        };
        let Some(header) = Header::decode(&head) else { return Ok(Found::Nothing) };
        let (crc_seed, check) = (self.crc_seed, self.check);
        if check && !frame::may_be_intact(crc_seed, offset, &head) {
            return Ok(Found::Nothing);
        }
        let (body_at, body_len) = (offset + frame::HEADER_LEN as u64, header.body_len as usize);
        let reach = match body_len + frame::HEADER_LEN {
            // With the header of the next one, which says how long that is.
            len if self.is_through && len > self.reach / FRAMES_MIN => len,
            _ => self.reach,
        };
        let Some(range) = self.range(body_at, body_len, reach)? else { return Ok(Found::Nothing) };
        let body = Body { windows: &*self.windows, range };
        if check && !frame::is_intact(crc_seed, offset, &head, &body) {
            return Ok(Found::Nothing);
        }
        Ok(Found::Frame(header, body))
    }

    /// Looks at all that follows `offset`, where no frame with the number `expected` stands.
    pub(crate) fn tail(&mut self, offset: u64, expected: u64) -> io::Result<Tail> {
        let mut tail = Tail::default();
        let mut at = offset;
        while at < self.len {
            let Range { end, .. } = self.fill(at, WINDOW)?;
            let chunk = self.window().get(self.index(at)..).unwrap_or_default();
            if let Some(last) = last_used(chunk) {
                tail.bytes = at + last as u64 + 1 - offset;
            }
            for candidate in magics(chunk, at) {
                self.note_later_frame(candidate, expected, offset, &mut tail)?;
            }
            at = self.behind(end);
        }
        Ok(tail)
    }

    /// Where the first intact frame stands from `offset` on and before `until`.
    pub(crate) fn next_frame(&mut self, offset: u64, until: u64) -> io::Result<Option<u64>> {
        let mut at = offset;
        while at < until.min(self.len) {
            let Range { end, .. } = self.fill(at, self.reach)?;
            let chunk = self.window().get(self.index(at)..).unwrap_or_default();
            for candidate in magics(chunk, at).into_iter().take_while(|candidate| *candidate < until) {
                if let Found::Frame(..) = self.frame_at(candidate)? {
                    return Ok(Some(candidate));
                }
            }
            at = self.behind(end);
        }
        Ok(None)
    }

    /// Whether the frame at `offset` was read whole together with what stands before it.
    pub(crate) fn holds(&self, offset: u64) -> bool {
        let rest = self.window().get(self.index(offset)..).unwrap_or_default();
        let header = rest.first_chunk().and_then(Header::decode);
        offset >= self.start && header.is_some_and(|header| header.frame_len() <= rest.len() as u64)
    }

    /// Where to go on behind a window that ends at `end`: the magic of a frame may lie across two.
    fn behind(&self, end: u64) -> u64 {
        if end < self.len { end - (frame::MAGIC.len() as u64 - 1) } else { end }
    }

    fn note_later_frame(&mut self, at: u64, expected: u64, bad: u64, tail: &mut Tail) -> io::Result<()> {
        if let Found::Frame(header, _) = self.frame_at(at)? {
            // A frame behind `expected` is one that a later segment holds again.
            if header.first_seq >= expected {
                tail.durable = tail.durable.max(header.durable);
                // What replaces the bad place is a frame too, and needs the room of a header.
                if at >= bad + frame::HEADER_LEN as u64 {
                    tail.next.get_or_insert((at, header.first_seq));
                }
            }
        }
        Ok(())
    }

    /// Where in the window `len` bytes at `offset` are, reading `reach` at least where they are not; `None` where the file ends
    /// before them.
    fn range(&mut self, offset: u64, len: usize, reach: usize) -> io::Result<Option<Range<usize>>> {
        let Some(end) = offset.checked_add(len as u64).filter(|end| *end <= self.len) else {
            return Ok(None);
        };
        if offset < self.start || end > self.start + self.read as u64 {
            self.fill(offset, len.max(reach))?;
        }
        let from = self.index(offset);
        Ok(Some(from..from + len).filter(|range| range.end <= self.read))
    }

    /// Moves the window to `offset` and reads up to `len` bytes; returns the range that it covers then. Also what it held before
    /// is read again: a frame that was misread once is judged by what is there the second time.
    fn fill(&mut self, offset: u64, len: usize) -> io::Result<Range<u64>> {
        let left = self.len.saturating_sub(offset);
        let len = usize::try_from(left).map_or(len, |left| left.min(len));
        let window = self.windows.writable();
        if window.len() < len {
            window.resize(len, 0);
        }
        (self.start, self.read) = (offset, 0);
        self.read = self.file.read_at(window.get_mut(..len).unwrap_or_default(), offset)?;
        if self.read < len {
            // Shorter than it said: another process is at work, or the disk lies. What is not there is not a frame.
            self.len = offset + self.read as u64;
        }
        Ok(offset..offset + self.read as u64)
    }

    fn window(&self) -> &[u8] {
        self.windows.bytes().get(..self.read).unwrap_or_default()
    }

    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX)
    }
}

/// Where in `chunk`, which stands at `at`, a frame may begin.
fn magics(chunk: &[u8], at: u64) -> Vec<u64> {
    memmem::find_iter(chunk, &frame::MAGIC).map(|i| at + i as u64).collect()
}

/// The last byte that is not zero. In lines, because most of a segment that was not filled is zeros.
fn last_used(bytes: &[u8]) -> Option<usize> {
    const LINE: usize = 64;
    let is_used = |byte: &u8| *byte != 0;
    let (lines, rest) = bytes.as_chunks::<LINE>();
    if let Some(last) = rest.iter().rposition(is_used) {
        return Some(lines.len() * LINE + last);
    }
    let line = lines.iter().rposition(|line| line.iter().fold(0, |sum, byte| sum | byte) != 0)?;
    lines.get(line)?.iter().rposition(is_used).map(|last| line * LINE + last)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use syncline_core::{
        memory::MemoryDisk,
        port::{Disk, OpenMode},
    };

    use super::*;
    use crate::frame::Kind;

    /// Quarantine once subtracted past zero: an intact frame with a wrong number stood in the bad place itself.
    #[test]
    fn the_bad_place_is_not_where_good_frames_go_on() {
        let file = Arc::new(MemoryDisk::new()).open("segment", OpenMode::Create).unwrap();
        let frame = |offset: u64, first_seq: u64| {
            let mut bytes = Vec::new();
            frame::encode_empty(&mut bytes, 7, offset, Header::empty(Kind::Witness, first_seq, first_seq, 0), 0);
            file.write_at(&bytes, offset).unwrap();
        };
        frame(0, 5);
        let alone = Walk::new(&*file, 7, &mut Windows::default()).unwrap().tail(0, 3).unwrap();
        assert_eq!((alone.next, alone.durable), (None, 5));
        frame(frame::HEADER_LEN as u64, 6);
        let followed = Walk::new(&*file, 7, &mut Windows::default()).unwrap().tail(0, 3).unwrap();
        assert_eq!((followed.next, followed.durable), (Some((frame::HEADER_LEN as u64, 6)), 6));
    }
}
