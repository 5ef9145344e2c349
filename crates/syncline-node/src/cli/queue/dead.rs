//! `queue redrive` and `queue purge`: what becomes of dead items.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use syncline::{Instant, port::Clock as _, rt::SystemClock};

use super::{
    super::{context::Context, import::Interrupt},
    list::{Pages, WhichDead},
    once, unexpected,
};
use crate::{
    exit::{Exit, Failure, Result},
    store::{Access, Ask, Session, Told},
};

/// Items of one step.
const STEP_COUNT: u32 = 100;

/// Give dead items their attempts back
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue redrive report-7 report-8
  syncline queue redrive --error 'no route to host' --rate 50
  syncline queue redrive                                 all of them

Exit status 3: some of those that were named are no dead items; the others were redriven.")]
pub(super) struct Redrive {
    /// Their ids; all that fit the filters when none is named
    #[arg(conflicts_with_all = ["priority", "partition", "min_age", "reason", "error", "rate"])]
    ids: Vec<String>,
    #[command(flatten)]
    which: WhichDead,
    /// Most items a second, so that those who work are not overrun
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
}

/// Throw dead items away
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue purge report-7
  syncline queue purge --reason expired --min-age 7days
  syncline queue purge --all

Exit status 3: some of those that were named are no dead items; the others were thrown away.")]
pub(super) struct Purge {
    /// Their ids
    #[arg(conflicts_with_all = ["priority", "partition", "min_age", "reason", "error"])]
    ids: Vec<String>,
    /// Throw every dead item away
    #[arg(long, conflicts_with_all = ["ids", "priority", "partition", "min_age", "reason", "error"])]
    all: bool,
    #[command(flatten)]
    which: WhichDead,
}

impl Redrive {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let ask = |ids| Ask::Redrive { ids };
        if self.ids.is_empty() && (self.rate.is_some() || !self.which.is_all()) {
            return each(context, queue, &self.which, self.rate, ask, "redriven").await;
        }
        named(context, queue, self.ids, ask, "redriven").await
    }
}

impl Purge {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let ask = |ids| Ask::Purge { ids };
        match (self.ids.is_empty(), self.all, self.which.is_all()) {
            (true, false, true) => Err(Failure::usage("name the items, say which by a filter, or give --all")),
            (true, false, false) => each(context, queue, &self.which, None, ask, "purged").await,
            _ => named(context, queue, self.ids, ask, "purged").await,
        }
    }
}

/// Those that are named; all where none is.
async fn named(
    context: &Context,
    queue: &str,
    ids: Vec<String>,
    ask: impl Fn(Vec<String>) -> Ask,
    what: &str,
) -> Result<Exit> {
    let named = ids.len();
    let Told::Count(count) = once(context, Access::Existing, queue, ask(ids)).await? else {
        return Err(unexpected());
    };
    context.output.either(&json!({ what: count }), || format!("{what}: {count}"))?;
    match named.saturating_sub(count) {
        0 => Ok(Exit::Done),
        missing => {
            let message = format!("{missing} of the {named} named are no dead items of the queue {queue:?}");
            Err(Failure::not_found(message))
        }
    }
}

/// Those that fit, in steps; what was done is said however it ends.
async fn each(
    context: &Context,
    queue: &str,
    which: &WhichDead,
    rate: Option<u32>,
    ask: impl Fn(Vec<String>) -> Ask,
    what: &str,
) -> Result<Exit> {
    let mut interrupt = Interrupt::listen()?;
    let mut session = context.open(Access::Existing).await?;
    let mut count = 0;
    let ended = steps(context, &mut session, queue, which, &Pace::new(rate), ask, &mut count, &mut interrupt).await;
    context.close(session).await;
    context.output.either(&json!({ what: count }), || format!("{what}: {count}"))?;
    ended
}

#[expect(clippy::too_many_arguments, reason = "one loop, called once")]
async fn steps(
    context: &Context,
    session: &mut Session,
    queue: &str,
    which: &WhichDead,
    pace: &Pace,
    ask: impl Fn(Vec<String>) -> Ask,
    count: &mut usize,
    stop: &mut Interrupt,
) -> Result<Exit> {
    let mut pages = Pages::new(queue, which.filter());
    while let Some(jobs) = pages.next(context, session, pace.step()).await? {
        let ids: Vec<String> = jobs.into_iter().map(|job| job.id).collect();
        if ids.is_empty() {
            continue;
        }
        let ask = ask(ids);
        let told = session.ask(async |store| store.queue(queue, ask.clone()).await).await;
        let Told::Count(done) = told.map_err(|error| context.failure(&error))? else {
            return Err(unexpected());
        };
        *count += done;
        tokio::select! {
            biased;
            () = stop.next() => return Ok(Exit::Interrupted),
            () = SystemClock.sleep_until(pace.next_at(*count)) => {}
        }
    }
    Ok(Exit::Done)
}

/// So many items a second, from now on.
struct Pace {
    rate: Option<u32>,
    began: Instant,
}

impl Pace {
    fn new(rate: Option<u32>) -> Self {
        Self { rate, began: SystemClock.now() }
    }

    /// Items of one step: a tenth of a second's.
    fn step(&self) -> usize {
        let step = self.rate.map_or(STEP_COUNT, |rate| (rate / 10).clamp(1, STEP_COUNT));
        usize::try_from(step).unwrap_or(1)
    }

    /// When the next step begins, after `count` items.
    fn next_at(&self, count: usize) -> Instant {
        match self.rate {
            Some(rate) => self.began + Duration::from_secs_f64(count as f64 / f64::from(rate)),
            None => self.began,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_lets_no_more_through_than_its_rate() {
        let pace = Pace::new(Some(50));
        assert_eq!((pace.step(), pace.next_at(25).saturating_since(pace.began)), (5, Duration::from_millis(500)));
        assert_eq!(Pace::new(Some(3)).step(), 1);
        let free = Pace::new(None);
        assert_eq!((free.step(), free.next_at(1_000)), (100, free.began));
    }
}
