//! Frames whose checksum is right and whose contents are anything, as `docs/formats/journal-v1.md` lays them out.

use arbitrary::Arbitrary;

const SEGMENT_HEADER_LEN: usize = 160;

/// What stands behind a frame's header.
#[derive(Debug, Clone, Arbitrary)]
pub enum Body {
    /// Any bytes.
    Bytes(Vec<u8>),
    /// Records that are well formed: stream and payload.
    Records(Vec<(u8, Vec<u8>)>),
    /// Any bytes, compressed.
    Packed(Vec<u8>),
    /// Zeros.
    Zeros(u8),
}

/// One frame, its numbers relative to what a reader expects, so that wrong ones are near right ones.
#[derive(Debug, Clone, Arbitrary)]
pub struct Frame {
    /// Kind and flags.
    pub flags: u16,
    /// Added to the expected sequence number.
    pub first_off: i8,
    /// Taken from the expected sequence number.
    pub durable_off: i8,
    /// Added to the right count.
    pub count_off: i32,
    /// Added to the right length of the records.
    pub plain_off: i32,
    /// Added to the right length of the body.
    pub body_off: i8,
    /// Its contents.
    pub body: Body,
    /// Whether the checksum is wrong after all.
    pub broken: bool,
}

impl Frame {
    /// Writes it into `segment` at `at` as the frame that should begin with `seq`; returns where the next one goes.
    pub fn put(&self, segment: &mut [u8], at: usize, seq: &mut u64) -> Option<usize> {
        let (body, plain_len, count) = self.body.encode();
        let mut frame = b"SLF1".to_vec();
        let body_len = (body.len() as u32).saturating_add_signed(i32::from(self.body_off));
        frame.extend(body_len.to_le_bytes());
        frame.extend(seq.wrapping_add_signed(i64::from(self.first_off)).to_le_bytes());
        frame.extend(seq.wrapping_add_signed(-i64::from(self.durable_off)).to_le_bytes());
        let count = count.wrapping_add_signed(self.count_off);
        frame.extend(count.to_le_bytes());
        frame.extend(self.flags.to_le_bytes());
        frame.extend([0; 2]);
        frame.extend(plain_len.wrapping_add_signed(self.plain_off).to_le_bytes());
        let seed = crc32c::crc32c_append(seed_of(segment), &(at as u64).to_le_bytes());
        let check = crc32c::crc32c_append(crc32c::crc32c_append(seed, &frame[..30]), &frame[32..36]);
        frame[30..32].copy_from_slice(&check.to_le_bytes()[..2]);
        let mut crc = crc32c::crc32c_append(seed, &frame);
        crc = crc32c::crc32c_append(crc, &body);
        frame.extend(if self.broken { !crc } else { crc }.to_le_bytes());
        frame.extend(body);
        let end = at.checked_add(frame.len())?;
        segment.get_mut(at..end)?.copy_from_slice(&frame);
        *seq = seq.wrapping_add(u64::from(count));
        Some(end)
    }
}

impl Body {
    /// Bytes on disk, bytes before compression, records.
    fn encode(&self) -> (Vec<u8>, u32, u32) {
        match self {
            Self::Bytes(bytes) => (bytes.clone(), bytes.len() as u32, 1),
            Self::Zeros(len) => (vec![0; usize::from(*len)], 0, 0),
            Self::Packed(bytes) => {
                let packed = zstd::bulk::compress(bytes, 1).unwrap_or_default();
                (packed, bytes.len() as u32, 1)
            }
            Self::Records(records) => {
                let mut out = Vec::new();
                for (stream, payload) in records {
                    // Of the streams only the first is registered; a number above 127 would take two bytes.
                    out.push(1 + stream % 2);
                    put_varint(&mut out, payload.len() as u32);
                    out.extend(payload);
                }
                let len = out.len() as u32;
                (out, len, records.len() as u32)
            }
        }
    }
}

/// The checksum of a segment's identity, which begins that of each of its frames.
fn seed_of(segment: &[u8]) -> u32 {
    assert!(segment.len() >= SEGMENT_HEADER_LEN, "a segment has a header");
    let seed = crc32c::crc32c(&segment[16..40]);
    crc32c::crc32c_append(seed, &segment[48..56])
}

fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
