//! Batches on their way to the archive, one call at a time.
//!
//! While the archive works on a batch, the one before it is settled and, when it is full already, the one after it is taken,
//! so that the archive does not wait for bookkeeping.

use std::ops::Range;

use syncline_core::{
    Error, ErrorKind, Result,
    port::{Archive, Outcome},
};
use syncline_journal::Durability;

use super::batch::{Bisection, Cause, cause, decisions};
use crate::{TRACING_TARGET, pending::Batch, quarantine, spine::Spine, store::Decision};

/// The batches beside the one that the archive has in hand.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    /// Decided, to be settled.
    before: Option<Pass>,
    /// Taken, to be tried.
    after: Option<Pass>,
    /// Emptied, to be used again.
    spare: Vec<Pass>,
}

/// A batch and what is known of it so far.
#[derive(Debug, Default)]
struct Pass {
    batch: Batch,
    decisions: Vec<Option<Decision>>,
    /// Rows that were refused alone, and why.
    refused: Vec<(usize, Error)>,
    /// Why rows are left undecided.
    trouble: Option<Error>,
}

impl Pipeline {
    /// Whether there is more to do at once.
    pub(crate) fn is_busy(&self) -> bool {
        self.before.is_some() || self.after.is_some()
    }

    /// Has the archive decide on the next batch, and settles it, now or beside the one after it. After an error what is
    /// undecided is back at the head of the queue.
    pub(crate) async fn deliver(&mut self, spine: &Spine, archive: &dyn Archive) -> Result<()> {
        let mut pass = self.after.take().unwrap_or_else(|| self.take(spine));
        // The call is polled first: the archive has its batch before anything else is done.
        tokio::join!(biased; pass.apply(spine, archive), async { self.tidy(spine) });
        pass.put_aside(spine).await;
        if pass.trouble.is_none() && self.after.is_some() {
            self.before = Some(pass);
            return Ok(());
        }
        if let Some(mut after) = self.after.take() {
            spine.store.give_back(&mut after.batch);
            self.spare.push(after);
        }
        let trouble = pass.end(spine);
        self.spare.push(pass);
        trouble.map_or(Ok(()), Err)
    }

    /// What is done beside a call.
    fn tidy(&mut self, spine: &Spine) {
        if let Some(mut before) = self.before.take() {
            before.close(spine);
            self.spare.push(before);
        }
        let is_full = spine.store.ready().1;
        self.after = is_full.then(|| self.take(spine));
    }

    fn take(&mut self, spine: &Spine) -> Pass {
        let mut pass = self.spare.pop().unwrap_or_default();
        spine.store.take(&mut pass.batch);
        pass
    }
}

impl Pass {
    /// Tries the whole, then halves of what is refused, until every row is decided or the archive is in trouble itself.
    async fn apply(&mut self, spine: &Spine, archive: &dyn Archive) {
        self.decisions.clear();
        self.decisions.resize_with(self.batch.lots.len(), || None);
        if let Err(error) = spine.learn_high_water(archive).await {
            return self.trouble = Some(error);
        }
        let mut bisection = Bisection::new(self.batch.records.len());
        while let Some(stretch) = bisection.next() {
            let records = self.batch.records.get(stretch.clone()).unwrap_or_default();
            let answer = spine.call(ErrorKind::Unknown, archive.apply(records)).await;
            match answer {
                Err(error) if cause(error.kind()) == Cause::Archive => return self.trouble = Some(error),
                Err(_) if bisection.halve(stretch.clone()) => {}
                Err(error) => self.refused.push((stretch.start, error)),
                outcomes => self.decide(stretch, outcomes),
            }
            if self.trouble.is_some() {
                return;
            }
        }
    }

    fn decide(&mut self, stretch: Range<usize>, outcomes: Result<Vec<Outcome>>) {
        match decisions(outcomes, stretch.len()) {
            Ok(Some(decided)) => {
                let places = self.decisions.get_mut(stretch).unwrap_or_default();
                places.iter_mut().zip(decided).for_each(|(place, decision)| *place = Some(decision));
            }
            Ok(None) => {
                let message = format!("the archive gave outcomes for another number of rows than {}", stretch.len());
                self.trouble = Some(Error::new(ErrorKind::Unknown, message));
            }
            Err(error) => self.trouble = Some(error),
        }
    }

    /// Decides on the rows that were refused alone: each is put aside durably before the frontier may pass it.
    async fn put_aside(&mut self, spine: &Spine) {
        let has_accepted = self.decisions.iter().any(Option::is_some);
        for (row, error) in std::mem::take(&mut self.refused) {
            if cause(error.kind()) == Cause::Unclear && !has_accepted {
                self.trouble.get_or_insert(error);
                continue;
            }
            let decision = match self.park(spine, row, &error).await {
                Ok(true) => Decision::Parked(error),
                Ok(false) => Decision::Failed(error),
                Err(trouble) => {
                    self.trouble.get_or_insert(trouble.context("a refused write could not be put aside"));
                    continue;
                }
            };
            if let Some(place) = self.decisions.get_mut(row) {
                *place = Some(decision);
            }
        }
    }

    /// Writes a refused row to the quarantine; `false` where there is no journal to keep it, and its caller is told.
    async fn park(&self, spine: &Spine, row: usize, error: &Error) -> Result<bool> {
        let (Some(journaled), Some(record)) = (&spine.journal, self.batch.records.get(row)) else {
            return Ok(false);
        };
        let payload = quarantine::encode(error, record);
        journaled.quarantine.append(payload, Durability::Sync)?.await?;
        tracing::warn!(target: TRACING_TARGET, key = %record.key, %error, "a write was refused and put aside");
        Ok(true)
    }

    /// Settles what is decided. What is not goes back to the head, or fails where there is no journal to keep it.
    fn end(&mut self, spine: &Spine) -> Option<Error> {
        let trouble = self.trouble.take();
        if let Some(trouble) = trouble.as_ref().filter(|_| spine.journal.is_none()) {
            let undecided = self.decisions.iter_mut().filter(|decision| decision.is_none());
            undecided.for_each(|decision| *decision = Some(Decision::Failed(trouble.share())));
        }
        self.close(spine);
        trouble
    }

    fn close(&mut self, spine: &Spine) {
        spine.store.settle(&mut self.batch, &mut self.decisions);
    }
}
