//! One queue that is worked on and verified again and again, with the history of it outside.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use super::{
    score::{Score, Verdict},
    server::Server,
};
use crate::{
    crash::{
        dice::Dice,
        process::{self, Ended},
    },
    error::Result,
    torture,
};

/// Where the items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// A journal, which one process has.
    Journal,
    /// A file of SQLite, which several share.
    Sqlite,
    /// A database on a server of PostgreSQL, which is killed as well.
    Postgres,
}

impl Storage {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Journal, Self::Sqlite, Self::Postgres];

    /// As the figures and the binary call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// How many processes work at once.
    const fn processes(self) -> u64 {
        match self {
            Self::Journal => 1,
            Self::Sqlite | Self::Postgres => 4,
        }
    }

    /// Longest that a process works until it is killed, in microseconds: connections to a server take their time.
    const fn longest(self) -> u64 {
        match self {
            Self::Journal | Self::Sqlite => 150_000,
            Self::Postgres => 600_000,
        }
    }

    /// What is killed beside the processes.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn server(self, binary: &Path) -> Result<Option<Server>> {
        match self {
            Self::Journal | Self::Sqlite => Ok(None),
            Self::Postgres => Server::start(binary).map(Some),
        }
    }
}

/// `torture` could not open the queue.
const NOT_OPENED: i32 = 3;
/// One run in so many kills the server too, where there is one.
const SERVER_EVERY: u64 = 3;

/// A directory under torture.
#[derive(Debug)]
pub struct Arena {
    binary: PathBuf,
    path: PathBuf,
    storage: Storage,
    seed: u64,
    /// A deliberate bug, for a control.
    planted: Option<&'static str>,
    runs: u64,
    /// What an earlier verification of it counted.
    before: Verdict,
}

impl Arena {
    /// An empty directory below `parent`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn new(
        binary: &Path,
        parent: &Path,
        (storage, planted): (Storage, Option<&'static str>),
        server: Option<&Server>,
        seed: u64,
    ) -> Result<Self> {
        let path = parent.join(format!("queue-{}-{seed:016x}", storage.name()));
        remove(&path)?;
        fs::create_dir_all(path.join("queue"))?;
        fs::write(path.join("history"), "")?;
        if let Some(server) = server {
            fs::write(path.join("queue/url"), server.url())?;
        }
        let binary = binary.to_path_buf();
        Ok(Self { binary, path, storage, seed, planted, runs: 0, before: Verdict::default() })
    }

    /// One run: processes work, each is killed after a moment of its own, now and then the server as well, and what stands is
    /// verified. Whether all held.
    ///
    /// # Errors
    ///
    /// When a process cannot be run at all.
    pub fn run(
        &mut self,
        dice: &mut Dice,
        mut server: Option<&mut Server>,
        is_last: bool,
        score: &mut Score,
    ) -> Result<bool> {
        let number = self.runs;
        self.runs += 1;
        score.runs += 1;
        let longest = self.storage.longest();
        let after: Vec<_> = (0..self.storage.processes()).map(|_| moment(dice, longest)).collect();
        let falls_after = dice.one_in(SERVER_EVERY).then(|| moment(dice, longest));
        let arena = &*self;
        let ended = thread::scope(|scope| -> Result<Vec<Result<Ended>>> {
            let one = |(process, after)| scope.spawn(move || arena.work(number, process, after));
            let running: Vec<_> = (0..).zip(after).map(one).collect();
            if let Some((server, after)) = server.as_deref_mut().zip(falls_after) {
                server.kill(after)?;
                score.servers_killed += 1;
            }
            let join = |run: thread::ScopedJoinHandle<'_, Result<Ended>>| match run.join() {
                Ok(ended) => ended,
                Err(_) => Err("the watcher of a process panicked".into()),
            };
            Ok(running.into_iter().map(join).collect())
        })?;
        for (process, ended) in (0_u64..).zip(ended) {
            let ended = ended?;
            score.processes += 1;
            score.killed += u64::from(ended.killed);
            // Without a server nothing opens, and whoever was about to open it ends.
            let found_no_server = falls_after.is_some() && ended.status.code() == Some(NOT_OPENED);
            let may_end = ended.killed || ended.status.success() || server.is_some() && found_no_server;
            if !may_end {
                score.refused += 1;
                self.tell(&format!("process {process} ended with {}: {}", ended.status, self.complaint(process)));
                return Ok(false);
            }
        }
        if let Some(server) = server {
            server.disconnect()?;
        }
        self.verify(is_last, score)
    }

    fn work(&self, run: u64, process: u64, after: Duration) -> Result<Ended> {
        let mut command = self.command("queue-work");
        command.args(["--run", &run.to_string(), "--process", &process.to_string()]);
        if let Some(bug) = self.planted {
            command.args(["--planted", bug]);
        }
        process::run(&mut command, Some(after), &self.complaints(process))
    }

    fn verify(&mut self, is_last: bool, score: &mut Score) -> Result<bool> {
        let mut command = self.command("queue-verify");
        command.args(is_last.then_some("--drain"));
        let ended = process::run(&mut command, None, &self.complaints(0))?;
        let judged = matches!(ended.status.code(), Some(0 | 1));
        let Some(verdict) = Verdict::parse(&ended.lines).filter(|_| judged) else {
            score.refused += 1;
            self.tell(&format!("it does not open: {}: {}", ended.status, self.complaint(0)));
            return Ok(false);
        };
        score.add(&verdict, &self.before);
        verdict.examples.iter().for_each(|example| self.tell(example));
        let holds = verdict.holds();
        self.before = verdict;
        Ok(holds)
    }

    fn command(&self, what: &str) -> Command {
        let mut command = torture::command(&self.binary);
        command.args([what, "--storage", self.storage.name(), "--seed", &self.seed.to_string()]);
        command.arg("--dir").arg(self.path.join("queue"));
        command.arg("--history").arg(self.path.join("history"));
        command
    }

    fn complaints(&self, process: u64) -> PathBuf {
        self.path.join(format!("complaints-{process}"))
    }

    fn complaint(&self, process: u64) -> String {
        // Without a file there was no complaint.
        fs::read_to_string(self.complaints(process)).unwrap_or_default().trim().to_owned()
    }

    /// Tells the person who watches what is wrong, unless it is meant to be.
    fn tell(&self, what: &str) {
        if self.planted.is_none() {
            eprintln!("  {}: {what}", self.path.display());
        }
    }

    /// Deletes it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove(self) -> Result<()> {
        remove(&self.path)
    }
}

/// When a process dies: a quarter while they open, the others while they work.
fn moment(dice: &mut Dice, longest: u64) -> Duration {
    let opened = longest / 15;
    let micros = if dice.one_in(4) {
        dice.between(0, opened)
    } else {
        dice.between(opened, longest)
    };
    Duration::from_micros(micros)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
