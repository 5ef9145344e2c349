//! What the writer submits: transactions whose every byte follows from the seed and their identity.
//!
//! So the verifier needs no copy of what was written: it makes the bytes again and compares.

use std::fmt;

/// Records of one transaction at most. Small, so that a mask of parts fits a byte.
pub(crate) const PARTS_MAX: u8 = 4;
/// Streams that the writer spreads its records over.
pub(crate) const STREAMS: [&str; 2] = ["torture-a", "torture-b"];

const HEADER_BYTES: usize = 28;
const HASH_BYTES: usize = 8;

/// Identity of one transaction; unique in the life of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TxId {
    /// Which run of the writer, counted by the runner.
    pub run: u32,
    /// Which of its threads.
    pub thread: u16,
    /// How many transactions that thread had submitted before in this run.
    pub n: u64,
}

impl fmt::Display for TxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {} thread {} transaction {}", self.run, self.thread, self.n)
    }
}

/// One record of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Part {
    /// The transaction.
    pub id: TxId,
    /// Which of its records, from 0.
    pub index: u8,
}

/// How many records the transaction has: mostly one, at times several, so that a torn one would show.
pub(crate) fn parts(seed: u64, id: TxId) -> u8 {
    match Dice::of(seed, id, u8::MAX).below(8) {
        0 => PARTS_MAX,
        1 => 2,
        _ => 1,
    }
}

/// Index into [`STREAMS`] of a part: neighbours go to different streams.
pub(crate) fn stream(part: Part) -> usize {
    usize::from(part.index) % STREAMS.len()
}

/// The record: header, content, hash of both.
pub(crate) fn encode(seed: u64, part: Part) -> Vec<u8> {
    let mut dice = Dice::of(seed, part.id, part.index);
    let len = content_len(&mut dice);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + len + HASH_BYTES);
    bytes.extend_from_slice(&seed.to_le_bytes());
    bytes.extend_from_slice(&part.id.n.to_le_bytes());
    bytes.extend_from_slice(&part.id.run.to_le_bytes());
    bytes.extend_from_slice(&part.id.thread.to_le_bytes());
    bytes.push(part.index);
    bytes.push(parts(seed, part.id));
    bytes.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    fill(&mut bytes, len, &mut dice);
    let hash = hash(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

/// Which part the record is, when every byte of it is as written; `None` when any is not.
pub(crate) fn decode(seed: u64, bytes: &[u8]) -> Option<Part> {
    let id = TxId {
        n: u64::from_le_bytes(field(bytes, 8)?),
        run: u32::from_le_bytes(field(bytes, 16)?),
        thread: u16::from_le_bytes(field(bytes, 20)?),
    };
    let [index] = field(bytes, 22)?;
    let part = Part { id, index };
    (index < parts(seed, id) && encode(seed, part) == bytes).then_some(part)
}

/// Lengths as programs have them: mostly small, some over a page, few large, hardly any above the frame limit.
fn content_len(dice: &mut Dice) -> usize {
    let kind = dice.below(2_000);
    let len = match kind {
        0 => 1_048_576 + dice.below(200_000),
        1..=39 => dice.below(32_768),
        40..=399 => dice.below(4_200),
        400..=419 => 0,
        _ => dice.below(320),
    };
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Half of all contents repeat, so that compression has something to find, and half do not.
fn fill(bytes: &mut Vec<u8>, len: usize, dice: &mut Dice) {
    let end = bytes.len() + len;
    let word = dice.next();
    let repeats = dice.below(2) == 0;
    while bytes.len() < end {
        let word = if repeats { word } else { dice.next() };
        let left = (end - bytes.len()).min(8);
        bytes.extend(word.to_le_bytes().iter().take(left));
    }
}

fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    field(blake3::hash(bytes).as_bytes(), 0).unwrap_or_default()
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// A small generator (splitmix64), so that the same seed gives the same bytes everywhere.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts at `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn of(seed: u64, id: TxId, salt: u8) -> Self {
        let mut dice = Self(seed);
        for word in [u64::from(id.run), u64::from(id.thread), id.n, u64::from(salt)] {
            dice.0 = dice.next() ^ word;
        }
        dice
    }

    /// The next word.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 7;

    fn all() -> impl Iterator<Item = Part> {
        (0..400).flat_map(|n| {
            let id = TxId { run: 3, thread: 1, n };
            (0..parts(SEED, id)).map(move |index| Part { id, index })
        })
    }

    #[test]
    fn a_record_tells_which_it_is() {
        assert!(all().all(|part| decode(SEED, &encode(SEED, part)) == Some(part)));
        assert!(all().any(|part| part.index == PARTS_MAX - 1));
    }

    #[test]
    fn any_changed_byte_is_seen() {
        let part = Part { id: TxId { run: 0, thread: 0, n: 1 }, index: 0 };
        let good = encode(SEED, part);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(decode(SEED, &bad), None, "byte {at}");
        }
        for len in 0..good.len() {
            assert_eq!(decode(SEED, &good[..len]), None, "cut at {len}");
        }
    }

    #[test]
    fn a_record_of_another_seed_is_not_ours() {
        let part = Part { id: TxId { run: 0, thread: 0, n: 1 }, index: 0 };
        assert_eq!(decode(SEED + 1, &encode(SEED, part)), None);
    }
}
