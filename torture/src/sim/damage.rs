//! Damage to what is stored: a bit, a sector, a whole file.

use std::fmt;

use syncline_testkit::{SeededRandom, SimDisk, disk::Fault};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Harm {
    /// One bit of a file was turned over.
    Flip { file: String, bit: u64 },
    /// 512 bytes of a file became garbage or zeros.
    Sector { file: String, at: usize },
    /// A file ends early.
    Cut { file: String, at: usize },
    /// A file is as it was some time ago.
    Stale { file: String },
    /// Two segments changed places.
    Swapped { file: String, other: String },
    /// No manifest can be read.
    Manifests,
    /// A read returned what is stored elsewhere.
    Misread { skip: u64 },
}

/// The harm, and where it was done.
#[derive(Debug, Clone)]
pub(super) struct Done {
    harm: Harm,
    /// Whether it was done to a segment that has a successor.
    sealed: bool,
}

impl Done {
    /// Whether a loss from record `missing` on must not be taken for a torn tail: a successor, the closing of the
    /// journal, or a later frame proves that the bytes were there. Frames vouch for all before `vouched`.
    pub(super) fn must_be_refused(&self, missing: u64, vouched: u64, closed: bool) -> bool {
        match self.harm {
            Harm::Flip { .. } => self.sealed || closed || missing < vouched,
            Harm::Sector { .. } | Harm::Cut { .. } => self.sealed || closed,
            Harm::Stale { .. } | Harm::Swapped { .. } => self.sealed,
            Harm::Manifests => true,
            Harm::Misread { .. } => false,
        }
    }

    /// Whether the next opening finds everything whole again.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.harm, Harm::Misread { .. })
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {:?}", self.harm)
    }
}

/// Does some harm to `disk`; `None` where it has nothing that could be harmed in the way that was drawn.
pub(super) fn draw(disk: &SimDisk, random: &SeededRandom, stale: &[(String, Vec<u8>)], closed: bool) -> Option<Done> {
    let files: Vec<(String, u64)> = disk.files().into_iter().filter(|(name, _)| name != "spare.seg").collect();
    let segments: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).filter(|name| is_segment(name)).collect();
    let last = segments.last()?.to_string();
    let (file, _) = files.get(random.index(files.len()))?;
    let used = used_bytes(disk, file);
    let harm = match random.below(8) {
        0..=2 => {
            let bit = random.below(used as u64 * 8);
            disk.flip_bit(file, bit).then_some(Harm::Flip { file: file.clone(), bit })?
        }
        // Zeros at the end of the last segment are what a crash may leave, so that nobody could tell.
        3 => sector(disk, random, file, used, *file == last && !closed),
        4 => cut(disk, random, file, used),
        5 => put_stale(disk, random, stale, &last)?,
        6 if segments.len() > 1 && random.once_in(2) => swap(disk, random, &segments)?,
        6 => garble_manifests(disk, &files),
        _ => misread(disk, random),
    };
    let sealed = match &harm {
        Harm::Flip { file, .. } | Harm::Sector { file, .. } | Harm::Cut { file, .. } | Harm::Stale { file } => {
            is_segment(file) && *file != last
        }
        Harm::Swapped { .. } => true,
        Harm::Manifests | Harm::Misread { .. } => false,
    };
    Some(Done { harm, sealed })
}

fn is_segment(name: &str) -> bool {
    name.ends_with(".seg") && name != "spare.seg"
}

/// Bytes up to the last that is not zero: harm to what was never written would be no harm.
fn used_bytes(disk: &SimDisk, file: &str) -> usize {
    let bytes = disk.contents(file).unwrap_or_default();
    bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1)
}

fn sector(disk: &SimDisk, random: &SeededRandom, file: &str, used: usize, no_zeros: bool) -> Harm {
    let mut bytes = disk.contents(file).unwrap_or_default();
    let at = random.index(used.div_ceil(512)) * 512;
    let garbage = no_zeros || random.once_in(2);
    for byte in bytes.iter_mut().skip(at).take(512) {
        *byte = if garbage { random.word().to_le_bytes()[0] } else { 0 };
    }
    disk.put(file, &bytes);
    Harm::Sector { file: file.to_owned(), at }
}

fn cut(disk: &SimDisk, random: &SeededRandom, file: &str, used: usize) -> Harm {
    let bytes = disk.contents(file).unwrap_or_default();
    let at = random.index(used);
    disk.put(file, bytes.get(..at).unwrap_or_default());
    Harm::Cut { file: file.to_owned(), at }
}

/// Of the last segment an older state is one that a crash may leave, so that nobody could tell.
fn put_stale(disk: &SimDisk, random: &SeededRandom, stale: &[(String, Vec<u8>)], last: &str) -> Option<Harm> {
    let (file, bytes) = stale.get(random.index(stale.len()))?;
    let changed = disk.contents(file).is_some_and(|now| now != *bytes);
    if !changed || file == last {
        return None;
    }
    disk.put(file, bytes);
    Some(Harm::Stale { file: file.clone() })
}

fn swap(disk: &SimDisk, random: &SeededRandom, segments: &[&str]) -> Option<Harm> {
    let at = random.index(segments.len() - 1);
    let (file, other) = (*segments.get(at)?, *segments.get(at + 1)?);
    let (left, right) = (disk.contents(file)?, disk.contents(other)?);
    disk.put(file, &right);
    disk.put(other, &left);
    Some(Harm::Swapped { file: file.to_owned(), other: other.to_owned() })
}

fn garble_manifests(disk: &SimDisk, files: &[(String, u64)]) -> Harm {
    for (name, len) in files.iter().filter(|(name, _)| name.starts_with("MANIFEST-")) {
        disk.flip_bit(name, len * 4);
    }
    Harm::Manifests
}

fn misread(disk: &SimDisk, random: &SeededRandom) -> Harm {
    let skip = random.below(16);
    disk.fail(Fault::misdirected().after(skip));
    Harm::Misread { skip }
}
