//! Throwing dead letters away once their time is over, and when that is.

use std::time::Duration;

use syncline_core::{Instant, port::ExpiredDead};

use super::{Inner, QueueEvent};
use crate::QueueResult;

/// When the time of the next dead letter is over, as far as is known.
///
/// A sweep learns it from the storage. Whoever dies later ends later than all who were dead by then, so that only the first
/// death since is remembered.
#[derive(Debug)]
pub(super) struct DeadEnds {
    /// `None` keeps them for ever, and nothing here is ever due.
    ttl: Option<Duration>,
    /// As the last sweep learned it.
    due: Option<Instant>,
    /// The end of who died first since that sweep began.
    since: Option<Instant>,
    sweeps: u64,
}

impl DeadEnds {
    /// Those of before are looked for at once.
    pub(super) fn new(ttl: Option<Duration>, now: Instant) -> Self {
        Self { ttl, due: ttl.map(|_| now), since: None, sweeps: 0 }
    }

    /// When somebody has to look.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.due, self.since].into_iter().flatten().min()
    }

    /// Somebody is dead since now.
    pub(super) fn died(&mut self, now: Instant) {
        if let Some(ttl) = self.ttl {
            self.since.get_or_insert(now + ttl);
        }
    }

    /// A sweep begins: its number. Should nobody hear how it went, the next one is at `again`.
    fn begin(&mut self, again: Instant) -> u64 {
        (self.due, self.since) = (Some(again), None);
        self.sweeps += 1;
        self.sweeps
    }

    /// A sweep learned when the next one is due. One that another one has begun after knows less than that.
    fn swept(&mut self, sweep: u64, next: Option<Instant>) {
        if sweep == self.sweeps {
            self.due = next;
        }
    }
}

impl Inner {
    /// Some are dead since now: whoever sleeps until after their end looks then.
    pub(super) fn note_deaths(&self) {
        if let Some(ttl) = self.config.dead_letter_ttl {
            let now = self.clock.now();
            self.book().dead_ends.died(now);
            self.bell.due(now + ttl);
        }
    }

    pub(super) fn is_dead_end_due(&self, now: Instant) -> bool {
        self.config.dead_letter_ttl.is_some() && self.book().dead_ends.next().is_some_and(|at| at <= now)
    }

    /// Throws away dead letters whose time is over, as many as one call of the storage does; what is left is due at once.
    pub(super) async fn throw_away_dead(&self) -> QueueResult<()> {
        let Some(ttl) = self.config.dead_letter_ttl.filter(|_| self.is_dead_end_due(self.clock.now())) else {
            return Ok(());
        };
        let now = self.now();
        let sweep = self.book().dead_ends.begin(now.steady + self.upkeep.every());
        let ExpiredDead { ids, next } = self.watched(self.storage().expire_dead(ttl, now)).await?;
        // Of what others bury, or a call that was dropped, nobody tells here: it ends no sooner than this.
        let unheard = (!self.store.is_own() || self.bell.was_abandoned()).then_some(ttl);
        {
            let mut book = self.book();
            book.dead_ends.swept(sweep, next.or(unheard).map(|left| now.steady + left));
            book.tally.dead_expired(ids.len() as u64);
        }
        if !ids.is_empty() {
            let message = "dead letters were thrown away, their time is over";
            tracing::info!(target: crate::TRACING_TARGET, queue = self.name, ?ttl, ?ids, "{message}");
        }
        self.events.tell(ids.into_iter().map(|id| QueueEvent::DeadLetterExpired { id }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(secs))
    }

    fn ends() -> DeadEnds {
        DeadEnds::new(Some(Duration::from_secs(10)), at(0))
    }

    #[test]
    fn without_a_time_nothing_is_ever_due() {
        let mut ends = DeadEnds::new(None, at(0));
        ends.died(at(1));
        assert_eq!(ends.next(), None);
    }

    #[test]
    fn the_first_death_since_a_sweep_ends_next() {
        let mut ends = ends();
        assert_eq!(ends.next(), Some(at(0)), "those of before");
        let sweep = ends.begin(at(60));
        ends.swept(sweep, None);
        assert_eq!(ends.next(), None);
        ends.died(at(3));
        ends.died(at(4));
        assert_eq!(ends.next(), Some(at(13)));
    }

    #[test]
    fn who_dies_while_a_sweep_is_under_way_is_not_forgotten_with_its_answer() {
        let mut ends = ends();
        let sweep = ends.begin(at(60));
        ends.died(at(2));
        ends.swept(sweep, None);
        assert_eq!(ends.next(), Some(at(12)));
        let early = ends.begin(at(60));
        ends.died(at(3));
        let late = ends.begin(at(60));
        ends.swept(late, Some(at(13)));
        ends.swept(early, None);
        assert_eq!(ends.next(), Some(at(13)), "the earlier sweep did not see that death");
    }

    #[test]
    fn a_sweep_that_nobody_hears_of_is_made_again() {
        let mut ends = ends();
        ends.begin(at(60));
        assert_eq!(ends.next(), Some(at(60)));
    }
}
