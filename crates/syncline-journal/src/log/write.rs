//! Writing frames at the end of the active segment.

use syncline_core::Result;

use super::{Log, Submission};
use crate::{
    config::planted,
    frame::{self, Header, Kind, Place},
};

impl Log {
    /// Writes `batch` as one frame and returns the first record's sequence number; the rest follow in order.
    ///
    /// Nothing is acknowledged by this: the bytes are with the operating system, not on disk.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] when there is no space for it, and nothing was written; [`ErrorKind::Poisoned`] when the write
    /// failed, and nothing can be written any more.
    pub fn write(&mut self, batch: &[Submission]) -> Result<u64> {
        self.check()?;
        let plain: usize = batch.iter().map(Submission::frame_bytes).sum();
        let essential = !batch.is_empty() && batch.iter().all(|submission| submission.essential);
        self.reserve(frame_len_max(plain), essential)?;
        let first = self.next_seq;
        if planted!(self.config, SplitTransaction) {
            self.write_split(batch)?;
        } else {
            let records = batch.iter().flat_map(|submission| &submission.records);
            let records: Vec<(u32, &[u8])> = records.map(|(stream, payload)| (*stream, &**payload)).collect();
            self.write_records(&records)?;
        }
        if planted!(self.config, AckBeforeSync) {
            self.durable = self.next_seq;
        }
        Ok(first)
    }

    fn write_records(&mut self, records: &[(u32, &[u8])]) -> Result<()> {
        let place = Place {
            offset: self.active.segment.end_offset,
            first_seq: self.next_seq,
            durable: self.durable_to_write(),
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let codec = &self.active.segment.codec;
        let encoded = frame::encode_data(&mut buffer, codec, self.config.compression, place, records.iter().copied());
        let written = encoded.and_then(|header| self.put(&buffer, &header).map(|()| header));
        self.buffer = buffer;
        let header = written?;
        self.active.segment.index.note(place.first_seq, place.offset);
        for (stream, _) in records {
            self.active.segment.last_of.insert(*stream, self.next_seq);
            self.next_seq += 1;
        }
        self.counters.records += u64::from(header.count);
        Ok(())
    }

    /// Each record in a frame of its own: a deliberate bug.
    fn write_split(&mut self, batch: &[Submission]) -> Result<()> {
        for (stream, payload) in batch.iter().flat_map(|submission| &submission.records) {
            self.reserve(frame_len_max(frame::record_len(*stream, payload.len())), true)?;
            self.write_records(&[(*stream, payload)])?;
        }
        Ok(())
    }

    /// Writes a witness of what is on disk, unless the segment already says so. It is not synced: it only has to be there
    /// for as long as the frames it vouches for may rot.
    ///
    /// # Errors
    ///
    /// As a failed write.
    pub fn witness(&mut self) -> Result<()> {
        self.check()?;
        // The room of the closing frame is not the witness's.
        let fits = self.active.segment.end_offset + 2 * frame::HEADER_LEN as u64 <= self.active.segment.file_len;
        if self.durable < self.next_seq || self.witnessed >= self.durable || !fits {
            return Ok(());
        }
        self.write_empty(Kind::Witness)
    }

    pub(super) fn write_empty(&mut self, kind: Kind) -> Result<()> {
        self.check()?;
        let header = Header::empty(kind, self.next_seq, self.durable_to_write(), 0);
        let mut out = Vec::with_capacity(frame::HEADER_LEN);
        let segment = &self.active.segment;
        frame::encode_empty(&mut out, segment.codec.crc_seed, segment.end_offset, header, 0);
        self.put(&out, &header)
    }

    fn durable_to_write(&self) -> u64 {
        self.durable.min(self.next_seq)
    }

    /// Writes a frame's bytes behind the last frame.
    fn put(&mut self, bytes: &[u8], header: &Header) -> Result<()> {
        let offset = self.active.segment.end_offset;
        let written = self.active.file.write_at(bytes, offset);
        if let Err(source) =
            written.or_else(|error| if planted!(self.config, IgnoreFailedWrite) { Ok(()) } else { Err(error) })
        {
            return Err(self.poison(&format!("a write to segment {}", self.active.segment.id), source));
        }
        self.active.segment.end_offset += bytes.len() as u64;
        self.active.segment.end_seq = header.end_seq();
        self.witnessed = self.witnessed.max(header.durable);
        self.counters.frames += 1;
        self.counters.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// The most bytes that a frame of `plain` bytes of records can take.
pub(super) fn frame_len_max(plain: usize) -> u64 {
    (frame::HEADER_LEN + plain + crate::crypt::TAG_LEN) as u64
}
