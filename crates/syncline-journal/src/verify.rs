//! Reading every frame again.

use syncline_core::{Result, port::Disk};

use crate::{
    frame::{Kind, Records},
    log::each_frame,
    recover::Segment,
    segment,
};

/// What reading every frame again proved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Segments read.
    pub segments: u64,
    /// Frames whose checksum is right.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of these frames.
    pub bytes: u64,
}

impl Verified {
    pub(crate) fn add(&mut self, other: Self) {
        self.segments += other.segments;
        self.frames += other.frames;
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// Reads all frames of `segment`.
pub(crate) fn verify(disk: &dyn Disk, segment: &Segment) -> Result<Verified> {
    let mut verified = Verified { segments: 1, ..Verified::default() };
    each_frame(disk, segment, segment::HEADER_LEN as u64, |header, plain, _| {
        verified.frames += 1;
        verified.bytes += header.frame_len();
        if header.kind == Kind::Data {
            verified.records += Records::new(plain).count() as u64;
        }
        Ok(())
    })?;
    Ok(verified)
}
