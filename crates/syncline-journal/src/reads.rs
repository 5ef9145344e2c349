//! Single records, read again while the journal is open.
//!
//! A frame is read whole, because its checksum covers all of it. So frames that were read stay in memory for a while: the
//! items of one batch share a frame, and who reads in order finds the next frames there before asking for them.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    ops::Range,
    sync::Arc,
};

use bytes::Bytes;
use syncline_core::{Error, ErrorKind, Result, port::OpenMode};

use crate::{
    frame::{self, Header, Records, Scratch},
    log::{Place, not_kept},
    names,
    recover::unreadable,
    sync::{Mutex, MutexGuard, lock},
    walk::{Found, Walk},
    windows::Windows,
};

/// Bytes read at a time on the way to a record that follows no other.
const REACH: usize = 64 * 1_024;
/// Bytes read at a time where records are read in order.
const REACH_AHEAD: usize = 2 * 1_024 * 1_024;
/// Bytes that may be passed between two records that count as read in order.
const PASSED_MAX: u64 = 256 * 1_024;
/// Most bytes of frames that stay in memory, unless one alone is larger.
const KEPT_BYTES: usize = 8 * 1_024 * 1_024;
/// What a frame and a record take beside their bytes, about.
const FRAME_BYTES: usize = 160;
const RECORD_BYTES: usize = 12;
/// Records of a frame that room is made for before they are seen.
const COUNT_HINT: u32 = 1_024;

/// The frames that were read last.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    kept: Mutex<Kept>,
    /// Whose turn it is to read from disk.
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By first sequence number.
    frames: BTreeMap<u64, Arc<Frame>>,
    /// As they came.
    order: VecDeque<u64>,
    bytes: usize,
}

/// The records of one frame, as they were appended.
#[derive(Debug)]
struct Frame {
    segment: u64,
    first_seq: u64,
    /// Where the next frame stands.
    end: u64,
    plain: Bytes,
    /// Stream and place of each.
    records: Vec<(u32, Range<u32>)>,
}

impl Reads {
    /// Held while a record is looked for on disk.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// The record `seq` of `stream`, where its frame is in memory.
    pub(crate) fn recall(&self, stream: u32, seq: u64) -> Option<Bytes> {
        let frame = lock(&self.kept).before(seq)?;
        frame.record(stream, seq)
    }

    /// The record `seq` of `stream`, from the segment that holds it.
    pub(crate) fn read(&self, place: &Place, stream: u32, seq: u64) -> Result<Bytes> {
        let name = names::segment(place.segment);
        let failed = |source| unreadable(&name, source);
        let before = lock(&self.kept)
            .before(seq)
            .filter(|frame| frame.segment == place.segment && frame.end_seq() <= seq);
        let is_next = before.as_ref().is_some_and(|frame| frame.end + PASSED_MAX > place.span.start);
        let from = before.map(|frame| frame.end).filter(|end| place.span.contains(end));
        let span = from.unwrap_or(place.span.start)..place.span.end;

        let file = place.disk.open(&name, OpenMode::Read).map_err(failed)?;
        let mut windows = Windows::default();
        let walk = Walk::new(&*file, place.codec.crc_seed, &mut windows).map_err(failed)?;
        let mut walk = walk.reaching(if is_next { REACH_AHEAD } else { REACH });
        let damaged = |at| Error::new(ErrorKind::Corrupt, format!("{name} is damaged from byte {at} on: record {seq}"));
        let at = find(&mut walk, &span, seq).map_err(failed)?.ok_or_else(|| damaged(span.start))?;
        let mut scratch = Scratch::default();
        let frame = frame_at(&mut walk, place, at, &mut scratch).map_err(failed)?;
        let frame = self.keep(frame.ok_or_else(|| damaged(at))?);
        let mut next = frame.end;
        while is_next && next < place.end && walk.holds(next) {
            // What is not whole is for who asks for it.
            let Some(frame) = frame_at(&mut walk, place, next, &mut scratch).map_err(failed)? else { break };
            next = self.keep(frame).end;
        }
        frame.record(stream, seq).ok_or_else(|| not_kept(seq))
    }

    fn keep(&self, frame: Frame) -> Arc<Frame> {
        let frame = Arc::new(frame);
        // A witness stands where the next record will.
        if !frame.records.is_empty() {
            lock(&self.kept).insert(Arc::clone(&frame));
        }
        frame
    }
}

impl Kept {
    /// The last frame that does not begin behind the record `seq`.
    fn before(&self, seq: u64) -> Option<Arc<Frame>> {
        self.frames.range(..=seq).next_back().map(|(_, frame)| Arc::clone(frame))
    }

    fn insert(&mut self, frame: Arc<Frame>) {
        let (seq, bytes) = (frame.first_seq, frame.bytes());
        if self.frames.insert(seq, frame).is_some() {
            return;
        }
        self.order.push_back(seq);
        self.bytes += bytes;
        while self.bytes > KEPT_BYTES && self.order.len() > 1 {
            let oldest = self.order.pop_front().and_then(|seq| self.frames.remove(&seq));
            self.bytes -= oldest.map_or(0, |frame| frame.bytes());
        }
    }
}

/// Where in `span` the frame of the record `seq` stands. What is damaged before it is passed over: a later frame is as good as
/// ever.
fn find(walk: &mut Walk<'_>, span: &Range<u64>, seq: u64) -> io::Result<Option<u64>> {
    let mut at = span.start;
    while at < span.end {
        at = match walk.frame_at(at)? {
            Found::Frame(header, _) if header.end_seq() <= seq => at + header.frame_len(),
            Found::Frame(header, _) => return Ok((header.first_seq <= seq).then_some(at)),
            Found::Nothing => match walk.next_frame(at + 1, span.end)? {
                Some(next) => next,
                None => return Ok(None),
            },
        };
    }
    Ok(None)
}

/// The frame at `offset`; `None` where it is not what was written, or its records were lost to damage before.
fn frame_at(walk: &mut Walk<'_>, place: &Place, offset: u64, scratch: &mut Scratch) -> io::Result<Option<Frame>> {
    let Found::Frame(header, body) = walk.frame_at(offset)? else { return Ok(None) };
    let plain = frame::open(&place.codec, offset, &header, &body, scratch);
    Ok(plain.ok().and_then(|plain| Frame::of(place.segment, offset, &header, plain)))
}

impl Frame {
    fn of(segment: u64, offset: u64, header: &Header, plain: &[u8]) -> Option<Self> {
        let (mut records, mut rest) = (Vec::with_capacity(header.count.min(COUNT_HINT) as usize), Records::new(plain));
        while let Some((stream, record)) = rest.next() {
            let end = u32::try_from(plain.len() - rest.left()).ok()?;
            records.push((stream, end - u32::try_from(record.len()).ok()?..end));
        }
        (records.len() == header.count as usize).then(|| Self {
            segment,
            first_seq: header.first_seq,
            end: offset + header.frame_len(),
            plain: Bytes::copy_from_slice(plain),
            records,
        })
    }

    fn record(&self, stream: u32, seq: u64) -> Option<Bytes> {
        let index = usize::try_from(seq.checked_sub(self.first_seq)?).ok()?;
        let (owner, range) = self.records.get(index)?;
        (*owner == stream).then(|| self.plain.slice(range.start as usize..range.end as usize))
    }

    fn end_seq(&self) -> u64 {
        self.first_seq + self.records.len() as u64
    }

    /// Memory that it takes.
    fn bytes(&self) -> usize {
        FRAME_BYTES + self.plain.len() + self.records.len() * RECORD_BYTES
    }
}
