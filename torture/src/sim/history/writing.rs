//! Transactions, and what becomes of them.

use bytes::{Bytes, BytesMut};
use syncline_core::{ErrorKind, port::Random as _};
use syncline_journal::sim::Submission;

use super::{History, end, word};
use crate::sim::Verdict;

impl History {
    pub(super) fn write(&mut self, count: usize, essential: bool) -> Verdict {
        let Some(mut log) = self.log.take() else { return self.reopen() };
        let before = self.mark();
        let first = self.model.next_seq();
        let batch: Vec<Submission> = (0..count).map(|_| self.submission(essential)).collect();
        for submission in &batch {
            self.model.push(&submission.records);
        }
        let bytes: usize = batch
            .iter()
            .flat_map(|submission| &submission.records)
            .map(|(_, payload)| payload.len())
            .sum();
        let result = log.write(&batch);
        self.log = Some(log);
        self.tell(|| format!("write {count} of {bytes} bytes at {first}{} -> {}", word(essential), end(&result)));
        let full = matches!(&result, Err(error) if error.kind() == ErrorKind::Full);
        let refused = matches!(&result, Err(error) if error.kind() != ErrorKind::Poisoned);
        match &result {
            Ok(seq) if *seq != first => return Err(format!("record {first} was numbered {seq}")),
            Ok(_) if self.model.broken.is_none() => self.model.written = self.model.next_seq(),
            // Refused: nothing of it may ever stand.
            Err(_) if self.model.broken.is_some() => self.model.forget_from(first),
            Err(_) if refused => self.model.forget_from(first),
            _ => {}
        }
        self.answered("a write", result.map(drop))?;
        self.note_space(full, essential, bytes as u64)?;
        self.check(before)
    }

    /// Without space, what frees some is still taken, up to a part of the segment that is kept for it.
    pub(super) fn note_space(&mut self, full: bool, essential: bool, bytes: u64) -> Verdict {
        if !essential || self.setup.faults {
            if !full {
                self.essential_bytes = 0;
            }
            return Ok(());
        }
        self.essential_bytes += bytes + 64;
        if full && self.essential_bytes < self.setup.config.segment_bytes / 16 && self.has_room() {
            let bytes = self.essential_bytes;
            return Err(format!("an essential submission was refused after {bytes} bytes of them without space"));
        }
        Ok(())
    }

    /// Whether the opening found the space that it keeps for what frees some, beside what it wrote again; on a disk fuller than
    /// that it takes what is left.
    fn has_room(&self) -> bool {
        let newest = self.newest_segment();
        let rewritten = if newest.as_ref().map(|(name, _)| name) == self.begun_with.as_ref() {
            self.rewritten
        } else {
            0
        };
        newest.is_some_and(|(_, len)| len > rewritten + self.setup.config.segment_bytes / 8)
    }

    pub(super) fn newest_segment(&self) -> Option<(String, u64)> {
        self.disk.files().into_iter().rfind(|(name, _)| name.starts_with("00"))
    }

    pub(super) fn submission(&mut self, essential: bool) -> Submission {
        let count = if essential || self.random.once_in(2) { 1 } else { 1 + self.random.index(4) };
        let records = (0..count).map(|_| {
            let stream = self.model.streams.get(self.random.index(self.model.streams.len()));
            (stream.map_or(1, |stream| stream.id), self.payload(essential))
        });
        let records = records.collect();
        Submission { records, essential }
    }

    /// Unlike every other payload, and now and then one that looks like the journal's own frames.
    pub(super) fn payload(&self, essential: bool) -> Bytes {
        let random = &self.random;
        let len = match random.below(40) {
            _ if essential => 16,
            _ if self.large => self.setup.config.segment_bytes - random.below(400),
            0 if random.below(self.setup.config.segment_bytes) < 8_192 => {
                self.setup.config.segment_bytes + random.below(2_000)
            }
            1 => 0,
            2..=9 => random.below(self.setup.record_max),
            _ => random.below(60),
        };
        let mut payload = BytesMut::zeroed(usize::try_from(len).unwrap_or(0));
        if random.once_in(3) {
            random.fill(&mut payload);
        }
        payload.extend_from_slice(&random.word().to_le_bytes());
        if random.once_in(30) {
            payload.extend_from_slice(&self.own_bytes());
        }
        payload.freeze()
    }

    /// Bytes of the newest segment.
    pub(super) fn own_bytes(&self) -> Vec<u8> {
        let newest = self.disk.files().into_iter().map(|(name, _)| name).rfind(|name| name.starts_with("00"));
        let mut bytes = newest.and_then(|name| self.disk.contents(&name)).unwrap_or_default();
        bytes.truncate(600);
        bytes.split_off(bytes.len().min(160))
    }
}
