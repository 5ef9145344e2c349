//! Reading a stream's records again, from the segments that hold them.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use syncline_core::{Result, port::Disk};

use crate::{
    Seq,
    frame::Records,
    log::{Log, each_frame},
    recover::Segment,
    segment,
    stream::Entry,
};

/// What has to be read for one stream, as the log stood when it was asked.
pub(crate) struct Plan {
    disk: Arc<dyn Disk>,
    segments: Vec<Segment>,
    stream: u32,
    from: u64,
}

impl Plan {
    /// The segments that hold records of `stream` from `from` on.
    pub(crate) fn of(log: &Log, stream: u32, from: u64) -> Self {
        let needed = |segment: &Segment| segment.last_of.get(&stream).is_some_and(|last| *last >= from);
        let segments = log.segments().filter(|segment| needed(segment)).cloned().collect();
        Self { disk: Arc::clone(log.disk()), segments, stream, from }
    }

    /// Hands every record to `apply`, in order.
    pub(crate) fn run(&self, mut apply: impl FnMut(Entry)) -> Result<()> {
        let mut room = Room::default();
        for segment in &self.segments {
            each_frame(&*self.disk, segment, segment::HEADER_LEN as u64, |header, plain| {
                // What stands behind the segment's end is repeated in its successor.
                if header.first_seq < segment.end_seq {
                    for (index, (stream, record)) in Records::new(plain).enumerate() {
                        let seq = header.first_seq + index as u64;
                        if stream == self.stream && seq >= self.from {
                            apply(Entry { seq: Seq::new(seq), payload: room.copy(record) });
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Records from this length on are copied into memory that is used again.
const LARGE_BYTES: usize = 64 * 1_024;

/// Room for copies of large records: the same again where the owner let go of the one before.
#[derive(Default)]
struct Room(BytesMut);

impl Room {
    /// A copy of its own: an owner may keep it for long.
    fn copy(&mut self, record: &[u8]) -> Bytes {
        if record.len() < LARGE_BYTES {
            return Bytes::copy_from_slice(record);
        }
        self.0.extend_from_slice(record);
        self.0.split().freeze()
    }
}

/// Every record of `stream` from `from` on, in order.
///
/// # Errors
///
/// As reading the segments does.
pub fn replay(log: &Log, stream: u32, from: u64) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    Plan::of(log, stream, from).run(|entry| entries.push(entry))?;
    Ok(entries)
}
