//! Giving space back: saying what is needed, and moving what is needed forward.
//!
//! 1. Under the lock of the state, the items of a step are written down whole and handed to the journal, as every decision is:
//!    so what is decided on them later stands behind their copies.
//! 2. Once the copies are on disk, they are the places where their items are kept.
//! 3. Only then is the journal told that what stands before is not needed; it removes no segment before that is on disk too.

use syncline_core::{ErrorKind, Result};
use syncline_journal::{Commit, Durability, Seq, Stream};

use super::{
    JournalQueueStorage, carried_out,
    codec::Record,
    owner::{Handing, Shared},
    policy,
    steps::moved_seq,
};

/// Most steps in one call of upkeep, and while a queue is opened.
const STEPS_MAX: usize = 16;
const STEPS_MAX_AT_OPENING: usize = 1_024;

/// A step towards more room.
pub(super) enum Step {
    /// There is room, or others are in the way where `is_crowded`.
    Nothing { is_crowded: bool },
    /// It was handed over.
    Handed {
        commit: Option<Commit>,
        /// Whether the sweep goes on.
        more: bool,
    },
}

impl Shared {
    /// Tells the journal what is needed, and hands over the next step of what has to move.
    ///
    /// # Errors
    ///
    /// What the journal says.
    pub(super) fn make_some_room(&self, stream: &Stream) -> Result<Step> {
        let bytes = self.inner().bytes();
        self.tell_needed(stream);
        let space = stream.space(bytes);
        let mut inner = self.inner();
        let Some(goal) = policy::goal(&space, inner.needed_from()) else {
            inner.sweep = None;
            return Ok(Step::Nothing { is_crowded: policy::is_crowded(&space) });
        };
        let (entries, more) = inner.moves(goal, &self.underway.items());
        let seqs = entries.iter().filter_map(moved_seq).collect();
        let record = Record { is_ahead: false, time: inner.clock.latest(), entries };
        let handing = Handing {
            durability: if stream.unlinks_before_copies() {
                Durability::Buffered
            } else {
                Durability::Sync
            },
            is_essential: goal.at_once.is_some(),
            mark: self.underway.mark(seqs),
        };
        Ok(Step::Handed { commit: self.hand_over(stream, &inner, &record, handing)?, more })
    }

    /// Tells the journal from where on it is needed.
    pub(super) fn tell_needed(&self, stream: &Stream) {
        let needed = self.inner().needed_from();
        stream.truncate_below(Seq::new(needed));
    }
}

impl JournalQueueStorage {
    /// Gives space back, a bounded number of steps; returns whether there is more to do.
    pub(super) async fn give_room(&self) -> Result<bool> {
        for _ in 0..STEPS_MAX {
            match self.shared.make_some_room(&self.stream) {
                Ok(Step::Nothing { is_crowded }) => return Ok(is_crowded && self.ask_others()),
                Ok(Step::Handed { commit, more }) => {
                    if is_refused(carried_out(commit).await)? {
                        return Ok(false);
                    }
                    if !more {
                        self.shared.tell_needed(&self.stream);
                        return Ok(false);
                    }
                }
                Err(error) => return is_refused(Err(error)).map(|_| false),
            }
        }
        Ok(true)
    }

    /// The records that are in the way are those of another queue, which may have nobody who looks after it.
    fn ask_others(&self) -> bool {
        (0..STEPS_MAX).all(|_| self.stream.ask_for_room())
    }

    /// The same while nobody else has the queue. Blocks.
    pub(super) fn make_room_at_opening(&self) -> Result<()> {
        for _ in 0..STEPS_MAX_AT_OPENING {
            let done = match self.shared.make_some_room(&self.stream) {
                Ok(Step::Nothing { .. }) => return Ok(()),
                Ok(Step::Handed { commit, .. }) => commit.map_or(Ok(()), |commit| commit.wait().map(drop)),
                Err(error) => Err(error),
            };
            if is_refused(done)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Whether there was no room for the copies: then nothing moved, and it is tried later.
fn is_refused(done: Result<()>) -> Result<bool> {
    match done {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == ErrorKind::Full => Ok(true),
        Err(error) => Err(error),
    }
}
