//! Where a record stands.

use std::{ops::Range, sync::Arc};

use syncline_core::{Error, ErrorKind, Result, port::Disk};

use super::Log;
use crate::segment::Codec;

/// Where to look for a record, as the log stood when it was asked.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) segment: u64,
    pub(crate) codec: Arc<Codec>,
    /// The frames among which that of the record is.
    pub(crate) span: Range<u64>,
    /// Where the frames of the segment end.
    pub(crate) end: u64,
}

impl Log {
    /// Where the record `seq` is to be looked for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] where no segment holds it, or none any more; [`ErrorKind::Closed`].
    pub(crate) fn find(&self, seq: u64) -> Result<Place> {
        if self.lock.is_none() {
            return Err(Error::new(ErrorKind::Closed, "the journal is closed"));
        }
        let segment = self.segments().find(|segment| seq < segment.end_seq);
        let found = segment.and_then(|segment| Some((segment, segment.index.span(seq)?)));
        let (segment, (from, until)) = found.ok_or_else(|| not_kept(seq))?;
        let end = segment.end_offset;
        Ok(Place {
            disk: Arc::clone(&self.disk),
            segment: segment.id,
            codec: Arc::clone(&segment.codec),
            span: from..until.map_or(end, |until| until.min(end)),
            end,
        })
    }
}

/// No segment holds it.
pub(crate) fn not_kept(seq: u64) -> Error {
    Error::new(ErrorKind::Invalid, format!("the journal does not keep the record {seq}"))
}
