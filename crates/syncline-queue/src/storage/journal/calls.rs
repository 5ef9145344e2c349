//! The calls that write, but for claims.

use syncline_core::{
    Result,
    port::{Admission, Moment, NewItem, Pushed, Reaped, Settlement},
};
use syncline_journal::Durability;

use super::{
    JournalQueueStorage,
    calendar::Reaping,
    carried_out,
    codec::{self, Record},
    plan, planted,
    room::is_refused,
    steps::seq_of,
    unheard::{Awaited, Took},
};
use crate::{
    state::{Entry, Millis, Phase},
    storage::{New, Verdict, body::Body},
};

/// A push that was handed over.
#[must_use = "it is not done before it is waited for"]
pub(crate) struct PushUnderWay(Awaited);

impl PushUnderWay {
    /// Waits until it was carried out, and says what became of each item.
    ///
    /// # Errors
    ///
    /// What the journal says: what was reserved is given back.
    pub(crate) async fn carried_out(self) -> Result<Vec<Pushed>> {
        Ok(self.0.carried_out().await?.told)
    }
}

impl JournalQueueStorage {
    pub(super) async fn push_all(&self, items: &[NewItem], admission: Admission, now: Moment) -> Result<Vec<Pushed>> {
        self.begin_push(items.iter().map(New::from), admission, now)?.carried_out().await
    }

    /// Begins to push items, which are not needed any more once this returned.
    ///
    /// # Errors
    ///
    /// [`Full`](syncline_core::ErrorKind::Full) when they do not all fit, or as the journal says: nothing is reserved then.
    pub(crate) fn begin_push<'a>(
        &self,
        items: impl ExactSizeIterator<Item = New<'a>> + Clone,
        admission: Admission,
        now: Moment,
    ) -> Result<PushUnderWay> {
        let durability = if planted!(self, AckPushBeforeSync) {
            Durability::Buffered
        } else {
            self.durability
        };
        let bytes = items.clone().map(|new| new.id.len() + new.body.as_slice().len()).sum();
        let mut inner = self.heard();
        let time = inner.clock.at(now);
        let mut pushes = codec::Pushes::new(time, items.len(), bytes);
        let reserved = plan::reserve_each(&mut inner.state, &[], items, admission, time, |_, _, new, seq| {
            pushes.add(seq, new);
        })?;
        let handed_over = |pushes| self.shared.hand_over_pushes(&self.stream, &inner, pushes, durability);
        let commit = pushes.finish().map(handed_over).transpose();
        Awaited::new(&self.shared, &mut inner, commit, Took { reserved, held: Vec::new() }).map(PushUnderWay)
    }

    pub(crate) async fn settle_all(&self, settlements: &[Settlement], now: Moment) -> Result<Vec<Verdict>> {
        let (told, awaited) = {
            let mut inner = self.heard();
            let time = inner.clock.at(now);
            let (told, record, reserved, held) = if planted!(self, LeaseWithoutToken) {
                inner.settle(&without_tokens(settlements), time)?
            } else {
                inner.settle(settlements, time)?
            };
            let durability = if planted!(self, AckOutcomeBeforeSync) {
                Durability::Buffered
            } else {
                self.durability
            };
            let commit = self.submit(&inner, &record, durability);
            (told, Awaited::new(&self.shared, &mut inner, commit, Took { reserved, held })?)
        };
        awaited.carried_out().await?;
        Ok(told)
    }

    /// Takes one step for each item that stands where it has to.
    pub(super) async fn step_all(
        &self,
        ids: &[String],
        now: Moment,
        is_fit: fn(Phase) -> bool,
        step: impl Fn(u64, Millis) -> Entry<Body> + Send,
    ) -> Result<Vec<bool>> {
        let (told, commit) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let (mut entries, mut told) = (Vec::new(), Vec::with_capacity(ids.len()));
            for id in ids {
                let seq = inner.state.find(id, is_fit).map(|slot| slot.seq);
                // Named twice, it is done once.
                let is_new = seq.is_some_and(|seq| !entries.iter().any(|entry| seq_of(entry) == Some(seq)));
                if let Some(seq) = seq.filter(|_| is_new) {
                    entries.push(step(seq, time));
                }
                told.push(is_new);
            }
            (told, self.submit(&inner, &Record { is_ahead: false, time, entries }, self.durability)?)
        };
        carried_out(commit).await?;
        Ok(told)
    }

    pub(super) async fn reap_some(&self, now: Moment) -> Result<Reaped> {
        let (mut done, commit) = {
            let mut inner = self.heard();
            let time = inner.clock.at(now);
            let (reaped, entries) = inner.reap(now, time);
            let record = Record { is_ahead: true, time, entries };
            let commit = self.submit(&inner, &record, Durability::Buffered);
            (Reaping::of(self, &mut inner, reaped), commit)
        };
        let written = match commit {
            Ok(commit) => carried_out(commit).await,
            Err(error) => Err(error),
        };
        // What was done is done in memory. Where the disk has no space for it, it is done again after a restart.
        if is_refused(written)? {
            tracing::warn!(target: crate::TRACING_TARGET, "the disk is full: ends of leases could not be written");
        }
        match self.give_room().await {
            Ok(more) => done.reaped.more |= more,
            Err(error) if done.is_nothing() => return Err(error),
            // What was done is told first; the next one meets what went wrong again, and tells it.
            Err(error) => {
                tracing::warn!(target: crate::TRACING_TARGET, %error, "no space was given back");
                done.reaped.more = true;
            }
        }
        Ok(done.told())
    }
}

/// Any lease will do: a deliberate bug.
fn without_tokens(settlements: &[Settlement]) -> Vec<Settlement> {
    let mut settlements = settlements.to_vec();
    settlements.iter_mut().for_each(|settlement| settlement.lease.token = None);
    settlements
}
