//! `torture write`: submits from several threads and prints each answer as soon as it has it, until it is done or dies.

use std::{
    collections::VecDeque,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use syncline_core::{Error, ErrorKind, Result, rt};
use syncline_journal::{Commit, Durability, Entry, Journal, Owner, Stream, planted::Planted};

use crate::{
    directory,
    history::Event,
    payload::{self, Part, STREAMS, TxId},
};

/// Answers with an error after which a thread gives up.
const FAILURES_MAX: u32 = 24;
/// A writer that is not done by then hangs: some waiter was never woken.
const DEADLINE: Duration = Duration::from_secs(60);

/// Writes until done, or until somebody ends it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Directory of the journal
    #[arg(long)]
    dir: PathBuf,
    /// Seed of the directory: contents and settings follow from it
    #[arg(long)]
    seed: u64,
    /// Number of this run; no two runs on one directory have the same
    #[arg(long, default_value_t = 0)]
    run: u32,
    /// Threads that submit
    #[arg(long, default_value_t = 4)]
    threads: u16,
    /// Transactions of each thread
    #[arg(long, default_value_t = 1_000)]
    records: u64,
    /// Transactions that each thread keeps in flight
    #[arg(long, default_value_t = 8)]
    window: u32,
    /// Of 100 transactions, how many ask for no more than the system's memory
    #[arg(long, default_value_t = 0)]
    buffered_percent: u64,
    /// Ends without closing the journal
    #[arg(long)]
    no_close: bool,
    /// A deliberate bug
    #[arg(long, alias = "fault", value_parser = directory::planted)]
    planted: Option<Planted>,
}

/// Runs the writer; 0 when everything was submitted, 1 when the journal stopped it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let (done, wait) = sync_channel(1);
    let args = args.clone();
    let writer = rt::thread("torture-write", move || {
        // A receiver that is gone has given up on us and said so.
        done.send(write(&args)).unwrap_or_default();
    })
    .map_err(|error| Error::new(ErrorKind::Unavailable, "no thread to write from").with_source(error))?;
    match wait.recv_timeout(DEADLINE) {
        Ok(outcome) => {
            writer.join()?;
            outcome.map(|failed| ExitCode::from(u8::from(failed)))
        }
        Err(RecvTimeoutError::Timeout) => {
            say(&Event::Violation(format!("no end after {} s: a waiter was not woken", DEADLINE.as_secs())));
            Ok(ExitCode::FAILURE)
        }
        Err(RecvTimeoutError::Disconnected) => {
            say(&Event::Violation("the writer panicked".to_owned()));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Whether any transaction failed.
fn write(args: &Args) -> Result<bool> {
    let disk = directory::disk(&args.dir)?;
    let opened = Journal::open(disk, directory::config(args.seed, args.planted)?)?;
    let journal = Arc::new(opened.journal);
    let streams = STREAMS.map(|name| journal.stream(name, Arc::new(Nobody)));
    let [a, b] = streams;
    let writer = Arc::new(Writer {
        args: args.clone(),
        streams: [a?, b?],
        journal,
        poisoned: AtomicBool::new(false),
        failures: AtomicU32::new(0),
    });
    say(&Event::Run { run: args.run, threads: args.threads, window: args.window });
    let threads: Vec<_> = (0..args.threads)
        .map(|thread| {
            let writer = Arc::clone(&writer);
            rt::thread(&format!("torture-{thread}"), move || writer.submit_all(thread))
        })
        .collect::<io::Result<_>>()
        .map_err(|error| Error::new(ErrorKind::Unavailable, "no thread to submit from").with_source(error))?;
    threads.into_iter().try_for_each(rt::Thread::join)?;
    let failed = writer.failures.load(Ordering::Relaxed) > 0;
    finish(writer, args.no_close)?;
    Ok(failed)
}

/// Closes the journal, or leaves it as a killed process would.
fn finish(writer: Arc<Writer>, no_close: bool) -> Result<()> {
    let poisoned = writer.poisoned.load(Ordering::Acquire);
    if no_close {
        std::mem::forget(writer);
        return Ok(());
    }
    match writer.journal.close() {
        // That a poisoned journal does not close well is as it should be.
        Err(_) if poisoned => Ok(()),
        closed => closed,
    }
}

/// The writer needs nothing of what stands.
struct Nobody;

impl Owner for Nobody {
    fn apply(&self, _: Entry) {}
}

struct Writer {
    args: Args,
    journal: Arc<Journal>,
    streams: [Stream; STREAMS.len()],
    /// Set once an answer said that the journal is poisoned: nothing submitted later may be acknowledged.
    poisoned: AtomicBool,
    failures: AtomicU32,
}

struct InFlight {
    thread: u16,
    n: u64,
    durability: Durability,
    submitted_poisoned: bool,
    commit: Commit,
}

impl Writer {
    fn submit_all(&self, thread: u16) {
        let window = usize::try_from(self.args.window.max(1)).unwrap_or(usize::MAX);
        let mut in_flight = VecDeque::new();
        let mut failures = 0;
        for n in 0..self.args.records {
            if in_flight.len() >= window
                && let Some(oldest) = in_flight.pop_front()
            {
                failures += self.settle(oldest);
            }
            match self.submit(thread, n) {
                Ok(submitted) => in_flight.push_back(submitted),
                Err(error) => failures += self.failed(thread, n, &error),
            }
            if failures >= FAILURES_MAX {
                break;
            }
        }
        for submitted in in_flight {
            self.settle(submitted);
        }
    }

    fn submit(&self, thread: u16, n: u64) -> Result<InFlight> {
        let id = TxId { run: self.args.run, thread, n };
        let submitted_poisoned = self.poisoned.load(Ordering::Acquire);
        let durability = self.durability(id);
        let mut transaction = self.journal.transaction();
        for index in 0..payload::parts(self.args.seed, id) {
            let part = Part { id, index };
            let bytes = payload::encode(self.args.seed, part);
            let Some(stream) = self.streams.get(payload::stream(part)) else { continue };
            transaction.stage(stream, bytes)?;
        }
        let commit = transaction.commit(durability)?;
        Ok(InFlight { thread, n, durability, submitted_poisoned, commit })
    }

    fn durability(&self, id: TxId) -> Durability {
        let draw = payload::Dice::new(self.args.seed ^ id.n ^ u64::from(id.thread) << 48).below(100);
        if draw < self.args.buffered_percent {
            Durability::Buffered
        } else {
            Durability::Sync
        }
    }

    /// Waits for one answer and prints it; 1 when it is an error.
    fn settle(&self, submitted: InFlight) -> u32 {
        let InFlight { thread, n, durability, submitted_poisoned, commit } = submitted;
        match commit.wait() {
            Ok(_) => {
                say(&match durability {
                    Durability::Sync => Event::Acked(thread, n),
                    Durability::Buffered => Event::Buffered(thread, n),
                });
                if submitted_poisoned {
                    let id = TxId { run: self.args.run, thread, n };
                    say(&Event::Violation(format!("{id} was acknowledged by a poisoned journal")));
                }
                0
            }
            Err(error) => self.failed(thread, n, &error),
        }
    }

    fn failed(&self, thread: u16, n: u64, error: &Error) -> u32 {
        let nothing_written =
            matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Full | ErrorKind::Throttled { .. });
        if matches!(error.kind(), ErrorKind::Poisoned | ErrorKind::Unknown) {
            self.poisoned.store(true, Ordering::Release);
        }
        if self.failures.fetch_add(1, Ordering::Relaxed) == 0 {
            complain(error);
        }
        say(&if nothing_written {
            Event::Refused(thread, n)
        } else {
            Event::Failed(thread, n)
        });
        1
    }
}

/// One event in one system call, so that a line is out as a whole or not at all.
fn say(event: &Event) {
    let line = format!("{event}\n");
    // A reader that is gone counts what it has; the writer's end is its business.
    io::stdout().lock().write_all(line.as_bytes()).unwrap_or_default();
}

fn complain(error: &Error) {
    writeln!(io::stderr(), "torture: {error:?}").unwrap_or_default();
}
