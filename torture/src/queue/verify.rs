//! `torture queue-verify`: opens the queue again and holds what stands against what was acknowledged.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use serde::Serialize;
use syncline_core::{
    Error, ErrorKind, Result, WallTime,
    port::{
        Claim, Claimed, Clock as _, InHand, Lease, List, Moment, QueueOutcome as Outcome, QueueStorage, Settlement,
        Standing,
    },
    rt::SystemClock,
};

use super::{
    bug::Bug,
    event,
    item::ItemId,
    ledger::{self, Forgives, Found, Judgement, Verdict},
    store::{Kind, Store},
};

/// Items of one page, and of one claim.
const PAGE: usize = 1_000;
/// Calls that empty a queue at most: a lane gives one item a call.
const CALLS_MAX: u32 = 20_000;
/// Later than every lease ends.
const LATER: Duration = Duration::from_secs(3_600);

/// Recovers, looks, judges.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Where the items are
    #[arg(long)]
    storage: Kind,
    /// Directory of the queue
    #[arg(long)]
    dir: PathBuf,
    /// Seed of the directory
    #[arg(long)]
    seed: u64,
    /// What the processes said
    #[arg(long)]
    history: PathBuf,
    /// Power was lost: attempts that were counted since the last sync may be forgotten with it
    #[arg(long)]
    power_lost: bool,
    /// Ends without closing the queue
    #[arg(long)]
    no_close: bool,
    /// A deliberate bug
    #[arg(long, value_parser = Bug::parse)]
    planted: Option<Bug>,
    /// Takes everything out, in order, after the judgement: nobody works on this directory any more
    #[arg(long)]
    drain: bool,
}

impl Args {
    fn forgives(&self) -> Forgives {
        Forgives { power_lost: self.power_lost, overtaking: !self.storage.keeps_levels() }
    }
}

/// What `queue-verify` prints, as one object.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
    /// Time to open.
    recovery_ms: f64,
    /// What broke first, for people.
    examples: &'a [String],
}

/// Prints the verdict; 0 when every promise was kept, 1 when not.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let text = fs::read_to_string(&args.history).map_err(failed("cannot read the history"))?;
    let events = event::parse(&text).map_err(|message| Error::new(ErrorKind::Invalid, message))?;
    let start = SystemClock.now();
    let store = Store::open(args.storage, &args.dir, args.planted.unwrap_or_default())?;
    let took = SystemClock.now().saturating_since(start);
    let now = Moment { wall: SystemClock.wall(), steady: SystemClock.now() };
    let found = store.wait_for(look(&*store.queue, args.seed, now))?;
    let mut judgement = ledger::judge(args.seed, &events, &found, args.forgives());
    if args.drain {
        store.wait_for(drain(&*store.queue, now, found.len(), &mut judgement))?;
    }
    if args.no_close {
        std::mem::forget(store);
    } else {
        store.close()?;
    }
    print(&judgement, took.as_secs_f64() * 1_000.0)?;
    Ok(ExitCode::from(u8::from(!judgement.verdict.holds())))
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::new(ErrorKind::Unavailable, what).with_source(error)
}

/// All that stands.
async fn look(queue: &dyn QueueStorage, seed: u64, now: Moment) -> Result<BTreeMap<ItemId, Found>> {
    let mut all = BTreeMap::new();
    for standing in [Standing::Ready, Standing::Scheduled, Standing::Leased, Standing::Dead] {
        let (list, mut after) = (List::of(standing), None);
        loop {
            let page = queue.list(&list, after, PAGE, now).await?;
            for listed in page.items {
                let stranger = || Error::new(ErrorKind::Corrupt, format!("nobody can have pushed {:?}", listed.id));
                let id: ItemId = listed.id.parse().map_err(|()| stranger())?;
                let stored = queue.get(&listed.id, now).await?.ok_or_else(stranger)?;
                let is_whole = stored.item.body == id.nature(seed).body;
                let found = Found { standing, attempt: stored.item.attempt, is_whole };
                all.insert(id, found);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

/// Takes everything out: what one claim hands out is in order, and nothing stays behind but the dead.
async fn drain(queue: &dyn QueueStorage, now: Moment, most: usize, judgement: &mut Judgement) -> Result<()> {
    let later = Moment {
        wall: WallTime::from_millis(now.wall.as_millis() + u64::try_from(LATER.as_millis()).unwrap_or(0)),
        steady: now.steady + LATER,
    };
    while queue.reap(later).await?.more {}
    let mut taken = 0;
    for _ in 0..CALLS_MAX {
        let claimed = queue
            .claim(Claim { most: PAGE, lease: LATER, aging: None, in_hand: InHand::default() }, later)
            .await?
            .items;
        if claimed.is_empty() {
            break;
        }
        taken += claimed.len();
        if !claimed.windows(2).all(in_order) {
            judgement.verdict.disorder += 1;
            judgement.examples.push("what was left did not come in order".to_owned());
        }
        let complete = |item: Claimed| Settlement {
            lease: Lease { id: item.id, token: Some(item.token) },
            outcome: Outcome::Complete { push: Vec::new() },
        };
        let settlements: Vec<_> = claimed.into_iter().map(complete).collect();
        queue.settle(&settlements, later).await?;
    }
    let stats = queue.stats(later).await?;
    let left: u64 = stats.waiting.iter().chain(&stats.leased).sum();
    let dead: u64 = stats.dead.iter().sum();
    if left > 0 || taken as u64 + dead != most as u64 {
        judgement.verdict.lost += 1;
        judgement
            .examples
            .push(format!("{most} items stood, {taken} came out, {dead} are dead, {left} are left"));
    }
    Ok(())
}

/// By level, then by time, then as they were pushed.
fn in_order(pair: &[Claimed]) -> bool {
    let [first, second] = pair else { return true };
    let (before, after) = ((first.priority, first.eligible_at), (second.priority, second.eligible_at));
    let pushed = |item: &Claimed| item.id.parse::<ItemId>().ok().filter(|id| !id.follows);
    let same =
        |one: ItemId, other: ItemId| (one.run, one.process, one.producer) == (other.run, other.process, other.producer);
    let backwards = match (pushed(first), pushed(second)) {
        (Some(one), Some(other)) => before == after && same(one, other) && one > other,
        _ => false,
    };
    before <= after && !backwards
}

fn print(judgement: &Judgement, recovery_ms: f64) -> Result<()> {
    let report = Report { verdict: &judgement.verdict, recovery_ms, examples: &judgement.examples };
    let line = serde_json::to_string(&report)
        .map_err(|error| Error::new(ErrorKind::Invalid, "the verdict has no text form").with_source(error))?;
    writeln!(io::stdout(), "{line}").map_err(failed("cannot print the verdict"))
}
