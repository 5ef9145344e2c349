//! The rows that both sides write, in the order in which both write them.

use bytes::Bytes;

use crate::{Result, payload::noise};

/// Bytes of one row's content.
pub(super) const CONTENT_BYTES: usize = 400;
/// Contents that differ; then they repeat.
const DISTINCT: u64 = 4_096;

/// The order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Each greater than the one before: what is written together stands together.
    Ascending,
    /// All over the index.
    Random,
}

impl Order {
    /// Its name in figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Random => "random",
        }
    }
}

/// Keys and contents by place.
#[derive(Debug)]
pub(super) struct Rows {
    order: Order,
    count: u64,
    contents: Vec<Bytes>,
}

impl Rows {
    /// The same ones in every run.
    pub(super) fn new(order: Order, count: u64) -> Self {
        let mut state = 0x5eed;
        let mut content = || (0..CONTENT_BYTES / 8).flat_map(|_| noise(&mut state).to_le_bytes()).collect();
        Self { order, count, contents: (0..DISTINCT).map(|_| content()).collect() }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The key at `place`: as long in both orders, and never twice.
    pub(super) fn key(&self, place: u64) -> String {
        match self.order {
            Order::Ascending => format!("item.{place:016x}"),
            Order::Random => format!("item.{:016x}", noise(&mut place.clone())),
        }
    }

    /// The content at `place`.
    pub(super) fn content(&self, place: u64) -> &Bytes {
        &self.contents[usize::try_from(place % DISTINCT).unwrap_or(0)]
    }

    /// Compares rows that were read back, in the order of their keys, with what was written.
    pub(super) fn check(&self, mut next: impl FnMut() -> Result<Option<(Vec<u8>, Vec<u8>)>>) -> Result {
        let mut expected: Vec<(String, u64)> = (0..self.count).map(|place| (self.key(place), place)).collect();
        expected.sort_unstable();
        for (key, place) in expected {
            let (found, content) = next()?.ok_or_else(|| format!("{key} is not there"))?;
            if found != key.as_bytes() || content != self.content(place)[..] {
                return Err(format!("{key} came back changed, or another row stands in its place").into());
            }
        }
        match next()? {
            None => Ok(()),
            Some(_) => Err("there are more rows than were written".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_lost_changed_or_new_are_noticed() {
        let rows = Rows::new(Order::Random, 50);
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = (0..50)
            .map(|place| (rows.key(place).into_bytes(), rows.content(place).to_vec()))
            .collect();
        all.sort();
        let check = |all: &[(Vec<u8>, Vec<u8>)]| {
            let mut all = all.iter().cloned();
            rows.check(|| Ok(all.next()))
        };
        check(&all).unwrap();
        assert!(check(&all[..49]).is_err());
        assert!(check(&all[1..]).is_err());
        all.push((b"z".to_vec(), Vec::new()));
        assert!(check(&all).is_err());
        all.pop();
        all[7].1[3] ^= 1;
        assert!(check(&all).is_err());
    }
}
