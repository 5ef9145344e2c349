//! The bytes every store is given: random, so that nobody gains by compressing them, and known, so that they can be checked.

use bytes::Bytes;

use crate::Result;

/// Bytes of one record.
pub(crate) const RECORD_BYTES: usize = 256;
/// The most records of one commit.
pub(crate) const BATCH_MAX: usize = 1_000;
/// Records that differ; then they repeat.
const DISTINCT: usize = 8_192;

/// Records by key.
#[derive(Debug)]
pub(crate) struct Payloads {
    /// The first ones once more at the end, so that every batch is one slice.
    records: Vec<Bytes>,
}

impl Payloads {
    /// The same ones in every run.
    pub(crate) fn new() -> Self {
        let mut state = 0x5eed;
        let distinct: Vec<Bytes> = (0..DISTINCT).map(|index| record(index, &mut state)).collect();
        let records = distinct.iter().chain(distinct.iter().take(BATCH_MAX)).cloned().collect();
        Self { records }
    }

    /// The records of the keys from `first` on.
    pub(crate) fn batch(&self, first: u64, count: usize) -> &[Bytes] {
        let start = slot(first);
        &self.records[start..start + count]
    }

    /// Whether `bytes` is exactly the record of `key`.
    pub(crate) fn check(&self, key: u64, bytes: &[u8]) -> Result {
        if self.records[slot(key)] == bytes {
            Ok(())
        } else {
            Err(format!("record {key} came back changed").into())
        }
    }

    /// Whether `bytes` is exactly one of the records, for stores that keep no keys.
    pub(crate) fn check_any(&self, bytes: &[u8]) -> Result {
        let index = bytes.first_chunk().map(|index| u64::from_le_bytes(*index));
        self.check(index.ok_or("a record came back shortened")?, bytes)
    }
}

fn slot(key: u64) -> usize {
    usize::try_from(key % DISTINCT as u64).unwrap_or(0)
}

/// Its index, so that it can be known again, then noise.
fn record(index: usize, state: &mut u64) -> Bytes {
    let noise = (0..RECORD_BYTES / 8 - 1).flat_map(|_| noise(state).to_le_bytes());
    (index as u64).to_le_bytes().into_iter().chain(noise).collect()
}

/// The next number of a splitmix sequence.
pub(crate) fn noise(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_record_is_noticed() {
        let payloads = Payloads::new();
        let batch = payloads.batch(DISTINCT as u64 * 3 - 1, 2);
        assert_eq!(batch[0].len(), RECORD_BYTES);
        payloads.check(DISTINCT as u64 - 1, &batch[0]).unwrap();
        payloads.check_any(&batch[1]).unwrap();
        let mut changed = batch[1].to_vec();
        changed[200] ^= 1;
        assert!(payloads.check(0, &changed).is_err());
        assert!(payloads.check_any(&changed).is_err());
        assert!(payloads.check_any(&[0; 7]).is_err());
    }
}
