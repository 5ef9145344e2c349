//! One directory that is written and verified again and again, with the history of it that the runner keeps outside.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    process::{self, Ended},
    score::Verdict,
};
use crate::{error::Result, torture};

/// A directory under torture.
#[derive(Debug)]
pub struct Arena {
    binary: PathBuf,
    path: PathBuf,
    seed: u64,
    /// A deliberate bug, for a control.
    planted: Option<&'static str>,
    runs: u32,
    /// Acknowledgements that an earlier verification counted.
    acknowledged: u64,
}

/// How one writer runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Workload {
    /// Transactions of each of its threads.
    pub records: u64,
    /// Transactions that each thread keeps in flight.
    pub window: u64,
    /// Of 100, how many ask for `Buffered`.
    pub buffered_percent: u64,
    /// Ends without closing, should it get that far.
    pub no_close: bool,
}

/// What a verification gave.
#[derive(Debug)]
pub enum Verified {
    /// The directory opened, and this stands.
    Judged {
        /// The judgement.
        verdict: Verdict,
        /// Acknowledgements of it that were judged before.
        acknowledged_before: u64,
    },
    /// The verifier did not get that far: its complaint.
    Refused(String),
}

impl Arena {
    /// An empty directory below `parent`, to be written by `binary` with `seed`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn new(binary: &Path, parent: &Path, seed: u64) -> Result<Self> {
        let path = parent.join(format!("{seed:016x}"));
        remove(&path)?;
        fs::create_dir_all(&path)?;
        fs::write(path.join("history"), "")?;
        Ok(Self {
            binary: binary.to_path_buf(),
            path,
            seed,
            planted: None,
            runs: 0,
            acknowledged: 0,
        })
    }

    /// The same, all its processes with this deliberate bug.
    pub fn with_planted(self, bug: &'static str) -> Self {
        Self { planted: Some(bug), ..self }
    }

    /// Tells the person who watches what is wrong, unless it is meant to be.
    pub fn tell(&self, what: &str) {
        if self.planted.is_none() {
            eprintln!("  {}: {what}", self.path.display());
        }
    }

    /// The command of the next writer.
    pub fn writer(&mut self, workload: Workload) -> Vec<String> {
        let mut words = self.words("write");
        for (option, value) in [
            ("--run", u64::from(self.runs)),
            ("--records", workload.records),
            ("--window", workload.window),
            ("--buffered-percent", workload.buffered_percent),
        ] {
            words.extend([option.to_owned(), value.to_string()]);
        }
        if workload.no_close {
            words.push("--no-close".to_owned());
        }
        self.runs += 1;
        words
    }

    /// Runs the words of [`Arena::writer`], perhaps led by those of another program, and notes the answers it printed.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write(&self, words: &[String], after: Option<Duration>) -> Result<Ended> {
        let ended = process::run(&mut command(words), after, &self.complaints())?;
        self.note(&ended.lines)?;
        Ok(ended)
    }

    /// Starts a verification and kills it, so that a later one recovers what recovery left.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn interrupt_recovery(&self, after: Duration) -> Result<()> {
        process::run(&mut command(&self.verifier(false)), Some(after), &self.complaints())?;
        Ok(())
    }

    /// Opens it again and judges what stands.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn verify(&mut self, no_close: bool) -> Result<Verified> {
        let ended = process::run(&mut command(&self.verifier(no_close)), None, &self.complaints())?;
        let judged = matches!(ended.status.code(), Some(0 | 1));
        let Some(verdict) = Verdict::parse(&ended.lines).filter(|_| judged) else {
            return Ok(Verified::Refused(format!("{}: {}", ended.status, self.complaint())));
        };
        let census: String = ended
            .lines
            .lines()
            .filter(|line| line.starts_with("C "))
            .map(|l| format!("{l}\n"))
            .collect();
        self.note(&census)?;
        let acknowledged_before = std::mem::replace(&mut self.acknowledged, verdict.acknowledged);
        Ok(Verified::Judged { verdict, acknowledged_before })
    }

    /// What the last process complained of.
    pub fn complaint(&self) -> String {
        // Without a file there was no complaint.
        fs::read_to_string(self.complaints()).unwrap_or_default().trim().to_owned()
    }

    /// Deletes it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove(self) -> Result<()> {
        remove(&self.path)
    }

    fn verifier(&self, no_close: bool) -> Vec<String> {
        let mut words = self.words("verify");
        words.extend(["--history".to_owned(), self.path.join("history").display().to_string()]);
        if no_close {
            words.push("--no-close".to_owned());
        }
        words
    }

    fn words(&self, what: &str) -> Vec<String> {
        let dir = self.path.join("journal").display().to_string();
        let binary = self.binary.display().to_string();
        let seed = self.seed.to_string();
        let words = [&binary, what, "--dir", &dir, "--seed", &seed].map(str::to_owned);
        let planted = self.planted.iter().flat_map(|bug| ["--planted", bug]).map(str::to_owned);
        words.into_iter().chain(planted).collect()
    }

    fn note(&self, lines: &str) -> Result<()> {
        let mut history = OpenOptions::new().append(true).open(self.path.join("history"))?;
        Ok(history.write_all(lines.as_bytes())?)
    }

    fn complaints(&self) -> PathBuf {
        self.path.join("complaints")
    }
}

fn command(words: &[String]) -> Command {
    let (program, arguments) = words.split_first().map_or(("", [].as_slice()), |(first, rest)| (first.as_str(), rest));
    let mut command = torture::command(Path::new(program));
    command.args(arguments);
    command
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
