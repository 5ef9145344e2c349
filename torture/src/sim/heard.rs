//! What owners hear that are given to an opening: no more and no less than a replay tells afterwards.

use std::sync::{Arc, Mutex, PoisonError};

use syncline_journal::{Entry, Owner};

use super::{Verdict, model::Stream};

/// Owners of all streams that there may be.
pub(super) struct Heard {
    owners: Vec<(String, Arc<Keeper>)>,
}

#[derive(Default)]
struct Keeper(Mutex<Vec<Entry>>);

impl Owner for Keeper {
    fn apply(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

impl Heard {
    pub(super) fn of(streams: &[Stream]) -> Self {
        Self {
            owners: streams.iter().map(|stream| (stream.name.clone(), Arc::default())).collect(),
        }
    }

    pub(super) fn owners(&self) -> Vec<(&str, Arc<dyn Owner>)> {
        let owner = |keeper: &Arc<Keeper>| Arc::clone(keeper) as Arc<dyn Owner>;
        self.owners.iter().map(|(name, keeper)| (name.as_str(), owner(keeper))).collect()
    }

    /// Whether the owner of `stream` was told of `replayed`.
    pub(super) fn check(&self, stream: &Stream, replayed: &[Entry]) -> Verdict {
        let Some((_, keeper)) = self.owners.iter().find(|(name, _)| *name == stream.name) else {
            return Ok(());
        };
        let told = keeper.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *told == replayed {
            return Ok(());
        }
        let [told, replayed] =
            [&told, replayed].map(|entries| entries.iter().map(|entry| entry.seq.get()).collect::<Vec<_>>());
        Err(format!(
            "the owner of {} was told of {told:?} at the opening, a replay says {replayed:?}",
            stream.name
        ))
    }
}
