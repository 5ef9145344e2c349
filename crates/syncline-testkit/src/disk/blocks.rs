//! Bytes of a file as shared blocks: a copy of a file is a copy of pointers, and what was never written takes no space.

use std::sync::Arc;

/// Bytes of one block.
pub(super) const BLOCK: usize = 4_096;

type Block = [u8; BLOCK];

/// The bytes of a file; beyond what was written it reads as zeros. Its length is kept by its owner.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks {
    /// Reaches as far as the last block written, however much was allocated.
    blocks: Arc<Vec<Option<Arc<Block>>>>,
}

impl Blocks {
    /// Fills `buf` with the bytes at `offset`.
    pub(super) fn read(&self, buf: &mut [u8], offset: u64) {
        for (index, start, part) in split_mut(buf, offset) {
            match self.blocks.get(index).and_then(Option::as_ref) {
                Some(block) => part.copy_from_slice(slice(block, start, part.len())),
                None => part.fill(0),
            }
        }
    }

    /// Puts `bytes` at `offset`.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        for (index, start, part) in split(bytes, offset) {
            let block = self.block_mut(index);
            if let Some(target) = block.get_mut(start..start + part.len()) {
                target.copy_from_slice(part);
            }
        }
    }

    /// Makes `len` bytes at `offset` zeros.
    pub(super) fn zero(&mut self, offset: u64, len: usize) {
        const ZEROS: Block = [0; BLOCK];
        let (mut offset, mut left) = (offset, len);
        while left > 0 {
            let part = left.min(BLOCK);
            self.write(slice(&ZEROS, 0, part), offset);
            offset += part as u64;
            left -= part;
        }
    }

    /// Whether `len` bytes at `offset` are all zeros.
    pub(super) fn is_zero(&self, offset: u64, len: usize) -> bool {
        let mut buf = vec![0; len];
        self.read(&mut buf, offset);
        buf.iter().all(|byte| *byte == 0)
    }

    /// Turns over one bit.
    pub(super) fn flip(&mut self, bit: u64) {
        let mut byte = [0];
        self.read(&mut byte, bit / 8);
        byte = byte.map(|byte| byte ^ (1 << (bit % 8)));
        self.write(&byte, bit / 8);
    }

    fn block_mut(&mut self, index: usize) -> &mut Block {
        let blocks = Arc::make_mut(&mut self.blocks);
        if blocks.len() <= index {
            blocks.resize(index + 1, None);
        }
        #[expect(clippy::indexing_slicing, reason = "the line above made it that long")]
        let slot = &mut blocks[index];
        Arc::make_mut(slot.get_or_insert_with(|| Arc::new([0; BLOCK])))
    }
}

/// The part of a block; callers keep within it.
fn slice(block: &Block, start: usize, len: usize) -> &[u8] {
    block.get(start..start + len).unwrap_or_default()
}

fn place(offset: u64) -> (usize, usize) {
    let (index, start) = (offset / BLOCK as u64, offset % BLOCK as u64);
    (usize::try_from(index).unwrap_or(usize::MAX), usize::try_from(start).unwrap_or(0))
}

/// Cuts `bytes` where blocks end: (block, start in it, part).
fn split(bytes: &[u8], offset: u64) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let (mut index, mut start) = place(offset);
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (part, tail) = rest.split_at_checked((BLOCK - start).min(rest.len()))?;
        let found = (!part.is_empty()).then_some((index, start, part));
        (rest, index, start) = (tail, index + 1, 0);
        found
    })
}

fn split_mut(buf: &mut [u8], offset: u64) -> impl Iterator<Item = (usize, usize, &mut [u8])> {
    let (index, start) = place(offset);
    let (first, rest) = buf.split_at_mut((BLOCK - start).min(buf.len()));
    let first = std::iter::once((index, start, first));
    first.chain(rest.chunks_mut(BLOCK).enumerate().map(move |(at, part)| (index + 1 + at, 0, part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_across_blocks_read_back() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0] | 1).collect();
        for offset in [0, 1, 4_095, 4_096, 5_000] {
            let mut blocks = Blocks::default();
            blocks.write(&bytes, offset);
            let mut back = vec![0xff; bytes.len() + 2];
            blocks.read(&mut back, offset);
            assert_eq!((&back[..bytes.len()], &back[bytes.len()..]), (&bytes[..], &[0, 0][..]));
        }
    }

    #[test]
    fn a_copy_does_not_see_later_writes() {
        let mut blocks = Blocks::default();
        blocks.write(b"one", 10);
        let copy = blocks.clone();
        blocks.write(b"two", 10);
        let mut back = [0; 3];
        copy.read(&mut back, 10);
        assert_eq!(&back, b"one");
    }

    #[test]
    fn a_flipped_bit_is_the_only_change() {
        let mut blocks = Blocks::default();
        blocks.flip(8 * 5_000 + 3);
        let mut back = [0; 3];
        blocks.read(&mut back, 4_999);
        assert_eq!(back, [0, 8, 0]);
        assert!(blocks.is_zero(0, 5_000) && !blocks.is_zero(0, 5_001));
    }

    #[test]
    fn zeros_reach_as_far_as_asked() {
        let mut blocks = Blocks::default();
        blocks.write(&[7; 9_000], 0);
        blocks.zero(1, 8_998);
        let mut back = [0; 9_000];
        blocks.read(&mut back, 0);
        assert_eq!((back[0], back[8_999]), (7, 7));
        assert!(blocks.is_zero(1, 8_998));
    }
}
