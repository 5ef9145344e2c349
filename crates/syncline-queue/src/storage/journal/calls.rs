//! The calls that write, but for claims.

use syncline_core::{
    ErrorKind, Result,
    port::{Admission, Moment, NewItem, Pushed, Reaped, Settled, Settlement},
};
use syncline_journal::Durability;

use super::{JournalQueueStorage, carried_out, codec::Record, plan, planted, steps::seq_of};
use crate::{
    state::{Entry, Millis, Phase},
    storage::body::Body,
};

impl JournalQueueStorage {
    pub(super) async fn push_all(&self, items: &[NewItem], admission: Admission, now: Moment) -> Result<Vec<Pushed>> {
        let (mut reserved, commit) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let mut reserved = plan::reserve(&mut inner.state, items, admission, time)?;
            let record = Record { is_ahead: false, time, entries: std::mem::take(&mut reserved.entries) };
            let durability = if planted!(self, AckPushBeforeSync) {
                Durability::Buffered
            } else {
                self.durability
            };
            let commit = self.submit(&inner, &record, durability);
            reserved.entries = record.entries;
            (reserved, commit)
        };
        let kept = match commit {
            Ok(commit) => carried_out(commit).await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(()) => Ok(std::mem::take(&mut reserved.told)),
            Err(error) => {
                let error = plan::give_back(&mut self.inner().state, &reserved, error);
                if error.kind() == ErrorKind::Full {
                    self.inner().forget_ends_below(u64::MAX);
                    self.shared.tell_needed(&self.stream);
                }
                Err(error)
            }
        }
    }

    pub(super) async fn settle_all(&self, settlements: &[Settlement], now: Moment) -> Result<Vec<Settled>> {
        let (told, reserved, held, commit) = {
            let mut inner = self.inner();
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
            (told, reserved, held, commit)
        };
        let kept = match commit {
            Ok(commit) => carried_out(commit).await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(()) => Ok(told),
            Err(error) => {
                let mut inner = self.inner();
                inner.resume(&held);
                Err(plan::give_back(&mut inner.state, &reserved, error))
            }
        }
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
        let (mut reaped, commit) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let (reaped, entries) = inner.reap(now, time);
            inner.forget_ends(time);
            let record = Record { is_ahead: true, time, entries };
            (reaped, self.submit(&inner, &record, Durability::Buffered)?)
        };
        // What was done is done in memory; should it not be written, it is done again after a restart.
        carried_out(commit).await?;
        reaped.more |= self.give_room().await?;
        Ok(reaped)
    }
}

/// Any lease will do: a deliberate bug.
fn without_tokens(settlements: &[Settlement]) -> Vec<Settlement> {
    let mut settlements = settlements.to_vec();
    settlements.iter_mut().for_each(|settlement| settlement.lease.token = None);
    settlements
}
