//! What may be found after loss of power: each thing that no sync covers is there, or not, or in part.
//!
//! A write is decided sector by sector (512 bytes) or page by page (4 KiB). Finding an older write where a newer one to
//! the same bytes was made is the same as losing the newer, so that every order of writing out is among the images.

use std::sync::Arc;

use super::{
    SimDisk,
    blocks::BLOCK,
    core::Core,
    inode::{Fate, Inode, Piece},
    names::FileId,
};
use crate::SeededRandom;

const SECTOR: usize = 512;

/// Disks as they may be found after loss of power. See [`SimDisk::crash_images`].
#[derive(Debug)]
pub struct CrashImages {
    base: Arc<Core>,
    random: SeededRandom,
    sectors: Choices,
    pages: Choices,
    /// How many images there are in all, if they are listed one by one.
    all: Option<usize>,
    next: usize,
    end: usize,
    fates: Vec<Fate>,
}

impl CrashImages {
    pub(super) fn new(base: Core, bound: usize, random: SeededRandom) -> Self {
        let sectors = Choices::of(&base, SECTOR);
        let pages = Choices::of(&base, BLOCK);
        let all = sectors.count(&base).filter(|count| *count <= bound);
        let end = all.unwrap_or(bound);
        Self {
            base: Arc::new(base),
            random,
            sectors,
            pages,
            all,
            next: 0,
            end,
            fates: Vec::new(),
        }
    }

    /// Whether these are all legal images, not samples of them.
    pub fn is_complete(&self) -> bool {
        self.all.is_some()
    }
}

impl Iterator for CrashImages {
    type Item = SimDisk;

    fn next(&mut self) -> Option<SimDisk> {
        let index = self.next;
        if index >= self.end {
            return None;
        }
        self.next += 1;
        self.fates.clear();
        let mut choices = &self.sectors;
        match (self.all, index) {
            (Some(_), _) => choices.nth(index, &self.base, &mut self.fates),
            (None, 0) => self.fates.resize(choices.len(), Fate::Dropped),
            (None, 1) => self.fates.resize(choices.len(), Fate::Kept),
            (None, _) => {
                if self.random.once_in(3) {
                    choices = &self.pages;
                }
                choices.draw(&self.random, &mut self.fates);
            }
        }
        let core = choices.build(&self.base, &self.fates);
        Some(SimDisk::from_core(core, SeededRandom::new(self.random.word())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

/// All that is undecided, in the order it was done: names first, then file by file.
#[derive(Debug)]
struct Choices {
    names: usize,
    files: Vec<(FileId, Vec<Piece>)>,
}

impl Choices {
    fn of(base: &Core, page: usize) -> Self {
        let unsettled = base.files().filter(|(_, inode)| !inode.is_settled());
        Self {
            names: base.names.pending(),
            files: unsettled.map(|(id, inode)| (id, inode.pieces(page))).collect(),
        }
    }

    fn len(&self) -> usize {
        self.names + self.files.iter().map(|(_, pieces)| pieces.len()).sum::<usize>()
    }

    /// How many fates each thing can have when none is torn: 2, or 3 where zeros differ from what was there.
    fn radixes<'a>(&'a self, base: &'a Core) -> impl Iterator<Item = usize> + 'a {
        let pieces = self.files.iter().flat_map(|(id, pieces)| pieces.iter().map(move |piece| (*id, piece)));
        let of = move |(id, piece): (FileId, &Piece)| match base.file(id) {
            Some(inode) if inode.zeroes_differ(piece) => 3,
            _ => 2,
        };
        std::iter::repeat_n(2, self.names).chain(pieces.map(of))
    }

    fn count(&self, base: &Core) -> Option<usize> {
        // No bound is near 2^24: what is more than that need not be counted.
        if self.len() > 24 {
            return None;
        }
        self.radixes(base).try_fold(1_usize, usize::checked_mul)
    }

    /// The image with this number: its digits, in mixed radix, are the fates.
    fn nth(&self, index: usize, base: &Core, fates: &mut Vec<Fate>) {
        let mut rest = index;
        for radix in self.radixes(base) {
            fates.push(match rest % radix {
                0 => Fate::Dropped,
                1 => Fate::Kept,
                _ => Fate::Zeroed,
            });
            rest /= radix;
        }
    }

    /// Some image, in one of the ways in which real disks fail.
    fn draw(&self, random: &SeededRandom, fates: &mut Vec<Fate>) {
        let len = self.len();
        let at = random.index(len + 1);
        let way = random.below(8);
        let kept_in_16 = 2 + 6 * random.below(3);
        fates.extend((0..len).map(|index| match way {
            // Written out in order as far as some point, which tore.
            0 | 1 if index < at => Fate::Kept,
            0 | 1 if index == at => partial(random),
            0 | 1 => Fate::Dropped,
            // The same in reverse.
            2 if index < at => Fate::Dropped,
            2 if index == at => partial(random),
            2 => Fate::Kept,
            // One hole, one island.
            3 if index == at => partial(random),
            3 => Fate::Kept,
            4 if index == at => Fate::Kept,
            4 => Fate::Dropped,
            // Whatever.
            _ if random.below(16) < kept_in_16 => Fate::Kept,
            _ => partial(random),
        }));
    }

    fn build(&self, base: &Core, fates: &[Fate]) -> Core {
        let (names, mut rest) = fates.split_at_checked(self.names).unwrap_or_default();
        let mut settled: Vec<(FileId, Arc<Inode>)> = Vec::with_capacity(self.files.len());
        for (id, pieces) in &self.files {
            let (mine, tail) = rest.split_at_checked(pieces.len()).unwrap_or_default();
            rest = tail;
            if let Some(inode) = base.file(*id) {
                settled.push((*id, Arc::new(after(inode, pieces, mine))));
            }
        }
        let names = base.names.after_power_loss(|index| names.get(index) == Some(&Fate::Kept));
        base.rebuilt(names, |id, inode| {
            let found = settled.iter().find(|(other, _)| *other == id);
            Arc::clone(found.map_or(inode, |(_, inode)| inode))
        })
    }
}

fn after(inode: &Inode, pieces: &[Piece], fates: &[Fate]) -> Inode {
    let mut after = inode.after_power_loss();
    for (piece, fate) in pieces.iter().zip(fates) {
        after.settle(piece, *fate);
    }
    after.restart();
    after
}

fn partial(random: &SeededRandom) -> Fate {
    match random.below(5) {
        0 | 1 => Fate::Dropped,
        2 => Fate::Zeroed,
        3 => Fate::Head(random.index(SECTOR)),
        _ => Fate::Tail(random.index(SECTOR)),
    }
}
