//! `torture queue-work`: producers and workers on one queue, until somebody ends the process.

use std::{
    io,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use syncline_core::{
    Error, ErrorKind, Result,
    port::{
        Admission, Claim, Claimed, Clock as _, InHand, Lease, Moment, NewItem, Pushed, QueueOutcome as Outcome,
        Settled, Settlement,
    },
    rt::{self, SystemClock},
};

use super::{
    bug::Bug,
    event::{Event, Teller},
    item::{Fate, ItemId},
    store::{Kind, Store},
};
use crate::payload::Dice;

/// Items that live at most, so that workers get to the end of what is pushed.
const ROOM: Admission = Admission { capacity: 500, unique_ids: true };
/// How long one that found nothing to do waits for news of this process; it is not told of what others did.
const NEWS_AFTER: Duration = Duration::from_millis(1);
/// A process that is not killed ends by itself then.
const LONGEST: Duration = Duration::from_secs(30);

/// Pushes and works until somebody ends it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Where the items are
    #[arg(long)]
    storage: Kind,
    /// Directory of the queue
    #[arg(long)]
    dir: PathBuf,
    /// Seed of the directory: what its items are follows from it
    #[arg(long)]
    seed: u64,
    /// Number of this run; no two runs on one directory have the same
    #[arg(long, default_value_t = 0)]
    run: u32,
    /// Number of this process in its run
    #[arg(long, default_value_t = 0)]
    process: u16,
    /// File that all that happens is appended to; the output without one
    #[arg(long)]
    history: Option<PathBuf>,
    /// Threads that push
    #[arg(long, default_value_t = 2)]
    producers: u16,
    /// Threads that work
    #[arg(long, default_value_t = 3)]
    workers: u16,
    /// Ends after so many milliseconds
    #[arg(long)]
    millis: Option<u64>,
    /// A deliberate bug
    #[arg(long, value_parser = Bug::parse)]
    planted: Option<Bug>,
}

/// Runs until the process is killed, or its time is over.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let failed = |error| Error::new(ErrorKind::Unavailable, "no history").with_source(error);
    let teller = Teller::open(args.history.as_deref()).map_err(failed)?;
    let store = Store::open(args.storage, &args.dir, args.planted.unwrap_or_default())?;
    teller.say(&Event::Run(args.run, args.process));
    let party = Arc::new(Party {
        args: args.clone(),
        store,
        teller,
        ended: Mutex::new(false),
        news: Condvar::new(),
    });
    let threads = start(&party).map_err(|error| Error::new(ErrorKind::Unavailable, "no thread").with_source(error))?;
    let longest = args.millis.map_or(LONGEST, Duration::from_millis);
    let over = SystemClock.now() + longest;
    while SystemClock.now() < over {
        party.await_news(over.saturating_since(SystemClock.now()));
    }
    party.end();
    threads.into_iter().try_for_each(rt::Thread::join)?;
    // The threads have let go of it.
    if let Some(party) = Arc::into_inner(party) {
        party.store.close()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn start(party: &Arc<Party>) -> io::Result<Vec<rt::Thread>> {
    let mut threads = Vec::new();
    for producer in 0..party.args.producers {
        let party = Arc::clone(party);
        threads.push(rt::thread(&format!("producer-{producer}"), move || party.produce(producer))?);
    }
    for worker in 0..party.args.workers {
        let party = Arc::clone(party);
        threads.push(rt::thread(&format!("worker-{worker}"), move || party.work(worker))?);
    }
    Ok(threads)
}

/// What all threads share.
struct Party {
    args: Args,
    store: Store,
    teller: Teller,
    ended: Mutex<bool>,
    /// Something was pushed or settled, or the end has come.
    news: Condvar,
}

fn now() -> Moment {
    Moment { wall: SystemClock.wall(), steady: SystemClock.now() }
}

impl Party {
    fn goes_on(&self) -> bool {
        !*self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.news.notify_all();
    }

    fn await_news(&self, most: Duration) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // Woken or not, the caller looks again.
        drop(self.news.wait_timeout(ended, most));
    }

    fn accuse(&self, words: String) {
        self.teller.say(&Event::Violation(words));
    }

    /// A call failed. One that nobody can be blamed for is made again, after others had their turn; otherwise it is a witness.
    fn goes_on_after(&self, what: &str, error: &Error) -> bool {
        if self.args.storage.may_fail(error) {
            self.await_news(NEWS_AFTER);
            return true;
        }
        self.accuse(format!("{what} failed on a sound disk: {error:?}"));
        false
    }

    fn produce(&self, producer: u16) {
        let Args { seed, run, process, .. } = self.args;
        let mut dice = Dice::new(seed ^ u64::from(run) << 20 ^ u64::from(process) << 8 ^ u64::from(producer));
        let mut n = 0;
        while self.goes_on() {
            let count = 1 + dice.below(4);
            let ids: Vec<_> = (n..n + count).map(|n| ItemId { run, process, producer, follows: false, n }).collect();
            let items: Vec<NewItem> = ids.iter().map(|id| id.item(seed)).collect();
            match self.store.wait_for(self.store.queue.push(&items, ROOM, now())) {
                Ok(told) => {
                    n += count;
                    self.pushed(&ids, &told);
                    self.news.notify_all();
                }
                Err(error) if error.kind() == ErrorKind::Full => self.await_news(NEWS_AFTER),
                // It may be there or not: nothing that comes after it may rest on it.
                Err(error) => {
                    n += count;
                    if !self.goes_on_after("a push", &error) {
                        return;
                    }
                }
            }
        }
    }

    fn pushed(&self, ids: &[ItemId], told: &[Pushed]) {
        for (id, told) in ids.iter().zip(told) {
            match told {
                Pushed::Inserted => self.teller.say(&Event::Acked(*id)),
                Pushed::Duplicate { id: other } => self.accuse(format!("{id} was new, and is told to be {other}")),
            }
        }
    }

    fn work(&self, worker: u16) {
        let Args { seed, run, process, storage, .. } = self.args;
        let mut dice = Dice::new(!seed ^ u64::from(run) << 20 ^ u64::from(process) << 8 ^ u64::from(worker));
        while self.goes_on() {
            if dice.below(16) == 0
                && let Err(error) = self.store.wait_for(self.store.queue.reap(now()))
                && !self.goes_on_after("upkeep", &error)
            {
                return;
            }
            let most = 1 + usize::try_from(dice.below(3)).unwrap_or(0);
            let claim = Claim { most, lease: storage.lease(), aging: None, in_hand: InHand::default() };
            match self.store.wait_for(self.store.queue.claim(claim, now())) {
                Ok(handed) if handed.items.is_empty() => self.await_news(NEWS_AFTER),
                Ok(handed) => {
                    self.settle_all(&handed.items);
                    self.news.notify_all();
                }
                Err(error) if self.goes_on_after("a claim", &error) => {}
                Err(_) => return,
            }
        }
    }

    fn settle_all(&self, claimed: &[Claimed]) {
        let places: Vec<_> = claimed.iter().map(|item| (item.priority, item.eligible_at)).collect();
        for item in claimed {
            match item.id.parse() {
                Ok(id) => self.teller.say(&Event::Handed(id, item.attempt, item.token)),
                Err(()) => self.accuse(format!("{:?} was handed out, and nobody pushed it", item.id)),
            }
        }
        if !places.is_sorted() {
            self.accuse(format!("one claim handed out {places:?}, which is out of order"));
        }
        for item in claimed {
            if let Ok(id) = item.id.parse() {
                self.settle(id, item);
            }
        }
    }

    fn settle(&self, id: ItemId, item: &Claimed) {
        let nature = id.nature(self.args.seed);
        if nature.body != item.body || item.attempt > nature.max_attempts {
            self.accuse(format!("{id} was handed out as {item:?}"));
        }
        let outcome = match nature.fate(item.attempt) {
            Fate::Complete => Outcome::Complete { push: Vec::new() },
            Fate::Follow => Outcome::Complete { push: vec![id.follower().item(self.args.seed)] },
            Fate::Retry => Outcome::Retry { at: now().wall, error: "it fails now and then".to_owned() },
            Fate::Reject => Outcome::Reject { error: "it cannot succeed".to_owned() },
            Fate::Forget => return,
        };
        let completes = matches!(outcome, Outcome::Complete { .. });
        if completes {
            self.teller.say(&Event::Settling(id));
        }
        let settlement = Settlement { lease: Lease { id: item.id.clone(), token: Some(item.token) }, outcome };
        match self.store.wait_for(self.store.queue.settle(&[settlement], now())) {
            Ok(told) if completes && told == [Settled::Completed] => self.teller.say(&Event::Done(id, item.token)),
            Ok(_) => {}
            // It may have happened or not; if not, its lease ends.
            Err(error) => drop(self.goes_on_after("a settlement", &error)),
        }
    }
}
