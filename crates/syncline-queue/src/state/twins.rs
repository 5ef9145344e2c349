//! Items of one id, where there are several: by where they stand, so that none is passed on the way to another.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::{Id, Phase, Slot};

/// The items of each id that more than one has.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    of: HashMap<Id, Twin>,
}

/// Those of one id.
#[derive(Debug, Default)]
struct Twin {
    /// By phase, then by acceptance.
    standing: BTreeMap<(Phase, u64), u32>,
    /// Those in hand, by the number of the lease.
    leased: BTreeMap<(u64, u64), u32>,
}

impl Twins {
    /// `slot` stands at `at` from now on; it says itself how.
    pub(crate) fn enter<B>(&mut self, at: u32, slot: &Slot<B>) {
        let twin = self.of.entry(slot.id.clone()).or_default();
        twin.standing.insert((slot.phase, slot.seq), at);
        if slot.phase == Phase::Leased {
            twin.leased.insert((slot.token, slot.seq), at);
        }
    }

    /// `slot` does not stand as it says any more.
    pub(crate) fn leave<B>(&mut self, slot: &Slot<B>) {
        let Some(twin) = self.of.get_mut(&slot.id) else { return };
        twin.standing.remove(&(slot.phase, slot.seq));
        twin.leased.remove(&(slot.token, slot.seq));
    }

    /// The newest of `id` in a phase that is fit, beside `but`.
    pub(crate) fn newest(&self, id: &Id, is_fit: impl Fn(Phase) -> bool, but: &[u64]) -> Option<u32> {
        let twin = self.of.get(id)?;
        let newest = |phase: Phase| {
            let mut standing = twin.standing.range((phase, 0)..=(phase, u64::MAX)).rev();
            standing.find(|((_, seq), _)| !but.contains(seq)).map(|((_, seq), at)| (*seq, *at))
        };
        let phases = Phase::ALL.into_iter().filter(|phase| is_fit(*phase));
        phases.filter_map(newest).max().map(|(_, at)| at)
    }

    /// The one of `id` that is in hand under this lease.
    pub(crate) fn under(&self, id: &Id, token: u64) -> Option<u32> {
        let last = self.of.get(id)?.leased.range((token, 0)..=(token, u64::MAX)).next_back();
        last.map(|(_, at)| *at)
    }

    /// Forgets `id` where it has one item left, which is no twin any more.
    pub(crate) fn forget_last(&mut self, id: &Id) -> Option<u32> {
        let twin = self.of.get(id).filter(|twin| twin.standing.len() == 1)?;
        let last = twin.standing.values().next().copied();
        self.of.remove(id);
        last
    }
}
