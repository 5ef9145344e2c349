//! What every queue is given: jobs by number, each of 256 bytes of text that can be known again.

use crate::{
    Result,
    payload::{Payloads, RECORD_BYTES},
};

/// Jobs of one call at most.
pub(super) const BATCH_MAX: usize = 1_000;
/// Jobs that differ; then they repeat.
const DISTINCT: u64 = 8_192;

/// Texts of jobs by number.
#[derive(Debug)]
pub(super) struct Jobs {
    texts: Vec<String>,
}

impl Jobs {
    /// The same ones in every run. Text, because some queues carry nothing else; noise, so that nobody gains by compressing it.
    pub(super) fn new() -> Self {
        let records = Payloads::new();
        let texts = (0..DISTINCT).map(|number| text_of(&records.batch(number, 1)[0][..RECORD_BYTES / 2]));
        Self { texts: texts.collect() }
    }

    /// What the job `number` carries.
    pub(super) fn text(&self, number: u64) -> &str {
        &self.texts[usize::try_from(number % DISTINCT).unwrap_or(0)]
    }

    /// Whether `bytes` is exactly what the job `number` carries.
    pub(super) fn check(&self, number: u64, bytes: &[u8]) -> Result {
        if self.text(number).as_bytes() == bytes {
            Ok(())
        } else {
            Err(format!("job {number} came back changed").into())
        }
    }
}

fn text_of(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_job_is_noticed() {
        let jobs = Jobs::new();
        assert_eq!(jobs.text(DISTINCT + 1).len(), RECORD_BYTES);
        assert_ne!(jobs.text(0), jobs.text(1));
        jobs.check(DISTINCT, jobs.text(0).as_bytes()).unwrap();
        assert!(jobs.check(1, jobs.text(0).as_bytes()).is_err());
    }
}
