//! Steps about the dead. Of two that are on their way about one item the first one counts: what is redriven is not thrown away
//! by a call that found it dead, nor told to be tried again once it is gone.

use std::time::Duration;

use hashbrown::hash_map::Entry as Place;
use syncline_core::{
    Result,
    port::{ExpiredDead, Moment},
};
use syncline_journal::Commit;

use super::{
    JournalQueueStorage,
    codec::Record,
    inner::Inner,
    plan,
    unheard::{Awaited, Took},
};
use crate::{
    state::{Entry, Millis, Phase},
    storage::body::Body,
};

impl JournalQueueStorage {
    /// Takes one step for each of these items that is dead, unless another one is on its way.
    pub(super) async fn step_dead(
        &self,
        ids: &[String],
        now: Moment,
        step: impl Fn(u64, Millis) -> Entry<Body> + Send,
    ) -> Result<Vec<bool>> {
        let (told, awaited) = {
            let mut inner = self.heard();
            let time = inner.clock.at(now);
            let (mut seqs, mut told) = (Vec::new(), Vec::with_capacity(ids.len()));
            for id in ids {
                let seq = inner.state.find(id, |phase| phase == Phase::Dead).map(|slot| slot.seq);
                let seq = seq.filter(|seq| inner.begin_to_leave(*seq));
                told.push(seq.is_some());
                seqs.extend(seq);
            }
            let entries = seqs.iter().map(|seq| step(*seq, time)).collect();
            let commit = self.submit(&inner, &Record { is_ahead: false, time, entries }, self.durability);
            (told, left(self, &mut inner, commit, seqs)?)
        };
        awaited.carried_out().await?;
        Ok(told)
    }

    pub(super) async fn expire_some_dead(&self, older_than: Duration, now: Moment) -> Result<ExpiredDead> {
        let (expired, awaited) = {
            let mut inner = self.heard();
            let time = inner.clock.at(now);
            let is_taken = |seq| inner.settling.contains_key(&seq);
            let (over, next) = plan::expired_dead(&inner.state, older_than, time, is_taken);
            let (ids, seqs): (Vec<_>, Vec<_>) = over.iter().map(|slot| (slot.id.to_string(), slot.seq)).unzip();
            inner.settling.extend(seqs.iter().map(|seq| (*seq, None)));
            let entries = seqs.iter().map(|seq| Entry::Outlive { seq: *seq }).collect();
            let commit = self.submit(&inner, &Record { is_ahead: false, time, entries }, self.durability);
            (ExpiredDead { ids, next }, left(self, &mut inner, commit, seqs)?)
        };
        awaited.carried_out().await?;
        Ok(expired)
    }
}

/// These leave the dead; where that is not kept they are dead still.
fn left(
    storage: &JournalQueueStorage,
    inner: &mut Inner,
    commit: Result<Option<Commit>>,
    held: Vec<u64>,
) -> Result<Awaited> {
    Awaited::new(&storage.shared, inner, commit, Took { held, ..Took::default() })
}

impl Inner {
    /// Keeps everybody else from a dead item; `false` where somebody has it.
    fn begin_to_leave(&mut self, seq: u64) -> bool {
        match self.settling.entry(seq) {
            Place::Occupied(_) => false,
            Place::Vacant(place) => {
                place.insert(None);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use syncline_core::{
        memory::MemoryDisk,
        port::{Admission, Claim, InHand, Lease, QueueOutcome, QueueStorage as _, Settlement, Standing, Stored},
    };
    use syncline_journal::{Config, Journal};

    use super::*;
    use crate::storage::sample::{at, item};

    async fn with_a_dead_one(journal: &Journal) -> JournalQueueStorage {
        let queue = JournalQueueStorage::open(journal, "jobs").unwrap();
        queue
            .push(&[item("a")], Admission { capacity: 9, unique_ids: true }, at(1))
            .await
            .unwrap();
        let lease = Duration::from_secs(60);
        let claim = Claim { most: 1, lease, aging: None, in_hand: InHand::default() };
        let claimed = queue.claim(claim, at(1)).await.unwrap().items.remove(0);
        let lease = Lease { id: claimed.id, token: Some(claimed.token) };
        let outcome = QueueOutcome::Reject { error: "no".to_owned() };
        queue.settle(&[Settlement { lease, outcome }], at(1)).await.unwrap();
        queue
    }

    /// What could have gone wrong: a redrive that was on its way to disk, and was answered a moment later, was followed by a
    /// step that threw the item away, because it was dead still when that was decided.
    #[tokio::test]
    async fn what_is_being_redriven_is_not_thrown_away_for_its_age() {
        let (disk, id) = (Arc::new(MemoryDisk::new()), ["a".to_owned()]);
        let journal = Journal::open(disk, Config::default()).unwrap().journal;
        let queue = with_a_dead_one(&journal).await;
        let mut redrive = queue.redrive(&id, at(2));
        let redriven = redrive.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(queue.expire_dead(Duration::ZERO, at(2)).await.unwrap().ids, [""; 0]);
        let redriven = match redriven {
            Poll::Ready(redriven) => redriven,
            Poll::Pending => redrive.await,
        };
        assert_eq!(redriven.unwrap(), [true]);
        let Stored { standing, .. } = queue.get("a", at(2)).await.unwrap().unwrap();
        assert_eq!(standing, Standing::Ready);
    }

    /// And the other way round: what was told to be tried again was gone.
    #[tokio::test]
    async fn what_is_being_thrown_away_is_not_said_to_be_tried_again() {
        let (disk, id) = (Arc::new(MemoryDisk::new()), ["a".to_owned()]);
        let journal = Journal::open(disk, Config::default()).unwrap().journal;
        let queue = with_a_dead_one(&journal).await;
        let mut expire = queue.expire_dead(Duration::ZERO, at(2));
        let expired = expire.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(queue.redrive(&id, at(2)).await.unwrap(), [false]);
        let expired = match expired {
            Poll::Ready(expired) => expired,
            Poll::Pending => expire.await,
        };
        assert_eq!(expired.unwrap().ids, id);
        assert_eq!(queue.get("a", at(2)).await.unwrap(), None);
    }
}
