//! One frame: the unit that is there whole or not at all. Pure; the walk and the writer share it.

use std::io;

use syncline_core::{Error, ErrorKind, Result, limits::SUBMISSION_BYTES_MAX};
use zstd::bulk::Decompressor;

use crate::{
    crypt::TAG_LEN,
    segment::Codec,
    seq::NUMBER_MAX,
    wire::{Reader, put_varint, varint_len},
};

pub(crate) const HEADER_LEN: usize = 40;
pub(crate) const MAGIC: [u8; 4] = *b"SLF1";
/// Most bytes of a frame's records before compression: the largest submission and the lengths of its records.
pub(crate) const PLAIN_MAX: usize = SUBMISSION_BYTES_MAX + SUBMISSION_BYTES_MAX / 4;
const CRC_AT: usize = HEADER_LEN - 4;
/// Where the check of the header alone stands.
const CHECK_AT: usize = 30;
const CHECK_LEN: usize = 2;
const FLAG_COMPRESSED: u16 = 1 << 8;
const FLAG_ENCRYPTED: u16 = 1 << 9;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Records.
    Data = 1,
    /// Nothing but the durable sequence number: proof that the frames before it were acknowledged.
    Witness = 2,
    /// The journal was closed; no frame follows.
    Close = 3,
    /// Records that were lost to damage stood here; the loss was reported and accepted.
    Gap = 4,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) compressed: bool,
    pub(crate) encrypted: bool,
    pub(crate) body_len: u32,
    /// Bytes of the records before compression and encryption.
    pub(crate) plain_len: u32,
    /// The first record's sequence number, or the next one's where there is none.
    pub(crate) first_seq: u64,
    /// Every record before this one was on disk when the frame was written.
    pub(crate) durable: u64,
    pub(crate) count: u32,
}

impl Header {
    /// A header without a body.
    pub(crate) fn empty(kind: Kind, first_seq: u64, durable: u64, count: u32) -> Self {
        Self {
            kind,
            compressed: false,
            encrypted: false,
            body_len: 0,
            plain_len: 0,
            first_seq,
            durable,
            count,
        }
    }

    /// The sequence number after the frame's last record.
    pub(crate) fn end_seq(&self) -> u64 {
        self.first_seq.saturating_add(u64::from(self.count))
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.body_len)
    }

    /// The header up to its checksum; the check is left zero.
    fn encode(&self) -> [u8; CRC_AT] {
        let mut flags = self.kind as u16;
        flags |= if self.compressed { FLAG_COMPRESSED } else { 0 };
        flags |= if self.encrypted { FLAG_ENCRYPTED } else { 0 };
        let mut out = [0; CRC_AT];
        let rest = put(&mut out, MAGIC);
        let rest = put(rest, self.body_len.to_le_bytes());
        let rest = put(rest, self.first_seq.to_le_bytes());
        let rest = put(rest, self.durable.to_le_bytes());
        let rest = put(rest, self.count.to_le_bytes());
        let rest = put(rest, flags.to_le_bytes());
        let rest = put(rest, [0; CHECK_LEN]);
        put(rest, self.plain_len.to_le_bytes());
        out
    }

    /// The header in `bytes`, if they can be one. Its checksum is not looked at.
    pub(crate) fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>()? != MAGIC {
            return None;
        }
        let body_len = reader.u32()?;
        let (first_seq, durable, count) = (reader.u64()?, reader.u64()?, reader.u32()?);
        let (flags, _check, plain_len) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let kind = match flags & 0xff {
            1 => Kind::Data,
            2 => Kind::Witness,
            3 => Kind::Close,
            4 => Kind::Gap,
            _ => return None,
        };
        let known = flags & !(0xff | FLAG_COMPRESSED | FLAG_ENCRYPTED) == 0;
        let bounded = usize::try_from(plain_len).is_ok_and(|len| len <= PLAIN_MAX)
            && first_seq.max(durable).saturating_add(u64::from(count)) <= NUMBER_MAX;
        let header = Self {
            kind,
            compressed: flags & FLAG_COMPRESSED != 0,
            encrypted: flags & FLAG_ENCRYPTED != 0,
            body_len,
            plain_len,
            first_seq,
            durable,
            count,
        };
        (known && bounded).then_some(header)
    }
}

/// Writes a field to the front of `out`, and returns what is behind it. Its length is known to the compiler: a frame of one
/// small record is mostly header.
fn put<const LEN: usize>(out: &mut [u8], field: [u8; LEN]) -> &mut [u8] {
    match out.split_first_chunk_mut() {
        Some((place, rest)) => {
            *place = field;
            rest
        }
        None => &mut [],
    }
}

/// Whether the check of the header alone is right, before its body is read.
///
/// It costs little, so that a record full of what looks like headers does not have the body of each read and summed up. Who
/// wrote the record does not know the segment's salt, and hits one check in 65,536.
pub(crate) fn may_be_intact(crc_seed: u32, offset: u64, header: &[u8; HEADER_LEN]) -> bool {
    let (checked, _) = header.split_at(CRC_AT);
    header.get(CHECK_AT..CHECK_AT + CHECK_LEN) == Some(&check(crc_seed, offset, checked))
}

/// The check of a header, whatever stands in the place of the check.
fn check(crc_seed: u32, offset: u64, header: &[u8]) -> [u8; CHECK_LEN] {
    let (before, after) = header.split_at_checked(CHECK_AT).unwrap_or_default();
    let [a, b, ..] = checksum(crc_seed, offset, before, after.get(CHECK_LEN..).unwrap_or_default()).to_le_bytes();
    [a, b]
}

/// Whether the checksum of the frame in `header` and `body` is right for this offset of this segment.
///
/// The offset is part of it, so that a copy of a frame inside a record is never taken for the frame.
pub(crate) fn is_intact(crc_seed: u32, offset: u64, header: &[u8; HEADER_LEN], body: &[u8]) -> bool {
    let (checked, crc) = header.split_at(CRC_AT);
    crc == checksum(crc_seed, offset, checked, body).to_le_bytes()
}

fn checksum(crc_seed: u32, offset: u64, header: &[u8], body: &[u8]) -> u32 {
    let seed = crc32c::crc32c_append(crc_seed, &offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(seed, header), body)
}

/// Bytes that `len` bytes of a record of `stream` take in a frame.
pub(crate) fn record_len(stream: u32, len: usize) -> usize {
    varint_len(stream) + varint_len(u32::try_from(len).unwrap_or(u32::MAX)) + len
}

/// What a data frame is made from, besides its records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Where in the segment the frame will stand.
    pub(crate) offset: u64,
    pub(crate) first_seq: u64,
    pub(crate) durable: u64,
}

/// Appends a data frame of `records` to `out`, which must be empty.
pub(crate) fn encode_data<'a>(
    out: &mut Vec<u8>,
    codec: &Codec,
    compression: Option<i32>,
    place: Place,
    records: impl Iterator<Item = (u32, &'a [u8])>,
) -> Result<Header> {
    out.resize(HEADER_LEN, 0);
    let mut count = 0_u32;
    for (stream, record) in records {
        put_varint(out, stream);
        put_varint(out, u32::try_from(record.len()).unwrap_or(u32::MAX));
        out.extend_from_slice(record);
        count += 1;
    }
    let plain_len = out.len() - HEADER_LEN;
    let mut header = Header::empty(Kind::Data, place.first_seq, place.durable, count);
    header.plain_len = u32::try_from(plain_len).map_err(|_| too_large(plain_len))?;
    if plain_len > PLAIN_MAX {
        return Err(too_large(plain_len));
    }
    if let Some(level) = compression {
        header.compressed = compress(out, level)?;
    }
    seal(out, codec, place.offset, &mut header)?;
    Ok(header)
}

/// Appends a frame without records, for `offset`, to `out`, which must be empty; `skip` bytes of zeros make up its body.
pub(crate) fn encode_empty(out: &mut Vec<u8>, crc_seed: u32, offset: u64, mut header: Header, skip: u32) {
    header.body_len = skip;
    out.extend_from_slice(&header.encode());
    out.resize(HEADER_LEN + skip as usize, 0);
    finish(out, crc_seed, offset, &header);
}

/// Replaces the body by its compressed form where that is smaller.
fn compress(out: &mut Vec<u8>, level: i32) -> Result<bool> {
    let plain = out.get(HEADER_LEN..).unwrap_or_default();
    let packed = zstd::bulk::compress(plain, level)
        .map_err(|source| Error::new(ErrorKind::Invalid, "a frame could not be compressed").with_source(source))?;
    if packed.len() >= plain.len() {
        return Ok(false);
    }
    out.truncate(HEADER_LEN);
    out.extend_from_slice(&packed);
    Ok(true)
}

fn seal(out: &mut Vec<u8>, codec: &Codec, offset: u64, header: &mut Header) -> Result<()> {
    let body_len = out.len() - HEADER_LEN;
    header.encrypted = codec.cipher.is_some();
    let sealed_len = body_len + if header.encrypted { TAG_LEN } else { 0 };
    header.body_len = u32::try_from(sealed_len).map_err(|_| too_large(sealed_len))?;
    if let Some(cipher) = &codec.cipher {
        let associated = header.encode();
        let tag = cipher.seal(offset, &associated, out.get_mut(HEADER_LEN..).unwrap_or_default())?;
        out.extend_from_slice(&tag);
    }
    finish(out, codec.crc_seed, offset, header);
    Ok(())
}

/// Writes the header and its checksum over the first bytes of `out`.
fn finish(out: &mut [u8], crc_seed: u32, offset: u64, header: &Header) {
    let mut encoded = header.encode();
    let check = check(crc_seed, offset, &encoded);
    put(encoded.get_mut(CHECK_AT..).unwrap_or_default(), check);
    let body = out.get(HEADER_LEN..).unwrap_or_default();
    let crc = checksum(crc_seed, offset, &encoded, body);
    put(put(out, encoded), crc.to_le_bytes());
}

fn too_large(len: usize) -> Error {
    Error::new(ErrorKind::Invalid, format!("a frame of {len} bytes is larger than the most, {PLAIN_MAX}"))
}

/// Room for what decryption and decompression make of a frame, kept from one frame to the next.
#[derive(Default)]
pub(crate) struct Scratch {
    decrypted: Vec<u8>,
    inflated: Vec<u8>,
    /// Made once: making one costs more than inflating a small frame.
    inflater: Option<Decompressor<'static>>,
}

fn inflate<'a>(
    inflater: &mut Option<Decompressor<'static>>,
    packed: &[u8],
    into: &'a mut Vec<u8>,
    len: usize,
) -> io::Result<&'a [u8]> {
    let inflater = match inflater {
        Some(inflater) => inflater,
        empty => empty.insert(Decompressor::new()?),
    };
    into.clear();
    into.reserve(len);
    inflater.decompress_to_buffer(packed, into)?;
    Ok(into)
}

/// The plain records of an intact data frame: `body` itself, or what decryption and decompression make of it.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`] when they cannot be made out.
pub(crate) fn open<'a>(
    codec: &Codec,
    offset: u64,
    header: &Header,
    body: &'a [u8],
    scratch: &'a mut Scratch,
) -> Result<&'a [u8]> {
    if header.kind != Kind::Data {
        return Ok(&[]);
    }
    let Scratch { decrypted, inflated, inflater } = scratch;
    let mut body = body;
    if header.encrypted {
        let cipher = codec
            .cipher
            .as_ref()
            .ok_or_else(|| corrupt("an encrypted frame in a segment without a key"))?;
        decrypted.clear();
        decrypted.extend_from_slice(body);
        cipher.open(offset, &header.encode(), decrypted)?;
        body = decrypted;
    }
    if header.compressed {
        let len = usize::try_from(header.plain_len).map_err(|_| corrupt("a frame is too large"))?;
        let plain = inflate(inflater, body, inflated, len);
        body = plain.map_err(|source| corrupt("a frame does not inflate").with_source(source))?;
    }
    if body.len() != header.plain_len as usize {
        return Err(corrupt("a frame has another length than its header says"));
    }
    Ok(body)
}

fn corrupt(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

/// The records of a frame's plain bytes, in order: stream and payload. Ends early where the bytes make no sense.
#[derive(Debug, Clone)]
pub(crate) struct Records<'a> {
    reader: Reader<'a>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(plain: &'a [u8]) -> Self {
        Self { reader: Reader::new(plain) }
    }

    /// Bytes that were not made out yet.
    pub(crate) fn left(&self) -> usize {
        self.reader.len()
    }

    /// Whether all bytes were made out.
    pub(crate) fn is_done(&self) -> bool {
        self.reader.is_empty()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (u32, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = self.reader;
        let record = (reader.varint()?, reader.bytes()?);
        self.reader = reader;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syncline_core::{SecretKey, rt::SystemRandom};

    use super::*;
    use crate::{config::KeyRing, segment};

    fn codec(encrypted: bool) -> Codec {
        let current = encrypted.then(|| SecretKey::new([5; 32]).unwrap());
        let keys = KeyRing { current, older: Vec::new() };
        segment::Header::draw([1; 16], 2, 3, &keys, &SystemRandom).unwrap().1
    }

    const PLACE: Place = Place { offset: 160, first_seq: 10, durable: 7 };

    proptest! {
        #[test]
        fn records_come_back(
            records in prop::collection::vec((0..300_u32, prop::collection::vec(any::<u8>(), 0..200)), 1..20),
            encrypted: bool,
            compressed: bool,
        ) {
            let codec = codec(encrypted);
            let mut out = Vec::new();
            let items = records.iter().map(|(stream, bytes)| (*stream, bytes.as_slice()));
            let header = encode_data(&mut out, &codec, compressed.then_some(1), PLACE, items).unwrap();
            prop_assert_eq!(out.len() as u64, header.frame_len());
            let (head, body) = out.split_first_chunk::<HEADER_LEN>().unwrap();
            prop_assert_eq!(Header::decode(head), Some(header));
            prop_assert!(is_intact(codec.crc_seed, PLACE.offset, head, body));
            prop_assert!(!is_intact(codec.crc_seed, PLACE.offset + 1, head, body), "a copy elsewhere");
            prop_assert!(may_be_intact(codec.crc_seed, PLACE.offset, head));
            let mut scratch = Scratch::default();
            let plain = open(&codec, PLACE.offset, &header, body, &mut scratch).unwrap();
            let back: Vec<(u32, Vec<u8>)> = Records::new(plain).map(|(s, b)| (s, b.to_vec())).collect();
            prop_assert_eq!(back, records);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), HEADER_LEN..200)) {
            let (head, body) = bytes.split_first_chunk::<HEADER_LEN>().unwrap();
            prop_assert!(!is_intact(1, 0, head, body) || Header::decode(head).is_none());
            let mut records = Records::new(body);
            let taken: usize = records.by_ref().map(|(_, record)| record.len()).sum();
            prop_assert!(taken <= body.len());
        }
    }

    /// Counting on from such numbers overflowed.
    #[test]
    fn numbers_that_no_journal_reaches_are_refused() {
        for (first_seq, durable, count) in [(u64::MAX, 1, 0), (1, u64::MAX, 0), (NUMBER_MAX, 1, 1)] {
            let mut out = Vec::new();
            encode_empty(&mut out, 1, 0, Header::empty(Kind::Gap, first_seq, durable, count), 0);
            assert_eq!(Header::decode(out.first_chunk().unwrap()), None, "{first_seq} {durable} {count}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_seen() {
        let codec = codec(false);
        let mut out = Vec::new();
        encode_data(&mut out, &codec, None, PLACE, [(1, b"abc".as_slice())].into_iter()).unwrap();
        for bit in 0..out.len() * 8 {
            let mut flipped = out.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (head, body) = flipped.split_first_chunk::<HEADER_LEN>().unwrap();
            assert!(!is_intact(codec.crc_seed, PLACE.offset, head, body), "bit {bit}");
        }
    }
}
