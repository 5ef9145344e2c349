//! Reading a stream's records again, from the segments that hold them.

use std::sync::Arc;

use bytes::Bytes;
use syncline_core::{Result, port::Disk};

use crate::{
    Seq,
    frame::{Header, Records},
    handing::{Handing, Hearer},
    log::{Log, each_frame},
    owners::Seat,
    recover::Segment,
    segment,
    stream::Entry,
    walk::Body,
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

    /// Tells the owner of every record, in order, while the next are read.
    pub(crate) fn tell(&self, seat: &Seat) -> Result<()> {
        let hearer = Hearer { owner: Arc::clone(&seat.owner), from: self.from };
        let mut handing = Handing::new([(self.stream, hearer)].into());
        self.each(|header, plain, body| handing.take(header, body, plain))?;
        handing.finish()
    }

    /// Every frame that counts.
    fn each(&self, mut visit: impl FnMut(&Header, &[u8], &Body<'_>) -> Result<()>) -> Result<()> {
        for segment in &self.segments {
            each_frame(&*self.disk, segment, segment::HEADER_LEN as u64, |header, plain, body| {
                // What stands behind the segment's end is repeated in its successor.
                if header.first_seq < segment.end_seq {
                    visit(header, plain, body)
                } else {
                    Ok(())
                }
            })?;
        }
        Ok(())
    }
}

/// Every record of `stream` from `from` on, in order.
///
/// # Errors
///
/// As reading the segments does.
pub fn replay(log: &Log, stream: u32, from: u64) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    Plan::of(log, stream, from).each(|header, plain, _| {
        let records = (header.first_seq..).zip(Records::new(plain));
        let of_stream = records.filter(|(seq, (other, _))| *other == stream && *seq >= from);
        entries.extend(
            of_stream.map(|(seq, (_, record))| Entry { seq: Seq::new(seq), payload: Bytes::copy_from_slice(record) }),
        );
        Ok(())
    })?;
    Ok(entries)
}
