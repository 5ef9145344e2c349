//! One writer and the verification after it, the same for every way to die.

use std::time::Duration;

use super::{
    arena::{Arena, Verified, Workload},
    process::Ended,
    score::Score,
};
use crate::error::Result;

/// `torture write` stopped because the journal failed.
const JOURNAL_FAILED: i32 = 1;
/// `torture` could not open the journal.
const NOT_OPENED: i32 = 3;

/// How a writer comes to its end.
#[derive(Debug, Clone)]
pub enum Death {
    /// Killed after a moment; if it ends before that, all the better.
    Killed(Duration),
    /// Run by this program, which kills it or makes its system calls fail.
    Traced(Vec<String>),
}

/// What one trial showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Every promise was kept.
    pub held: bool,
    /// The writer did not reach its end undisturbed.
    pub disturbed: bool,
}

/// Runs one writer to its death, and one verification. What is wrong is counted, and told to the person who watches.
///
/// # Errors
///
/// When a process cannot be run at all.
pub fn run(arena: &mut Arena, workload: Workload, death: &Death, score: &mut Score) -> Result<Trial> {
    let words = arena.writer(workload);
    let ended = match death {
        Death::Killed(after) => arena.write(&words, Some(*after))?,
        Death::Traced(tracer) => arena.write(&[tracer.as_slice(), &words].concat(), None)?,
    };
    let disturbed = count(&ended, death, score);
    let well_ended = judge_end(arena, &ended, death, score);
    let kept = verify(arena, !workload.no_close, score)?;
    Ok(Trial { held: well_ended && kept, disturbed })
}

fn count(ended: &Ended, death: &Death, score: &mut Score) -> bool {
    let killed = ended.killed || ended.status.code().is_none();
    let failed = ended.status.code().is_some_and(|code| code != 0);
    score.runs += 1;
    score.killed += u64::from(killed);
    score.faulted += u64::from(failed && matches!(death, Death::Traced(_)));
    killed || failed
}

/// A writer may die and, where a fault was injected, give up. It may not panic, nor fail on a sound disk.
fn judge_end(arena: &Arena, ended: &Ended, death: &Death, score: &mut Score) -> bool {
    let fine = match (ended.status.code(), death) {
        (None | Some(0), _) => true,
        (Some(JOURNAL_FAILED | NOT_OPENED), Death::Traced(_)) => true,
        (Some(_), _) => false,
    };
    let complaint = arena.complaint();
    if !fine || complaint.contains("panicked at") {
        score.refused += 1;
        arena.tell(&format!("the writer ended with {}: {complaint}", ended.status));
        return false;
    }
    true
}

fn verify(arena: &mut Arena, no_close: bool, score: &mut Score) -> Result<bool> {
    match arena.verify(no_close)? {
        Verified::Judged { verdict, acknowledged_before } => {
            score.add(&verdict, acknowledged_before);
            verdict.examples.iter().for_each(|example| arena.tell(example));
            Ok(verdict.holds())
        }
        Verified::Refused(complaint) => {
            score.refused += 1;
            arena.tell(&format!("it does not open: {complaint}"));
            Ok(false)
        }
    }
}
