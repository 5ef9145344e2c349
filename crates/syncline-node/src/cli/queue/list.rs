//! `queue list` and `queue dead`: items as they stand, page by page.

use std::time::Duration;

use clap::{Args, ValueEnum};
use syncline::queue::Priority;

use super::{super::context::Context, record, time, unexpected};
use crate::{
    exit::{Exit, Result},
    output::Output,
    store::{Access, Ask, Filter, Job, Session, Told},
};

/// Items of one page.
const PAGE_COUNT: usize = 200;

/// List items, without their content
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue list
  syncline queue list --state scheduled --priority high --limit 20
  syncline --json queue list | jq -r .id

Without --state these are all that live: pending, scheduled and processing. What waits comes in the order in which it is
handed out. While others change the queue, an item that changes its state meanwhile may come twice or not at all.")]
pub(super) struct List {
    /// Where they stand; may be given more than once
    #[arg(long, value_enum)]
    state: Vec<State>,
    #[command(flatten)]
    which: Which,
    /// Stop after so many items
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

/// Print what will not be tried again, oldest first
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue dead
  syncline queue dead --reason rejected --error 'no such user'
  syncline queue dead --min-age 1day --limit 10")]
pub(super) struct Dead {
    #[command(flatten)]
    which: WhichDead,
    /// Stop after so many items
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    /// It can be handed out.
    Pending,
    /// Its time has not come, or another item of its partition is before it.
    Scheduled,
    /// Somebody works on it.
    Processing,
    /// It will not be tried again.
    Dead,
}

/// Which items are meant.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Which {
    /// Only of this level: critical, high, normal, low or background
    #[arg(long, value_parser = record::priority)]
    priority: Option<Priority>,
    /// Only of this partition
    #[arg(long, value_name = "KEY")]
    partition: Option<String>,
    /// Only what could have been handed out, or is dead, for so long
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    min_age: Option<Duration>,
}

/// Which dead items are meant.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct WhichDead {
    #[command(flatten)]
    which: Which,
    /// Only what died so
    #[arg(long, value_enum)]
    reason: Option<Reason>,
    /// Only what failed with an error that holds this
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
}

/// Why an item is dead.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Reason {
    /// Every attempt failed.
    Exhausted,
    /// Its worker said that no attempt can succeed.
    Rejected,
    /// It was of no use any more.
    Expired,
    /// Its content is damaged.
    Corrupt,
}

impl State {
    pub(super) const LIVE: [Self; 3] = [Self::Scheduled, Self::Pending, Self::Processing];

    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scheduled => "scheduled",
            Self::Processing => "processing",
            Self::Dead => "failed",
        }
    }
}

impl Which {
    pub(super) fn of(&self, state: State) -> Filter {
        Filter {
            status: state.word().to_owned(),
            priority: self.priority.map(Priority::number),
            partition: self.partition.clone(),
            min_age_ms: self.min_age.map(time::millis),
            ..Filter::default()
        }
    }
}

impl WhichDead {
    /// Whether nothing is left out.
    pub(super) fn is_all(&self) -> bool {
        let Self { which: Which { priority, partition, min_age }, reason, error } = self;
        priority.is_none() && partition.is_none() && min_age.is_none() && reason.is_none() && error.is_none()
    }

    pub(super) fn filter(&self) -> Filter {
        let reason = self.reason.map(|reason| match reason {
            Reason::Exhausted => "exhausted",
            Reason::Rejected => "rejected",
            Reason::Expired => "expired",
            Reason::Corrupt => "corrupt",
        });
        Filter {
            reason: reason.map(str::to_owned),
            error: self.error.clone(),
            ..self.which.of(State::Dead)
        }
    }
}

impl List {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let states = if self.state.is_empty() { State::LIVE.to_vec() } else { self.state };
        let filters = states.into_iter().map(|state| self.which.of(state)).collect();
        print(context, queue, filters, self.limit, |output, job| {
            output.either(job, || {
                let level = record::level(job.priority);
                format!("{}\t{}\t{level}\t{} of {} attempts", job.id, job.status, job.attempts, job.max_attempts)
            })
        })
        .await
    }
}

impl Dead {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        print(context, queue, vec![self.which.filter()], self.limit, |output, job| {
            output.either(job, || {
                let error = job.errors.last().map(String::as_str).unwrap_or_default();
                format!("{}\t{} attempts\t{}", job.id, job.attempts, error.lines().last().unwrap_or_default())
            })
        })
        .await
    }
}

async fn print(
    context: &Context,
    queue: &str,
    filters: Vec<Filter>,
    limit: Option<usize>,
    show: impl Fn(Output, &Job) -> Result<()>,
) -> Result<Exit> {
    let mut session = context.open(Access::Existing).await?;
    let mut left = limit.unwrap_or(usize::MAX);
    let listed = async {
        for filter in filters {
            let mut pages = Pages::new(queue, filter);
            while left > 0
                && let Some(jobs) = pages.next(context, &mut session, PAGE_COUNT.min(left)).await?
            {
                left = left.saturating_sub(jobs.len());
                jobs.iter().try_for_each(|job| show(context.output, job))?;
            }
        }
        Ok(Exit::Done)
    }
    .await;
    context.close(session).await;
    listed
}

/// The pages of a list.
pub(super) struct Pages<'a> {
    queue: &'a str,
    filter: Filter,
    after: Option<String>,
    is_over: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn new(queue: &'a str, filter: Filter) -> Self {
        Self { queue, filter, after: None, is_over: false }
    }

    /// The next items, which may be none though more follow; `None` at the end.
    pub(super) async fn next(
        &mut self,
        context: &Context,
        session: &mut Session,
        limit: usize,
    ) -> Result<Option<Vec<Job>>> {
        if self.is_over {
            return Ok(None);
        }
        let ask = Ask::List {
            filter: self.filter.clone(),
            after: self.after.clone(),
            limit: limit.clamp(1, PAGE_COUNT),
        };
        let told = session.ask(async |store| store.queue(self.queue, ask.clone()).await).await;
        let Told::Listed { jobs, next } = told.map_err(|error| context.failure(&error))? else {
            return Err(unexpected());
        };
        self.is_over = next.is_none();
        self.after = next;
        Ok(Some(jobs))
    }
}
