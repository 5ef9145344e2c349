//! An item as it is handed out or looked at, proven against its hash.

use rusqlite::Row;
use syncline_core::{
    Error, ErrorKind, Priority, Result,
    port::{Claimed, DeadReason, Standing, Stored},
};

use super::clock::wall;
use crate::kept::{self, Phase};
pub(super) use crate::kept::{hash, reason_of, standing};

/// Most errors that are kept of one item.
const ERRORS_MAX: usize = 8;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT item.phase, item.priority, item.eligible_at, item.token, item.attempts, item.max_attempts, ",
            "item.dead, item.id, item.lane, item.errors, content.hash, content.bytes ",
            "FROM item ",
            $rest
        )
    };
}

/// The item of a seq.
pub(super) const BY_SEQ: &str = select!("LEFT JOIN content ON content.seq = item.seq WHERE item.seq = ?");
/// The newest item of an id.
pub(super) const BY_ID: &str = select!(
    "INDEXED BY item_id LEFT JOIN content ON content.seq = item.seq \
     WHERE item.queue = ? AND item.id = ? ORDER BY item.seq DESC LIMIT 1"
);
/// Dead items after a death and a seq.
pub(super) const DEAD: &str = select!(
    "INDEXED BY item_dead LEFT JOIN content ON content.seq = item.seq \
     WHERE item.queue = ? AND item.phase = 3 AND (item.dead_at, item.seq) > (?, ?) \
     ORDER BY item.dead_at, item.seq LIMIT ?"
);

/// An item as its row tells it. What makes no sense there is told as well as it can be, and the item is damaged.
#[derive(Debug)]
pub(super) struct View {
    phase: Phase,
    dead: Option<DeadReason>,
    pub(super) item: Claimed,
    pub(super) is_damaged: bool,
}

impl View {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let priority = u8::try_from(row.get::<_, i64>(1)?).ok().and_then(Priority::from_number);
        let (id, lane): (Vec<u8>, Option<Vec<u8>>) = (row.get(7)?, row.get(8)?);
        let (proof, bytes): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(10)?, row.get(11)?);
        let bytes = bytes.unwrap_or_default();
        let is_proven = proof.is_some_and(|proof| proof == hash(&id, &bytes));
        let (errors, are_sound) = errors(&row.get::<_, Vec<u8>>(9)?);
        let number = |column| row.get::<_, i64>(column).map(|number| u16::try_from(number).unwrap_or(u16::MAX));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            phase: Phase::of(row.get(0)?),
            dead: row.get::<_, Option<i64>>(6)?.map(reason_of),
            is_damaged: !is_proven || !are_sound || priority.is_none(),
            item: Claimed {
                id: text(id),
                token: row.get::<_, i64>(3)?.cast_unsigned(),
                attempt: number(4)?,
                max_attempts: number(5)?,
                priority: priority.unwrap_or(Priority::Background),
                eligible_at: wall(row.get(2)?),
                partition: lane.map(text),
                errors,
                body: bytes.into(),
            },
        })
    }

    /// The item as it is looked at. A dead one that is damaged is told with that as its reason, so that a list of the dead
    /// never ends at it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] for one that lives and is damaged.
    pub(super) fn stored(self, now: i64) -> Result<Stored> {
        let standing = standing(self.phase, self.item.eligible_at, now);
        let dead = match (standing, self.is_damaged) {
            (Standing::Dead, true) => Some(DeadReason::Corrupt),
            (_, true) => {
                let message = format!("item {:?} is damaged, it is not what was pushed", self.item.id);
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            (_, false) => self.dead,
        };
        Ok(Stored { standing, item: self.item, dead })
    }
}

/// The errors of an item with one more, without the oldest beyond the bound.
pub(super) fn note(kept: &[u8], error: &str) -> Vec<u8> {
    let (mut errors, _) = errors(kept);
    errors.push(kept::brief(error).to_owned());
    let newest = errors.iter().skip(errors.len().saturating_sub(ERRORS_MAX));
    let mut bytes = Vec::new();
    for error in newest {
        // Never longer than the bound, which two bytes hold.
        bytes.extend(u16::try_from(error.len()).unwrap_or(0).to_le_bytes());
        bytes.extend(error.as_bytes());
    }
    bytes
}

/// The errors of an item, oldest first, and whether that was all.
pub(super) fn errors(mut bytes: &[u8]) -> (Vec<String>, bool) {
    let mut errors = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let Some((error, rest)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length))) else {
            return (errors, false);
        };
        errors.push(String::from_utf8_lossy(error).into_owned());
        bytes = rest;
    }
    (errors, bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_errors_are_kept_and_their_beginnings() {
        let mut kept = Vec::new();
        for n in 0..10 {
            kept = note(&kept, &format!("error {n}"));
        }
        let (texts, are_sound) = errors(&kept);
        assert_eq!((texts.len(), texts[0].as_str(), texts[7].as_str()), (8, "error 2", "error 9"));
        assert!(are_sound);
        let (long, _) = errors(&note(&[], &"ü".repeat(1_000)));
        assert_eq!(long, ["ü".repeat(512)]);
    }

    #[test]
    fn errors_that_are_cut_off_are_damage() {
        let kept = note(&note(&[], "first"), "second");
        for length in 0..kept.len() {
            let (texts, are_sound) = errors(&kept[..length]);
            assert_eq!(are_sound, length == 0 || length == 7, "{length} bytes: {texts:?}");
        }
    }
}
