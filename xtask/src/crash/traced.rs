//! Writers killed at the n-th system call of a kind, or of which that call fails, for every n there is.

use std::{path::Path, process::Stdio};

use super::{
    arena::{Arena, Workload},
    dice::Dice,
    score::Score,
    trial::{self, Death},
};
use crate::{cmd, error::Result};

/// The calls that write to a journal.
const WRITES: &str = "pwrite64,pwritev,pwritev2";

/// What happens at the n-th call, in the words of strace.
const KILL: &str = "signal=KILL";
const EIO: &str = "error=EIO";
const ENOSPC: &str = "error=ENOSPC";

/// Calls of one kind, and what is done to them.
const FAULTS: [(&str, &[&str]); 6] = [
    (WRITES, &[KILL, EIO, ENOSPC]),
    ("fdatasync", &[KILL, EIO, ENOSPC]),
    ("fsync", &[KILL, EIO]),
    ("fallocate,ftruncate", &[KILL, EIO, ENOSPC]),
    ("rename,renameat,renameat2", &[KILL, EIO]),
    ("unlink,unlinkat", &[KILL, EIO]),
];

/// So small that all its calls can be gone through one by one.
const WORKLOAD: Workload = Workload { records: 40, window: 1, buffered_percent: 20, no_close: false };
/// Points in a row that disturbed nobody, after which there are no more of their kind.
const QUIET_MAX: u32 = 3;
/// Runs on one directory before the next one is begun.
const RUNS_ON_ONE: u64 = 16;

/// Why system calls cannot be traced here; `None` when they can.
pub fn unavailable() -> Option<String> {
    let Some(strace) = cmd::find("strace") else { return Some("strace is not installed".to_owned()) };
    let mut probe = cmd::program(strace);
    probe.args(["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=1", "true"]);
    match probe.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("strace may not trace here: {status}")),
        Err(error) => Some(format!("strace does not start: {error}")),
    }
}

/// The deliberate bug that a harness with eyes must see: a transaction that dies between its two frames stands in part.
const CONTROL: &str = "SplitTransaction";
/// Points at which the control must have been seen.
const CONTROL_POINTS: u64 = 60;

/// Goes through the points of each kind in turn, `points` in all at most.
///
/// # Errors
///
/// When a process cannot be run at all. Broken promises are in the score.
pub fn enumerate(binary: &Path, parent: &Path, points: u64, dice: &mut Dice, score: &mut Score) -> Result {
    let mut kinds: Vec<Kind> = FAULTS
        .iter()
        .flat_map(|&(calls, actions)| actions.iter().map(move |&action| Kind { calls, action, next: 1, quiet: 0 }))
        .collect();
    let batch = (points / kinds.len().max(1) as u64).clamp(1, RUNS_ON_ONE);
    let mut left = points;
    while left > 0 && !kinds.is_empty() {
        for kind in &mut kinds {
            let mut arena = Arena::new(binary, parent, dice.word())?;
            let held = kind.advance(&mut arena, batch.min(left), dice, score, &mut left)?;
            if !held {
                eprintln!("  broken by {} at call {} of {}", kind.action, kind.next - 1, kind.calls);
                return Ok(());
            }
            arena.remove()?;
        }
        kinds.retain(|kind| kind.quiet < QUIET_MAX);
    }
    Ok(())
}

/// Whether a journal that writes a transaction in two frames is caught.
///
/// # Errors
///
/// When a process cannot be run at all.
pub fn control(binary: &Path, parent: &Path, dice: &mut Dice) -> Result<bool> {
    for next in 1..=CONTROL_POINTS {
        let mut arena = Arena::new(binary, parent, dice.word())?.with_planted(CONTROL);
        let death = Death::Traced(Kind { calls: WRITES, action: KILL, next, quiet: 0 }.tracer(false));
        let trial = trial::run(&mut arena, WORKLOAD, &death, &mut Score::default())?;
        arena.remove()?;
        if !trial.held {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One kind of fault, and how far it was gone through.
#[derive(Debug)]
struct Kind {
    calls: &'static str,
    action: &'static str,
    next: u64,
    quiet: u32,
}

impl Kind {
    fn advance(
        &mut self,
        arena: &mut Arena,
        runs: u64,
        dice: &mut Dice,
        score: &mut Score,
        left: &mut u64,
    ) -> Result<bool> {
        for _ in 0..runs {
            if self.quiet >= QUIET_MAX {
                break;
            }
            // A disk that fails once and one that fails from then on are different stories.
            let onwards = self.action != KILL && dice.one_in(2);
            let trial = trial::run(arena, WORKLOAD, &Death::Traced(self.tracer(onwards)), score)?;
            self.quiet = if trial.disturbed { 0 } else { self.quiet + 1 };
            self.next += 1;
            *left = left.saturating_sub(1);
            if !trial.held {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn tracer(&self, onwards: bool) -> Vec<String> {
        let Self { calls, action, next, .. } = self;
        let plus = if onwards { "+" } else { "" };
        let inject = format!("inject={calls}:{action}:when={next}{plus}");
        ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", &inject]
            .map(str::to_owned)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_is_in_the_words_of_the_tracer() {
        let kind = Kind { calls: "fdatasync", action: EIO, next: 7, quiet: 0 };
        assert_eq!(kind.tracer(false).last().map(String::as_str), Some("inject=fdatasync:error=EIO:when=7"));
        assert_eq!(kind.tracer(true).last().map(String::as_str), Some("inject=fdatasync:error=EIO:when=7+"));
    }
}
