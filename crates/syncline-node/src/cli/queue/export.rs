//! `queue export`: every item as a line that `queue push --records` reads back.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;
use syncline::rt::os;

use super::{
    super::context::Context,
    list::{Pages, State, Which},
    record, unexpected,
};
use crate::{
    exit::{Exit, Failure, Result},
    output,
    store::{Access, Ask, Job, Session, Told},
    text,
};

/// Items of one page.
const PAGE_COUNT: usize = 200;

/// Print every item that lives, and every dead one, as lines of JSON
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue export > items.ndjson
  syncline queue export --out items.ndjson
  syncline queue export --only live | syncline --dir other queue push --records

Nothing is taken from the queue. Each item comes once, with its content byte for byte; a dead one has \"dead\" and \"errors\",
and pushed again it is new work. With --out the file appears under its name when it is whole, in place of one that was there.

Others may go on meanwhile: what stands still from the first to the last moment is in the export. So is, as a rule, what changed
its state: what lives is looked through twice. What was pushed or ended meanwhile may be in it or not. What was exported, and
how many items ended before their content was read, is said at the end on standard error. An item that cannot be read is
named, and the status is 1.")]
pub(super) struct Export {
    /// File to write; standard output unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only these
    #[arg(long, value_enum)]
    only: Option<Only>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// What waits or is worked on.
    Live,
    /// What will not be tried again.
    Dead,
}

impl Export {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let mut session = context.open(Access::Existing).await?;
        let exported = self.export(context, &mut session, queue).await;
        context.close(session).await;
        exported
    }

    async fn export(&self, context: &Context, session: &mut Session, queue: &str) -> Result<Exit> {
        let target = Target::open(context, self.out.as_deref())?;
        let mut exporter = Exporter { context, session, queue, target, seen: HashSet::new(), sums: Sums::default() };
        let read = exporter.rounds(self.only).await;
        let Exporter { target, sums, .. } = exporter;
        if let Err(failure) = read {
            target.discard();
            return Err(failure);
        }
        target.finish()?;
        output::note(&sums.line(context));
        Ok(if sums.unreadable > 0 { Exit::Failed } else { Exit::Done })
    }
}

/// What was exported.
#[derive(Debug, Default)]
struct Sums {
    live: u64,
    dead: u64,
    ended: u64,
    unreadable: u64,
}

impl Sums {
    fn line(&self, context: &Context) -> String {
        let Self { live, dead, ended, unreadable } = self;
        if context.output.is_json() {
            return json!({ "live": live, "dead": dead, "ended": ended, "unreadable": unreadable }).to_string();
        }
        format!(
            "syncline: exported {} that live and {} that are dead; {ended} ended meanwhile, {unreadable} cannot be read",
            text::plural(*live, "item"),
            text::count(*dead),
        )
    }
}

struct Exporter<'a> {
    context: &'a Context,
    session: &'a mut Session,
    queue: &'a str,
    target: Target<'a>,
    /// Ids that were exported, and whether as dead.
    seen: HashSet<(String, bool)>,
    sums: Sums,
}

impl Exporter<'_> {
    async fn rounds(&mut self, only: Option<Only>) -> Result<()> {
        if only != Some(Only::Dead) {
            // Again: what was begun, or is to be tried again, since its like was read stands elsewhere now.
            for state in State::LIVE.into_iter().chain(State::LIVE) {
                self.all(state).await?;
            }
        }
        match only {
            Some(Only::Live) => Ok(()),
            _ => self.all(State::Dead).await,
        }
    }

    async fn all(&mut self, state: State) -> Result<()> {
        let mut pages = Pages::new(self.queue, Which::default().of(state));
        while let Some(jobs) = pages.next(self.context, self.session, PAGE_COUNT).await? {
            for job in jobs {
                let is_dead = state == State::Dead;
                if !self.seen.contains(&(job.id.clone(), is_dead)) {
                    self.one(job, is_dead).await?;
                }
            }
        }
        Ok(())
    }

    async fn one(&mut self, listed: Job, is_dead: bool) -> Result<()> {
        let (queue, ask) = (self.queue, Ask::Inspect { id: listed.id.clone() });
        let told = self.session.ask(async |store| store.queue(queue, ask.clone()).await).await;
        let job = match told {
            Ok(Told::Job(Some(job))) => *job,
            Ok(Told::Job(None)) => {
                self.sums.ended += 1;
                return Ok(());
            }
            Ok(_) => return Err(unexpected()),
            Err(error) if error.kind() == syncline::ErrorKind::Corrupt => {
                self.unreadable(&listed.id, error.message());
                return Ok(());
            }
            Err(error) => return Err(self.context.failure(&error)),
        };
        let job = match (is_dead, job.status == "failed") {
            // It was exported while it lived.
            (true, true) if self.seen.contains(&(job.id.clone(), false)) => return Ok(()),
            (true, true) => Job { dead: listed.dead, died_at_ms: listed.died_at_ms, errors: listed.errors, ..job },
            // Its id is that of a newer item, which hides it.
            (true, false) => {
                self.unreadable(&listed.id, "the id of this dead item is that of a newer one");
                return Ok(());
            }
            // It died meanwhile, and comes with the dead.
            (false, true) => return Ok(()),
            (false, false) => Job { errors: listed.errors, ..job },
        };
        self.target.write(&record::line(&job)?)?;
        self.seen.insert((job.id, is_dead));
        *if is_dead { &mut self.sums.dead } else { &mut self.sums.live } += 1;
        Ok(())
    }

    fn unreadable(&mut self, id: &str, reason: &str) {
        self.sums.unreadable += 1;
        output::note(&format!("syncline: {id}: {reason}"));
    }
}

/// Where lines go.
enum Target<'a> {
    Output(&'a Context),
    File {
        path: PathBuf,
        unfinished: PathBuf,
        file: BufWriter<File>,
    },
}

impl<'a> Target<'a> {
    fn open(context: &'a Context, path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Output(context)) };
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!(".{}.unfinished", os::process_id()));
        let unfinished = PathBuf::from(unfinished);
        let file = os::private_file().write(true).create_new(true).open(&unfinished);
        let file = file.map_err(|error| Failure::file("cannot write", &unfinished, &error))?;
        Ok(Self::File { path: path.to_owned(), unfinished, file: BufWriter::new(file) })
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        match self {
            Self::Output(context) => context.output.bytes(line),
            Self::File { unfinished, file, .. } => {
                file.write_all(line).map_err(|error| Failure::file("cannot write", unfinished, &error))
            }
        }
    }

    /// Nothing has its name.
    fn discard(self) {
        if let Self::File { unfinished, .. } = self
            && let Err(error) = fs::remove_file(&unfinished)
        {
            output::note(&format!("syncline: cannot remove {}: {error}", unfinished.display()));
        }
    }

    /// The file has its name from now on, also after loss of power.
    fn finish(self) -> Result<()> {
        let Self::File { path, unfinished, mut file } = self else { return Ok(()) };
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let finished = file
            .flush()
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| fs::rename(&unfinished, &path))
            .and_then(|()| os::sync_dir(dir));
        finished.map_err(|error| Failure::file("cannot write", &path, &error))
    }
}
