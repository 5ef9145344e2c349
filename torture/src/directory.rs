//! How a tortured directory is opened: its settings follow from the seed, so that every run and every verification agree.

use std::{path::Path, sync::Arc};

use syncline_core::{Error, ErrorKind, Result, SecretKey};
use syncline_journal::{Config, FileDisk, KeyRing, planted::Planted};

use crate::payload::Dice;

/// Small enough that a run of a few milliseconds rotates at times.
const SEGMENT_BYTES: [u64; 3] = [64 << 10, 1 << 20, 8 << 20];

/// The disk below `dir`, which is made when it is missing.
pub(crate) fn disk(dir: &Path) -> Result<Arc<FileDisk>> {
    Ok(Arc::new(FileDisk::open(dir)?))
}

/// Settings of the directory of this seed: segment size, compression and encryption vary.
///
/// # Errors
///
/// When the seed makes a key that is none.
pub(crate) fn config(seed: u64, planted: Option<Planted>) -> Result<Config> {
    let mut dice = Dice::new(seed);
    let size = usize::try_from(dice.below(3)).unwrap_or(0);
    let compressed = dice.below(2) == 0;
    let encrypted = dice.below(2) == 0;
    let current = if encrypted { Some(key(seed)?) } else { None };
    Ok(Config {
        segment_bytes: SEGMENT_BYTES.get(size).copied().unwrap_or(64 << 10),
        compression: compressed.then_some(1),
        keys: KeyRing { current, older: Vec::new() },
        planted,
        ..Config::default()
    })
}

fn key(seed: u64) -> Result<SecretKey> {
    let mut dice = Dice::new(!seed);
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&dice.next().to_le_bytes());
    }
    SecretKey::new(bytes)
}

/// Reads the name of a deliberate bug.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] with the names there are.
pub(crate) fn planted(name: &str) -> Result<Planted> {
    Planted::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Planted::ALL.iter().map(|bug| format!("{bug:?}")).collect();
        Error::new(ErrorKind::Invalid, format!("no planted bug {name:?}; there are {}", names.join(", ")))
    })
}
