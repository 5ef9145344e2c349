//! What is known from outside of a directory's past: one short line an event, written by the writer and the verifier.
//!
//! ```text
//! R <run> <threads> <window>             a run of the writer begins
//! A <thread> <n>                         acknowledged: on disk
//! B <thread> <n>                         acknowledged: written to the system, lost with power
//! F <thread> <n>                         failed: it may be there or not, as a whole
//! N <thread> <n>                         refused: it is nowhere
//! X <words>                              the writer saw what must never be
//! C <run> <thread> <count> <digest>      what the verifier found of a run; from then on it never changes
//! ```

use std::{collections::BTreeMap, fmt};

use crate::payload::TxId;

/// One event, which is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A run of the writer begins.
    Run {
        /// Its number.
        run: u32,
        /// How many threads submit.
        threads: u16,
        /// How many transactions each keeps in flight at most.
        window: u32,
    },
    /// The transaction is on disk.
    Acked(u16, u64),
    /// The transaction is with the system.
    Buffered(u16, u64),
    /// The transaction was answered with an error that leaves its outcome open.
    Failed(u16, u64),
    /// The transaction was answered with an error that says nothing was written.
    Refused(u16, u64),
    /// The writer saw what must never be.
    Violation(String),
    /// What stood of a run after it was recovered.
    Census(u32, u16, Census),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { run, threads, window } => write!(f, "R {run} {threads} {window}"),
            Self::Acked(thread, n) => write!(f, "A {thread} {n}"),
            Self::Buffered(thread, n) => write!(f, "B {thread} {n}"),
            Self::Failed(thread, n) => write!(f, "F {thread} {n}"),
            Self::Refused(thread, n) => write!(f, "N {thread} {n}"),
            Self::Violation(words) => write!(f, "X {}", words.replace('\n', " ")),
            Self::Census(run, thread, census) => {
                write!(f, "C {run} {thread} {} {:016x}", census.count, census.digest)
            }
        }
    }
}

/// Transactions of one thread in one run that a recovery found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// How many.
    pub count: u64,
    /// Which, folded into a word.
    pub digest: u64,
}

/// The answer to one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Must be there after any crash.
    Acked,
    /// Must be there unless power was lost.
    Buffered,
    /// May be there.
    Failed,
    /// Must not be there.
    Refused,
}

/// One run of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// How many threads submitted.
    pub threads: u16,
    /// How many transactions each kept in flight at most.
    pub window: u32,
}

/// All events of a directory so far.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Runs that began.
    pub runs: BTreeMap<u32, Run>,
    /// Answers that came.
    pub answers: BTreeMap<TxId, Answer>,
    /// What earlier verifications found.
    pub census: BTreeMap<(u32, u16), Census>,
    /// What the writers saw that must never be.
    pub violations: Vec<String>,
    current: u32,
}

impl History {
    /// Reads the lines. A last line without its end is one whose writer died: no event.
    ///
    /// # Errors
    ///
    /// The first line that is none of ours.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or(""));
        let mut history = Self::default();
        for line in whole.lines().filter(|line| !line.is_empty()) {
            let event = parse(line).ok_or_else(|| format!("not a line of history: {line:?}"))?;
            history.add(event);
        }
        Ok(history)
    }

    fn add(&mut self, event: Event) {
        match event {
            Event::Run { run, threads, window } => {
                self.current = run;
                self.runs.insert(run, Run { threads, window });
            }
            Event::Acked(thread, n) => self.answer(thread, n, Answer::Acked),
            Event::Buffered(thread, n) => self.answer(thread, n, Answer::Buffered),
            Event::Failed(thread, n) => self.answer(thread, n, Answer::Failed),
            Event::Refused(thread, n) => self.answer(thread, n, Answer::Refused),
            Event::Violation(words) => self.violations.push(words),
            Event::Census(run, thread, census) => {
                self.census.insert((run, thread), census);
            }
        }
    }

    fn answer(&mut self, thread: u16, n: u64, answer: Answer) {
        self.answers.insert(TxId { run: self.current, thread, n }, answer);
    }
}

fn parse(line: &str) -> Option<Event> {
    let (kind, rest) = line.split_once(' ')?;
    if kind == "X" {
        return Some(Event::Violation(rest.to_owned()));
    }
    let mut words = rest.split(' ');
    let mut word = || words.next();
    let event = match kind {
        "R" => Event::Run {
            run: word()?.parse().ok()?,
            threads: word()?.parse().ok()?,
            window: word()?.parse().ok()?,
        },
        "A" => Event::Acked(word()?.parse().ok()?, word()?.parse().ok()?),
        "B" => Event::Buffered(word()?.parse().ok()?, word()?.parse().ok()?),
        "F" => Event::Failed(word()?.parse().ok()?, word()?.parse().ok()?),
        "N" => Event::Refused(word()?.parse().ok()?, word()?.parse().ok()?),
        "C" => {
            let (run, thread) = (word()?.parse().ok()?, word()?.parse().ok()?);
            let count = word()?.parse().ok()?;
            let digest = u64::from_str_radix(word()?, 16).ok()?;
            Event::Census(run, thread, Census { count, digest })
        }
        _ => return None,
    };
    word().is_none().then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back() {
        for event in [
            Event::Run { run: 3, threads: 4, window: 8 },
            Event::Acked(1, 22),
            Event::Buffered(0, 5),
            Event::Failed(2, u64::MAX),
            Event::Refused(2, 0),
            Event::Violation("acked after poison".to_owned()),
            Event::Census(3, 1, Census { count: 9, digest: 0xAB }),
        ] {
            assert_eq!(parse(&event.to_string()), Some(event));
        }
    }

    #[test]
    fn the_line_of_a_dying_writer_does_not_count() {
        let history = History::parse("R 0 4 8\nA 0 1\nA 0 12").unwrap();
        assert_eq!(history.answers.len(), 1);
    }

    #[test]
    fn answers_belong_to_the_run_before_them() {
        let history = History::parse("R 0 4 8\nA 0 1\nR 1 4 8\nF 0 1\n").unwrap();
        assert_eq!(history.answers[&TxId { run: 0, thread: 0, n: 1 }], Answer::Acked);
        assert_eq!(history.answers[&TxId { run: 1, thread: 0, n: 1 }], Answer::Failed);
    }

    #[test]
    fn other_lines_are_refused() {
        assert!(History::parse("hello\n").unwrap_err().contains("hello"));
        assert!(History::parse("A 1 2 3\n").is_err());
    }
}
