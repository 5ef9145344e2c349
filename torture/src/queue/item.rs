//! The items of a crash run: all that they are follows from the seed of the directory and their identity.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use syncline_core::{Priority, port::NewItem};

use crate::payload::Dice;

/// Lanes of each producer.
const LANES: u64 = 3;

/// Identity of an item, unique in the life of a directory; its text is the item's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ItemId {
    /// Which run, counted by the runner.
    pub(super) run: u32,
    /// Which process of the run.
    pub(super) process: u16,
    /// Which producer of the process.
    pub(super) producer: u16,
    /// It follows a completed item, whose identity is the same but for this.
    pub(super) follows: bool,
    /// How many items the producer had pushed before.
    pub(super) n: u64,
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, process, producer, follows, n } = self;
        write!(f, "{run}.{process}.{producer}.{n}{}", if *follows { "+" } else { "" })
    }
}

impl FromStr for ItemId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (text, follows) = text.strip_suffix('+').map_or((text, false), |text| (text, true));
        let mut words = text.split('.');
        let mut word = || words.next().ok_or(());
        let id = Self {
            run: word()?.parse().map_err(drop)?,
            process: word()?.parse().map_err(drop)?,
            producer: word()?.parse().map_err(drop)?,
            n: word()?.parse().map_err(drop)?,
            follows,
        };
        words.next().is_none().then_some(id).ok_or(())
    }
}

/// What becomes of an item in the hands of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Complete,
    /// It is completed, and another one is pushed in the same step.
    Follow,
    Retry,
    Reject,
    /// Nobody says anything: its lease has to end.
    Forget,
}

/// All that an item is.
#[derive(Debug)]
pub(super) struct Nature {
    pub(super) priority: Priority,
    pub(super) lane: Option<u64>,
    pub(super) max_attempts: u16,
    pub(super) body: Bytes,
    completes: Fate,
    fails: u64,
}

impl ItemId {
    /// The item that follows this one.
    pub(super) fn follower(self) -> Self {
        Self { follows: true, ..self }
    }

    fn dice(self, seed: u64) -> Dice {
        let mut dice = Dice::new(seed);
        let origin = u64::from(self.run) << 32 | u64::from(self.process) << 16 | u64::from(self.producer);
        for word in [origin, self.n, u64::from(self.follows)] {
            dice = Dice::new(dice.next() ^ word);
        }
        dice
    }

    /// What it is.
    pub(super) fn nature(self, seed: u64) -> Nature {
        let mut dice = self.dice(seed);
        let level = usize::try_from(dice.below(5)).unwrap_or(0);
        let lane = dice.below(2 * LANES);
        let len = if dice.below(50) == 0 { dice.below(20_000) } else { dice.below(300) };
        let mut body = Vec::new();
        while (body.len() as u64) < len {
            body.extend(dice.next().to_le_bytes());
        }
        Nature {
            priority: Priority::ALL.get(level).copied().unwrap_or_default(),
            lane: (lane < LANES && !self.follows).then_some(lane),
            max_attempts: 2 + u16::try_from(dice.below(4)).unwrap_or(0),
            body: Bytes::from(body),
            completes: if dice.below(4) == 0 && !self.follows { Fate::Follow } else { Fate::Complete },
            fails: dice.below(64),
        }
    }

    /// The item, to be pushed.
    pub(super) fn item(self, seed: u64) -> NewItem {
        let nature = self.nature(seed);
        NewItem {
            id: self.to_string(),
            priority: nature.priority,
            due: None,
            max_attempts: nature.max_attempts,
            partition: nature.lane.map(|lane| format!("{}.{}.{}/{lane}", self.run, self.process, self.producer)),
            dedup: None,
            expires_at: None,
            body: nature.body,
        }
    }
}

impl Nature {
    /// What becomes of its attempt with this number.
    pub(super) fn fate(&self, attempt: u16) -> Fate {
        match (self.fails, attempt) {
            (0, _) => Fate::Reject,
            (1..=2, _) | (3..=12, 1) => Fate::Retry,
            (13, 1) => Fate::Forget,
            _ => self.completes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_reads_back() {
        for follows in [false, true] {
            let id = ItemId { run: 7, process: 3, producer: 1, follows, n: 12_345 };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert!("7.3.1".parse::<ItemId>().is_err() && "7.3.1.x".parse::<ItemId>().is_err());
    }
}
