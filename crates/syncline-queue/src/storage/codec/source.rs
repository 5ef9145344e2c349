//! What is left of a record.

use syncline_core::Result;

use super::{broken, corrupt};
use crate::{
    leb::{self, Broken},
    storage::body::Body,
};

/// The rest, and where it stands.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) home: u64,
    /// Bytes of the whole record.
    pub(super) len: usize,
    pub(super) from: leb::Source<'a>,
}

impl<'a> Source<'a> {
    pub(super) fn byte(&mut self) -> Result<u8> {
        self.from.byte().map_err(broken)
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        self.from.number().map_err(broken)
    }

    /// Bytes led by their length.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        self.from.bytes().map_err(broken)
    }

    pub(super) fn str(&mut self) -> Result<&'a str> {
        self.from.text().map_err(broken)
    }

    pub(super) fn text(&mut self) -> Result<Box<str>> {
        self.str().map(Into::into)
    }

    pub(super) fn body(&mut self) -> Result<Body> {
        let bytes = self.bytes()?;
        let (end, len) = (self.len - self.from.rest.len(), bytes.len());
        let in_record = |number: usize| u32::try_from(number).map_err(|_| corrupt("more bytes than any journal takes"));
        Ok(Body::on_disk(self.home, in_record(end - len)?, in_record(len)?))
    }
}

/// These bytes as text.
pub(super) fn str_of(text: &[u8]) -> Result<&str> {
    std::str::from_utf8(text).map_err(|_| broken(Broken::NotText))
}
