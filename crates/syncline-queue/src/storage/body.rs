//! What an item carries, and where that is kept.

use std::sync::Arc;

use bytes::Bytes;
use syncline_core::{Error, ErrorKind, Result};

use super::new::Content;

/// The content of an item. Small, because there may be millions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Body {
    /// The journal's seq of the record that holds it; 0 where there is no journal.
    home: u64,
    kept: Kept,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    /// A copy of its own: a part of its record, or of what its pusher gave, would keep all of that in memory.
    Memory(Arc<[u8]>),
    /// In its record alone: where it begins there, and its length.
    Disk { at: u32, len: u32 },
}

impl Default for Kept {
    fn default() -> Self {
        Self::Memory(Arc::default())
    }
}

/// Where content that is on disk alone stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) home: u64,
    at: u32,
    len: u32,
}

impl Body {
    /// Content that has no home yet.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self::of(Content::Bytes(bytes))
    }

    /// Content that is pushed, and has no home yet.
    pub(crate) fn of(content: Content<'_>) -> Self {
        Self { home: 0, kept: Kept::Memory(content.to_shared()) }
    }

    /// The `len` bytes from `at` on of the record at `home`.
    pub(crate) fn on_disk(home: u64, at: u32, len: u32) -> Self {
        Self { home, kept: Kept::Disk { at, len } }
    }

    /// The record that holds it.
    pub(crate) fn home(&self) -> u64 {
        self.home
    }

    /// Bytes of content.
    pub(crate) fn len(&self) -> u64 {
        match &self.kept {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::Disk { len, .. } => u64::from(*len),
        }
    }

    /// Bytes of memory that its content takes.
    pub(crate) fn in_memory(&self) -> u64 {
        self.as_slice().map_or(0, |bytes| bytes.len() as u64)
    }

    /// The content, where it is in memory.
    pub(crate) fn as_slice(&self) -> Option<&[u8]> {
        match &self.kept {
            Kept::Memory(bytes) => Some(bytes),
            Kept::Disk { .. } => None,
        }
    }

    /// The same, shared.
    pub(crate) fn into_bytes(self) -> Option<Bytes> {
        match self.kept {
            Kept::Memory(bytes) if bytes.is_empty() => Some(Bytes::new()),
            Kept::Memory(bytes) => Some(Bytes::from_owner(bytes)),
            Kept::Disk { .. } => None,
        }
    }

    /// Where the content is, where it is not in memory.
    pub(crate) fn spot(&self) -> Option<Spot> {
        match self.kept {
            Kept::Memory(_) => None,
            Kept::Disk { at, len } => Some(Spot { home: self.home, at, len }),
        }
    }

    /// What its pusher gave stands in a record by now, where `arrived` says. It stays in memory too, or is there alone.
    pub(crate) fn come_home(&mut self, arrived: &Self, stays: bool) {
        if stays && matches!(self.kept, Kept::Memory(_)) {
            self.home = arrived.home;
        } else {
            self.clone_from(arrived);
        }
    }

    /// Takes the content into memory: that of `other`, where it is there, or a copy of what stands in its `record`.
    pub(crate) fn take_in(&mut self, other: Option<&Self>, record: &[u8]) {
        match (other.map(|other| &other.kept), self.spot()) {
            (Some(shared @ Kept::Memory(_)), _) => self.kept = shared.clone(),
            (_, Some(spot)) => {
                if let Some(bytes) = spot.part_of(record) {
                    self.kept = Kept::Memory(bytes.into());
                }
            }
            (_, None) => {}
        }
    }
}

impl Spot {
    /// A copy of the content that stands in `record`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] where the record is too short for it.
    pub(crate) fn copy_from(self, record: &[u8]) -> Result<Bytes> {
        let too_short = || {
            let message = format!("record {} has {} bytes, too few for what it should hold", self.home, record.len());
            Error::new(ErrorKind::Corrupt, message)
        };
        self.part_of(record).map(Bytes::copy_from_slice).ok_or_else(too_short)
    }

    fn part_of(self, record: &[u8]) -> Option<&[u8]> {
        let start = self.at as usize;
        record.get(start..start.checked_add(self.len as usize)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_as_small_as_a_place_and_a_pointer() {
        assert_eq!(size_of::<Body>(), 24);
    }

    #[test]
    fn content_is_taken_in_as_a_copy_of_its_own() {
        let record = Bytes::from(vec![7; 1_000]);
        let mut body = Body::on_disk(3, 10, 20);
        assert_eq!((body.len(), body.in_memory(), body.clone().into_bytes()), (20, 0, None));
        body.take_in(None, &record);
        assert_eq!((body.len(), body.in_memory(), body.spot()), (20, 20, None));
        assert_eq!(body.clone().into_bytes().unwrap(), vec![7; 20]);
        assert!(record.try_into_mut().is_ok(), "the record is nobody's any more");
    }

    #[test]
    fn content_that_comes_home_stays_in_memory_or_is_in_its_record_alone() {
        let arrived = Body::on_disk(3, 8, 2);
        for (stays, in_memory) in [(true, 2), (false, 0)] {
            let mut body = Body::new(&[1, 2]);
            body.come_home(&arrived, stays);
            assert_eq!((body.home(), body.len(), body.in_memory()), (3, 2, in_memory));
            assert_eq!(body.spot(), if stays { None } else { arrived.spot() });
        }
    }

    #[test]
    fn content_that_its_record_is_too_short_for_is_damage() {
        for (at, len) in [(0, 11), (10, 1), (u32::MAX, u32::MAX)] {
            let spot = Body::on_disk(3, at, len).spot().unwrap();
            assert_eq!(spot.copy_from(&[0; 10]).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        assert_eq!(Body::on_disk(3, 8, 2).spot().unwrap().copy_from(&[1; 10]).unwrap(), vec![1; 2]);
    }
}
