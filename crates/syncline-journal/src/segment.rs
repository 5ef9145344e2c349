//! The header of a segment: which journal, which segment, and how its frames are read.

use syncline_core::{Error, ErrorKind, KeyId, Result, port::Random};

use crate::{
    config::KeyRing,
    crypt::{self, Cipher, WRAP_NONCE_LEN, WRAPPED_LEN, Wrapped},
    seq::NUMBER_MAX,
    wire::Reader,
};

/// Bytes of a segment before its first frame.
pub(crate) const HEADER_LEN: usize = 160;
pub(crate) const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"SYNCLSEG";
const FLAG_ENCRYPTED: u32 = 1;
const CRC_AT: usize = HEADER_LEN - 4;
/// Bytes of the header that name the segment: what its data key is bound to.
const IDENTITY_LEN: usize = 56;

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) journal_id: [u8; 16],
    pub(crate) segment_id: u64,
    /// Every record before this one stands in earlier segments and is on disk.
    pub(crate) first_seq: u64,
    /// Drawn for each segment, so that frames of another file never pass for its own.
    pub(crate) salt: u64,
    pub(crate) key: Option<(KeyId, Wrapped)>,
    /// Bytes that were reserved for the file before it was written; one that is shorter was cut.
    pub(crate) reserved: u64,
}

/// What is needed to read and write the frames of one segment.
#[derive(Debug)]
pub(crate) struct Codec {
    pub(crate) crc_seed: u32,
    pub(crate) cipher: Option<Cipher>,
}

impl Header {
    /// A header for a new segment with a data key of its own.
    pub(crate) fn draw(
        journal_id: [u8; 16],
        segment_id: u64,
        first_seq: u64,
        keys: &KeyRing,
        random: &dyn Random,
    ) -> Result<(Self, Codec)> {
        let mut header = Self {
            journal_id,
            segment_id,
            first_seq,
            salt: random.next_u64(),
            key: None,
            reserved: 0,
        };
        let mut cipher = None;
        if let Some(key) = &keys.current {
            let (fresh, wrapped) = crypt::wrap(key, &header.identity(true), random)?;
            header.key = Some((key.id(), wrapped));
            cipher = Some(fresh);
        }
        Ok((header, Codec { crc_seed: header.crc_seed(), cipher }))
    }

    /// The codec of a segment that was read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] when its key is not on the ring or does not fit.
    pub(crate) fn codec(&self, keys: &KeyRing) -> Result<Codec> {
        let cipher = match &self.key {
            Some((id, wrapped)) => Some(crypt::unwrap(keys.find(*id)?, &self.identity(true), wrapped)?),
            None => None,
        };
        Ok(Codec { crc_seed: self.crc_seed(), cipher })
    }

    fn crc_seed(&self) -> u32 {
        let mut seed = crc32c::crc32c(&self.journal_id);
        seed = crc32c::crc32c_append(seed, &self.segment_id.to_le_bytes());
        crc32c::crc32c_append(seed, &self.salt.to_le_bytes())
    }

    fn identity(&self, encrypted: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&(if encrypted { FLAG_ENCRYPTED } else { 0 }).to_le_bytes());
        out.extend_from_slice(&self.journal_id);
        out.extend_from_slice(&self.segment_id.to_le_bytes());
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        debug_assert_eq!(out.len(), IDENTITY_LEN, "the layout of docs/formats/journal-v1.md");
        out
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.identity(self.key.is_some());
        let (id, wrapped) = match self.key {
            Some((id, wrapped)) => (id, wrapped),
            None => (KeyId::NONE, Wrapped { nonce: [0; WRAP_NONCE_LEN], key: [0; WRAPPED_LEN] }),
        };
        out.extend_from_slice(&id.to_bytes());
        out.extend_from_slice(&wrapped.nonce);
        out.extend_from_slice(&wrapped.key);
        out.extend_from_slice(&self.reserved.to_le_bytes());
        out.resize(CRC_AT, 0);
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads a header.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a format newer than this program, [`ErrorKind::Corrupt`] for anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let short = || Error::new(ErrorKind::Corrupt, "the segment header is cut short");
        let checked = bytes.get(..CRC_AT).ok_or_else(short)?;
        let crc = Reader::new(bytes.get(CRC_AT..).unwrap_or_default()).u32().ok_or_else(short)?;
        if crc32c::crc32c(checked) != crc {
            return Err(Error::new(ErrorKind::Corrupt, "the segment header fails its checksum"));
        }
        let mut reader = Reader::new(checked);
        let magic = reader.array::<8>().ok_or_else(short)?;
        let format = reader.u32().ok_or_else(short)?;
        if magic != MAGIC {
            return Err(Error::new(ErrorKind::Corrupt, "it is not a segment"));
        }
        check_format(format)?;
        let flags = reader.u32().ok_or_else(short)?;
        let mut header = Self {
            journal_id: reader.array().ok_or_else(short)?,
            segment_id: reader.u64().ok_or_else(short)?,
            first_seq: reader.u64().ok_or_else(short)?,
            salt: reader.u64().ok_or_else(short)?,
            key: None,
            reserved: 0,
        };
        if header.segment_id.max(header.first_seq) > NUMBER_MAX {
            return Err(Error::new(ErrorKind::Corrupt, "the segment header holds numbers that no journal reaches"));
        }
        let id = KeyId::from_bytes(reader.array().ok_or_else(short)?);
        let wrapped = Wrapped { nonce: reader.array().ok_or_else(short)?, key: reader.array().ok_or_else(short)? };
        header.reserved = reader.u64().ok_or_else(short)?;
        header.key = (flags & FLAG_ENCRYPTED != 0).then_some((id, wrapped));
        Ok(header)
    }
}

/// Refuses a format that this program does not know.
pub(crate) fn check_format(format: u32) -> Result<()> {
    if format == FORMAT {
        return Ok(());
    }
    let message = format!("it has format {format}, this program reads format {FORMAT}; use a newer program");
    Err(Error::new(ErrorKind::Invalid, message))
}

#[cfg(test)]
mod tests {
    use syncline_core::{SecretKey, rt::SystemRandom};

    use super::*;

    #[test]
    fn a_header_comes_back_and_every_flipped_bit_is_seen() {
        let keys = KeyRing { current: Some(SecretKey::new([3; 32]).unwrap()), older: Vec::new() };
        let (mut header, codec) = Header::draw([1; 16], 2, 3, &keys, &SystemRandom).unwrap();
        header.reserved = 4;
        let bytes = header.encode();
        assert_eq!(bytes.len(), HEADER_LEN);
        assert_eq!(Header::decode(&bytes).unwrap(), header);
        assert_eq!(header.codec(&keys).unwrap().crc_seed, codec.crc_seed);
        for bit in 0..HEADER_LEN * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped).unwrap_err().kind(), ErrorKind::Corrupt, "bit {bit}");
        }
    }

    /// Counting on from such numbers overflowed.
    #[test]
    fn numbers_that_no_journal_reaches_are_refused() {
        for (segment_id, first_seq) in [(u64::MAX, 1), (1, u64::MAX)] {
            let drawn = Header::draw([1; 16], segment_id, first_seq, &KeyRing::default(), &SystemRandom);
            let error = Header::decode(&drawn.unwrap().0.encode()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let (header, _) = Header::draw([1; 16], 2, 3, &KeyRing::default(), &SystemRandom).unwrap();
        let mut bytes = header.encode();
        bytes[8] = 9;
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        let error = Header::decode(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "it has format 9, this program reads format 1; use a newer program");
    }
}
