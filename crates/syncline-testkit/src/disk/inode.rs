//! One file: what programs read, what the platter holds, and what is on its way from one to the other.

use std::{ops::Range, sync::Arc};

use super::blocks::{BLOCK, Blocks};
use crate::SeededRandom;

/// One file, with or without a name.
#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    /// What programs see.
    cached: Blocks,
    len: u64,
    /// What survives loss of power, before anything that is pending.
    durable: Blocks,
    durable_len: u64,
    /// Done since the last sync, in order.
    pending: Vec<Pending>,
    /// A sync failed: `cached` holds bytes that no later sync makes durable.
    lost: bool,
}

/// Something done to a file that no sync covers.
#[derive(Debug, Clone)]
pub(super) enum Pending {
    /// Bytes written.
    Write { offset: u64, bytes: Arc<[u8]> },
    /// Made this long.
    Extend { len: u64 },
}

/// The part of a pending operation that reaches the platter as one.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Bytes of one sector or page.
    Bytes {
        offset: u64,
        bytes: Arc<[u8]>,
        part: Range<usize>,
    },
    /// The length.
    Extend { len: u64 },
}

/// What became of a [`Piece`] when power was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is there.
    Kept,
    /// What was there before is there.
    Dropped,
    /// Zeros are there.
    Zeroed,
    /// Only its first bytes are there.
    Head(usize),
    /// Only its last bytes are there, from this one on.
    Tail(usize),
}

impl Inode {
    /// A file that holds `bytes`, all of them durable.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut inode = Self { len: bytes.len() as u64, ..Self::default() };
        inode.cached.write(bytes, 0);
        inode.sync();
        inode
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `buf` as far as the file goes; returns the bytes read.
    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = left.min(buf.len());
        self.cached.read(buf.get_mut(..count).unwrap_or_default(), offset);
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        let end = offset + bytes.len() as u64;
        self.extend(end);
        self.cached.write(bytes, offset);
        self.pending.push(Pending::Write { offset, bytes: Arc::from(bytes) });
    }

    pub(super) fn extend(&mut self, len: u64) {
        if self.len < len {
            self.len = len;
            self.pending.push(Pending::Extend { len });
        }
    }

    /// Makes all that is pending durable.
    pub(super) fn sync(&mut self) {
        if self.lost {
            for piece in self.pieces(usize::MAX) {
                self.settle(&piece, Fate::Kept);
            }
        } else {
            self.durable = self.cached.clone();
        }
        self.durable_len = self.len;
        self.pending.clear();
    }

    /// A sync that failed: the length stands, the pages count as written and are not. Mostly they are zeros after a
    /// restart; some were written before the device failed.
    pub(super) fn fail_sync(&mut self, random: &SeededRandom) {
        let all_zeros = random.once_in(2);
        for piece in self.pieces(BLOCK) {
            let fate = match random.below(3) {
                0 if !all_zeros => Fate::Kept,
                1 if !all_zeros => Fate::Dropped,
                _ => Fate::Zeroed,
            };
            self.settle(&piece, fate);
        }
        self.durable_len = self.len;
        self.pending.clear();
        self.lost = true;
    }

    /// All that is pending, cut where pages of `page` bytes end.
    pub(super) fn pieces(&self, page: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for pending in &self.pending {
            match pending {
                Pending::Extend { len } => pieces.push(Piece::Extend { len: *len }),
                Pending::Write { offset, bytes } => cut(*offset, bytes, page, &mut pieces),
            }
        }
        pieces
    }

    /// Whether losing `piece` and finding zeros in its place differ.
    pub(super) fn zeroes_differ(&self, piece: &Piece) -> bool {
        match piece {
            Piece::Extend { .. } => false,
            Piece::Bytes { offset, part, .. } => !self.durable.is_zero(*offset, part.len()),
        }
    }

    /// The file after loss of power, nothing of what is pending decided yet.
    pub(super) fn after_power_loss(&self) -> Self {
        let (durable, durable_len) = (self.durable.clone(), self.durable_len);
        Self { durable, durable_len, ..Self::default() }
    }

    /// Decides one piece.
    pub(super) fn settle(&mut self, piece: &Piece, fate: Fate) {
        match piece {
            Piece::Extend { len } if fate == Fate::Kept => self.durable_len = self.durable_len.max(*len),
            Piece::Extend { .. } => {}
            Piece::Bytes { offset, bytes, part } => {
                let bytes = bytes.get(part.clone()).unwrap_or_default();
                self.settle_bytes(bytes, *offset, fate);
            }
        }
    }

    fn settle_bytes(&mut self, bytes: &[u8], offset: u64, fate: Fate) {
        let (from, to) = match fate {
            Fate::Kept => (0, bytes.len()),
            Fate::Head(to) => (0, to.min(bytes.len())),
            Fate::Tail(from) => (from.min(bytes.len()), bytes.len()),
            Fate::Dropped => return,
            Fate::Zeroed => return self.durable.zero(offset, bytes.len()),
        };
        let at = offset + from as u64;
        self.durable.write(bytes.get(from..to).unwrap_or_default(), at);
        self.durable_len = self.durable_len.max(offset + to as u64);
    }

    /// All pieces are decided: programs now see what the platter holds.
    pub(super) fn restart(&mut self) {
        self.cached = self.durable.clone();
        self.len = self.durable_len;
    }

    /// Whether programs see what the platter holds, so that loss of power changes nothing.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty() && !self.lost
    }

    /// Turns over one bit where it is stored and where it is cached.
    pub(super) fn flip(&mut self, bit: u64) {
        self.cached.flip(bit);
        self.durable.flip(bit);
    }
}

fn cut(offset: u64, bytes: &Arc<[u8]>, page: usize, pieces: &mut Vec<Piece>) {
    let mut start = 0;
    while start < bytes.len() {
        let at = offset + start as u64;
        let into_page = usize::try_from(at % page as u64).unwrap_or(0);
        let end = bytes.len().min(start.saturating_add(page - into_page));
        pieces.push(Piece::Bytes { offset: at, bytes: Arc::clone(bytes), part: start..end });
        start = end;
    }
}
