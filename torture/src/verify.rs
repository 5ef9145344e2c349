//! `torture verify`: opens the directory again and holds what stands against what was acknowledged.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use syncline_core::{Error, ErrorKind, Result, port::Clock, rt::SystemClock};
use syncline_journal::{Entry, Journal, Owner, RecoveryReport, planted::Planted};

use crate::{
    directory,
    history::{Event, History},
    ledger::{self, Judgement, Recovered, Verdict},
    payload::STREAMS,
};

/// Recovers, replays, judges.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Directory of the journal
    #[arg(long)]
    dir: PathBuf,
    /// Seed of the directory
    #[arg(long)]
    seed: u64,
    /// What the writers printed, and earlier verifications
    #[arg(long, alias = "acks")]
    history: PathBuf,
    /// Power was lost: acknowledgements of `Buffered` transactions do not bind
    #[arg(long)]
    power_lost: bool,
    /// Ends without closing the journal
    #[arg(long)]
    no_close: bool,
    /// A deliberate bug
    #[arg(long, value_parser = directory::planted)]
    planted: Option<Planted>,
}

/// What `verify` prints last, as one object.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
    /// Bytes cut off a tail.
    torn_bytes: u64,
    /// Time to open and replay.
    recovery_ms: f64,
    /// What broke first, for people.
    examples: &'a [String],
}

/// Prints what stands of each run, then the verdict; 0 when every promise was kept, 1 when not.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let history = read_history(args)?;
    let clock = SystemClock;
    let start = clock.now();
    let (journal, report, entries) = recover(args)?;
    let took = clock.now().saturating_since(start);
    // Not before the clock was read: to make every record again takes longer than to recover it.
    let mut recovered = Recovered::default();
    for (stream, entry) in &entries {
        recovered.take(args.seed, *stream, entry.seq.get(), &entry.payload);
    }
    let judgement = ledger::judge(args.seed, &history, &recovered, args.power_lost);
    print(&judgement, &report, took.as_secs_f64() * 1_000.0)?;
    if args.no_close {
        std::mem::forget(journal);
    } else {
        journal.close()?;
    }
    Ok(ExitCode::from(u8::from(!judgement.verdict.holds())))
}

fn read_history(args: &Args) -> Result<History> {
    let unreadable = |error: io::Error| {
        Error::new(ErrorKind::Invalid, format!("cannot read {}", args.history.display())).with_source(error)
    };
    let text = fs::read_to_string(&args.history).map_err(unreadable)?;
    History::parse(&text).map_err(|message| Error::new(ErrorKind::Invalid, message))
}

/// Records with the index of their stream, in the order in which they were replayed.
type Entries = Vec<(usize, Entry)>;

fn recover(args: &Args) -> Result<(Journal, RecoveryReport, Entries)> {
    let disk = directory::disk(&args.dir)?;
    let opened = Journal::open(disk, directory::config(args.seed, args.planted)?)?;
    let entries = Arc::new(Mutex::new(Entries::new()));
    let mut streams = Vec::new();
    for (stream, name) in STREAMS.iter().enumerate() {
        let collector = Collector { stream, entries: Arc::clone(&entries) };
        streams.push(opened.journal.stream(name, Arc::new(collector))?);
    }
    let entries = std::mem::take(&mut *entries.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((opened.journal, opened.report, entries))
}

struct Collector {
    stream: usize,
    entries: Arc<Mutex<Entries>>,
}

impl Owner for Collector {
    fn apply(&self, entry: Entry) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push((self.stream, entry));
    }
}

fn print(judgement: &Judgement, report: &RecoveryReport, recovery_ms: f64) -> Result<()> {
    let mut text = String::new();
    for (&(run, thread), census) in &judgement.census {
        text.push_str(&format!("{}\n", Event::Census(run, thread, *census)));
    }
    let outcome = Outcome {
        verdict: &judgement.verdict,
        torn_bytes: report.torn.map_or(0, |torn| torn.bytes),
        recovery_ms,
        examples: &judgement.examples,
    };
    let line = serde_json::to_string(&outcome)
        .map_err(|error| Error::new(ErrorKind::Invalid, "the verdict has no text form").with_source(error))?;
    text.push_str(&line);
    text.push('\n');
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Error::new(ErrorKind::Unavailable, "cannot print the verdict").with_source(error))
}
