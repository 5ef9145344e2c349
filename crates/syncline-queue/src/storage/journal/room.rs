//! Giving space back: saying what is needed, and moving what is needed forward.
//!
//! 1. Under the lock of the state, the items of a step are picked. What they carry that is on disk alone is read without it.
//! 2. Under the lock again, those that still stand as they did are written down whole and handed to the journal, as every
//!    decision is: so what is decided on them later stands behind their copies.
//! 3. Once the copies are on disk, they are the places where their items are kept.
//! 4. Only then is the journal told that what stands before is not needed, and asked for its space; it removes no segment
//!    before that is on disk too.

use syncline_core::{ErrorKind, Result};
use syncline_journal::{Commit, Durability, Seq, Stream};

use super::{
    JournalQueueStorage,
    bodies::{Fetched, on_thread},
    carried_out,
    codec::Record,
    moving::Load,
    owner::{Handing, Shared},
    policy,
    steps::{moved_seq, seq_of},
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

/// What is to be done for more room.
enum Errand {
    Nothing { is_crowded: bool },
    Move(Load),
}

impl Shared {
    /// Tells the journal what is needed, and hands over the next step of what has to move. Blocks where that is on disk. The space
    /// of what is not needed is to be [asked for](Self::ask_for_space) once the step is over.
    ///
    /// # Errors
    ///
    /// What the journal says.
    pub(super) fn make_some_room(&self, stream: &Stream) -> Result<Step> {
        match self.errand(stream) {
            Errand::Nothing { is_crowded } => Ok(Step::Nothing { is_crowded }),
            Errand::Move(load) => {
                let fetched = self.read_all(stream, &load.wanted());
                self.hand_over_moves(stream, &load, fetched)
            }
        }
    }

    fn errand(&self, stream: &Stream) -> Errand {
        let (needed, bytes) = {
            let inner = self.inner();
            (inner.needed_from(), inner.bytes())
        };
        let space = stream.space(Seq::new(needed), bytes);
        let mut inner = self.inner();
        match policy::goal(&space, inner.needed_from()) {
            Some(goal) => Errand::Move(inner.pick(goal, &self.underway.items())),
            None => {
                inner.sweep = None;
                Errand::Nothing { is_crowded: policy::is_crowded(&space) }
            }
        }
    }

    fn hand_over_moves(&self, stream: &Stream, load: &Load, fetched: Vec<Fetched>) -> Result<Step> {
        let inner = self.inner();
        let entries = inner.moves(load, fetched, &self.underway.items())?;
        let seqs = entries.iter().filter_map(|entry| moved_seq(entry).or_else(|| seq_of(entry))).collect();
        let record = Record { is_ahead: false, time: inner.clock.latest(), entries };
        let handing = Handing {
            durability: if stream.unlinks_before_copies() {
                Durability::Buffered
            } else {
                Durability::Sync
            },
            is_essential: load.is_essential(),
            mark: self.underway.mark(seqs),
        };
        Ok(Step::Handed { commit: self.hand_over(stream, &inner, &record, handing)?, more: load.more })
    }

    /// Asks the journal for the space of what is not needed. Not while a step is on its way: the journal's threads would write
    /// its copies and what they give back side by side, each in the other's way, in an order that is chance.
    pub(super) fn ask_for_space(&self, stream: &Stream) {
        let needed = self.inner().needed_from();
        stream.truncate_below(Seq::new(needed));
    }
}

impl JournalQueueStorage {
    /// Gives space back, a bounded number of steps; returns whether there is more to do.
    pub(super) async fn give_room(&self) -> Result<bool> {
        let moved = self.take_steps().await;
        self.shared.ask_for_space(&self.stream);
        match moved {
            Ok(Step::Nothing { is_crowded }) => Ok(is_crowded && self.ask_others().await?),
            Ok(Step::Handed { more, .. }) => Ok(more),
            Err(error) => is_refused(Err(error)).map(|_| false),
        }
    }

    /// Takes steps until one is the last, and returns that.
    async fn take_steps(&self) -> Result<Step> {
        let mut last = Step::Nothing { is_crowded: false };
        for _ in 0..STEPS_MAX {
            last = self.step_to_room().await?;
            let Step::Handed { commit, more } = &mut last else { break };
            carried_out(commit.take()).await?;
            if !*more {
                break;
            }
        }
        Ok(last)
    }

    /// One step, which waits for the disk on a thread.
    async fn step_to_room(&self) -> Result<Step> {
        match self.shared.errand(&self.stream) {
            Errand::Nothing { is_crowded } => Ok(Step::Nothing { is_crowded }),
            Errand::Move(load) => {
                let fetched = self.fetch(load.wanted()).await?;
                self.shared.hand_over_moves(&self.stream, &load, fetched)
            }
        }
    }

    /// The records that are in the way are those of another queue, which may have nobody who looks after it.
    async fn ask_others(&self) -> Result<bool> {
        let stream = self.stream.clone();
        on_thread("syncline-queue-room", move || (0..STEPS_MAX).all(|_| stream.ask_for_room())).await
    }

    /// The same while nobody else has the queue. Blocks.
    pub(super) fn make_room_at_opening(&self) -> Result<()> {
        for _ in 0..STEPS_MAX_AT_OPENING {
            let (done, is_last) = match self.shared.make_some_room(&self.stream) {
                Ok(Step::Nothing { .. }) => (Ok(()), true),
                Ok(Step::Handed { commit, .. }) => (commit.map_or(Ok(()), |commit| commit.wait().map(drop)), false),
                Err(error) => (Err(error), true),
            };
            let is_last = is_refused(done)? || is_last;
            self.stream.give_back()?;
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

/// Whether there was no room for what was to be written: then it is tried later.
pub(super) fn is_refused(done: Result<()>) -> Result<bool> {
    match done {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == ErrorKind::Full => Ok(true),
        Err(error) => Err(error),
    }
}
