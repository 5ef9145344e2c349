//! What is known from outside of a queue's past: one short line an event, appended to a file by all processes.
//!
//! Each line goes out in one call, so that their order is one in which the events may have happened.
//!
//! ```text
//! R <run> <process>            a process begins
//! A <id>                       its push is acknowledged: on disk
//! H <id> <attempt> <token>     handed out
//! S <id>                       about to be completed
//! D <id> <token>               its completion is acknowledged: on disk
//! X <words>                    a process saw what must never be
//! ```

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use super::item::ItemId;

/// One event, which is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Run(u32, u16),
    Acked(ItemId),
    Handed(ItemId, u16, u64),
    Settling(ItemId),
    Done(ItemId, u64),
    Violation(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run, process) => write!(f, "R {run} {process}"),
            Self::Acked(id) => write!(f, "A {id}"),
            Self::Handed(id, attempt, token) => write!(f, "H {id} {attempt} {token}"),
            Self::Settling(id) => write!(f, "S {id}"),
            Self::Done(id, token) => write!(f, "D {id} {token}"),
            Self::Violation(words) => write!(f, "X {}", words.replace('\n', " ")),
        }
    }
}

impl Event {
    /// Reads a line; `None` where it is none of ours.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.split_once(' ')?;
        if kind == "X" {
            return Some(Self::Violation(rest.to_owned()));
        }
        let mut words = rest.split(' ');
        let mut word = || words.next();
        let event = match kind {
            "R" => Self::Run(word()?.parse().ok()?, word()?.parse().ok()?),
            "A" => Self::Acked(word()?.parse().ok()?),
            "H" => Self::Handed(word()?.parse().ok()?, word()?.parse().ok()?, word()?.parse().ok()?),
            "S" => Self::Settling(word()?.parse().ok()?),
            "D" => Self::Done(word()?.parse().ok()?, word()?.parse().ok()?),
            _ => return None,
        };
        words.next().is_none().then_some(event)
    }
}

/// All whole lines of a history; the last one of a process that died may be cut.
///
/// # Errors
///
/// The first line that is none of ours.
pub(super) fn parse(text: &str) -> Result<Vec<Event>, String> {
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or(""));
    let lines = whole.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| Event::parse(line).ok_or_else(|| format!("not a line of history: {line:?}")))
        .collect()
}

/// Where a process says what happens: the file of the runner, or its output where the machine under it will lose power.
#[derive(Debug)]
pub(super) enum Teller {
    File(File),
    Output,
}

impl Teller {
    /// Opens the file of the history; its own output without one.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn open(history: Option<&Path>) -> io::Result<Self> {
        let Some(path) = history else { return Ok(Self::Output) };
        OpenOptions::new().append(true).create(true).open(path).map(Self::File)
    }

    /// Says it, as a whole or not at all.
    pub(super) fn say(&self, event: &Event) {
        let line = format!("{event}\n");
        let said = match self {
            Self::File(file) => (&mut &*file).write_all(line.as_bytes()),
            Self::Output => io::stdout().lock().write_all(line.as_bytes()),
        };
        // A reader that is gone counts what it has; an acknowledgement that is not heard binds nobody.
        said.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back_and_the_line_of_a_dying_process_does_not_count() {
        let id = ItemId { run: 1, process: 2, producer: 0, follows: true, n: 9 };
        let events = vec![
            Event::Run(1, 2),
            Event::Acked(id),
            Event::Handed(id, 2, 70_000),
            Event::Settling(id),
            Event::Done(id, 70_000),
            Event::Violation("out of order".to_owned()),
        ];
        let text: String = events.iter().map(|event| format!("{event}\n")).collect();
        assert_eq!(parse(&format!("{text}A 1.2.0.1")), Ok(events));
        assert!(parse("hello\n").is_err());
    }
}
