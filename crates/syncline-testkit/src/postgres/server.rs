//! A server, from its making to its end.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;
use syncline_core::{port::Clock as _, rt::SystemClock};

use super::{account::Account, programs, reaper::Reaper, signals};

/// Longest that a server may take until it answers. Recovery after a kill is part of it, on a machine that is busy.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// Between two questions whether it answers.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// Bytes of its log that an error repeats.
const LOG_BYTES: usize = 2_000;
/// Returns once they have ended; the number is milliseconds.
const DISCONNECT: &str = "select pg_terminate_backend(pid, 60000) from pg_stat_activity \
     where backend_type = 'client backend' and pid <> pg_backend_pid()";
/// Small, so that many stand beside each other.
const SETTINGS: [&str; 5] = [
    "listen_addresses=",
    "shared_buffers=16MB",
    "max_connections=100",
    "max_wal_size=256MB",
    "log_min_messages=warning",
];

/// A PostgreSQL server of this process alone, which syncs what it commits. Dropped, it is killed and its files are removed.
///
/// # Examples
///
/// ```no_run
/// use syncline_testkit::PostgresServer;
///
/// let server = PostgresServer::start()?;
/// let url = server.database()?;
/// // … work at `url` …
/// server.kill();
/// server.restart()?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    dir: PathBuf,
    account: Option<Account>,
    process: Mutex<Option<Child>>,
    databases: AtomicU64,
    /// Whether it syncs what it commits.
    syncs: bool,
    // Last: it removes the directory once nothing runs in it.
    _reaper: Reaper,
}

impl PostgresServer {
    /// Makes a server and starts it; it answers when this returns. Blocks.
    ///
    /// # Errors
    ///
    /// When no PostgreSQL is installed, there is no account to run it as, or it does not answer in time: with its log.
    pub fn start() -> io::Result<Self> {
        Self::start_that(true)
    }

    /// The same server, but for what it syncs: nothing. For long tests of what it answers, which never ends it in the middle.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_without_sync() -> io::Result<Self> {
        Self::start_that(false)
    }

    fn start_that(syncs: bool) -> io::Result<Self> {
        let programs = programs::directory()?;
        let dir = tempfile::Builder::new().prefix("pg").tempdir()?;
        let account = Account::for_owner_of(dir.path())?;
        if let Some(account) = account {
            account.give(dir.path())?;
        }
        // Resolved, for the reaper compares it. From here on the reaper removes it.
        let dir = fs::canonicalize(dir.keep())?;
        let reaper = Reaper::start(&dir)?;
        let server = Self {
            programs,
            dir,
            account,
            process: Mutex::new(None),
            databases: AtomicU64::new(0),
            syncs,
            _reaper: reaper,
        };
        server.make()?;
        server.restart()?;
        Ok(server)
    }

    /// The server that all tests of this process share; started by the first who asks. Each takes a
    /// [`database`](Self::database) of its own, and nobody kills it.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn shared() -> io::Result<&'static Self> {
        static SHARED: OnceLock<Result<PostgresServer, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::start().map_err(|error| error.to_string()));
        shared.as_ref().map_err(|error| io::Error::other(error.clone()))
    }

    /// Makes an empty database and gives its URL. Blocks.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn database(&self) -> io::Result<String> {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run(self.program("createdb").arg("-h").arg(&self.dir).args(["-U", "postgres", &name]))?;
        Ok(format!("postgres://postgres@localhost/{name}?host={}", self.dir.display()))
    }

    /// Kills the server and all its processes at once, as `kill -9` does. What it had not synced is in the page cache still.
    pub fn kill(&self) {
        if let Some(mut process) = self.process().take() {
            signals::kill(process.id(), &self.data());
            process.wait().ok();
        }
    }

    /// [Kills](Self::kill) it after a moment. Blocks.
    pub fn kill_after(&self, moment: Duration) {
        SystemClock.block_until(SystemClock.now() + moment);
        self.kill();
    }

    /// Starts it again, on the same files and at the same URL, and waits until it answers; one that runs is left alone. Blocks.
    ///
    /// # Errors
    ///
    /// When it does not answer in time: with its log.
    pub fn restart(&self) -> io::Result<()> {
        let deadline = SystemClock.now() + READY_WITHIN;
        while !self.is_running() || !self.answers() {
            if SystemClock.now() >= deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("postgres does not answer: {}", self.log()),
                ));
            }
            SystemClock.block_until(SystemClock.now() + ASK_EVERY);
        }
        Ok(())
    }

    /// Ends every connection, and with it what a client that was killed had sent and nobody will wait for. Blocks.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn disconnect(&self) -> io::Result<()> {
        let mut psql = self.program("psql");
        psql.arg("-h")
            .arg(&self.dir)
            .args(["-U", "postgres", "-d", "postgres", "-qAt", "-c", DISCONNECT]);
        self.run(&mut psql)
    }

    /// Stops all its processes where they are: connections stay open and nobody answers, until it is [resumed](Self::resume).
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Where it keeps its files, and its socket.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn make(&self) -> io::Result<()> {
        let mut initdb = self.program("initdb");
        // Nothing is lost with a server that was never started.
        initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=postgres"]);
        self.run(initdb.arg("-D").arg(self.data()))
    }

    /// Whether its process is there, which is started where it is not: it may refuse while processes of the one before end.
    fn is_running(&self) -> bool {
        let mut process = self.process();
        let runs = process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)));
        if !runs {
            *process = self.spawn().ok();
        }
        process.is_some()
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.dir);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        if !self.syncs {
            command.args(["-c", "fsync=off"]);
        }
        let log = File::options().create(true).append(true).open(self.log_path())?;
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()
    }

    fn answers(&self) -> bool {
        let mut ask = self.program("pg_isready");
        ask.arg("-q").arg("-h").arg(&self.dir).args(["-U", "postgres", "-d", "postgres"]);
        self.run(&mut ask).is_ok()
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &*self.process() {
            signals::send(process.id(), &self.data(), signal);
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The end of its log.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        log.get(log.ceil_char_boundary(log.len().saturating_sub(LOG_BYTES))..)
            .unwrap_or_default()
            .to_owned()
    }

    /// A program of the server's, in its directory and under its account.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.dir).stdin(Stdio::null());
        // What is set for the user's own server is not for this one.
        for variable in ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGOPTIONS", "PGDATA", "PGSERVICE"] {
            command.env_remove(variable);
        }
        if let Some(account) = self.account {
            account.run_as(&mut command);
        }
        command
    }

    /// Runs `command` to its end.
    fn run(&self, command: &mut Command) -> io::Result<()> {
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!("{command:?}: {}: {said}", output.status)))
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
    }
}
