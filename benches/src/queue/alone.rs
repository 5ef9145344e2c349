//! A backlog that is opened by a process of its own, as one that was closed is. An allocator keeps what a process gave back, so
//! that what several openings in one take, and what is resident after them, says as much about the earlier ones.

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use syncline_core::{
    port::{Clock as _, QueueStorage as _},
    rt::SystemClock,
};

use super::{payloads, resident};
use crate::{Result, args::Room};

/// What a process that did nothing but open a backlog says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    /// Items that wait.
    pub(super) waiting: u64,
    /// Bytes that are resident.
    pub(super) resident: u64,
    /// How long the opening took.
    pub(super) opening: Duration,
}

/// Starts a process that opens the backlog in `dir`, which nobody may have open, and waits for its end.
pub(super) fn open(dir: &Path) -> Result<Opened> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([Room::Queue.name(), "--backlog"]).arg(dir);
    read(&command.output()?)
}

/// That process: opens the backlog in `dir` and says what [`open`] reads.
pub(crate) fn run(dir: &Path) -> Result {
    let begun = SystemClock.now();
    let (queue, journal) = payloads::open(dir)?;
    let opening = SystemClock.now().saturating_since(begun);
    let resident = resident::bytes()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let stats = runtime.block_on(queue.stats(payloads::now()))?;
    println!("{} {resident} {}", stats.waiting.iter().sum::<u64>(), opening.as_nanos());
    payloads::close((queue, journal))
}

fn read(output: &Output) -> Result<Opened> {
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers: Option<Vec<u64>> = said.split_whitespace().map(|number| number.parse().ok()).collect();
    let opened = match numbers.as_deref() {
        Some(&[waiting, resident, opening]) if output.status.success() => {
            Some(Opened { waiting, resident, opening: Duration::from_nanos(opening) })
        }
        _ => None,
    };
    opened.ok_or_else(|| {
        let complained = String::from_utf8_lossy(&output.stderr);
        let (status, said, complained) = (output.status, said.trim(), complained.trim());
        format!("a process that opens the backlog alone ended with {status}, and said {said:?}: {complained}").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &str) -> Result<Opened> {
        read(&Command::new("sh").args(["-c", script]).output().unwrap())
    }

    #[test]
    fn what_a_process_says_is_read() {
        assert_eq!(
            of("echo 5000000 650117120 1500000000").unwrap(),
            Opened { waiting: 5_000_000, resident: 650_117_120, opening: Duration::from_millis(1_500) }
        );
    }

    #[test]
    fn a_process_that_fails_or_says_no_numbers_ends_the_run_and_is_quoted() {
        for (script, expected) in [
            (
                "echo 1 2 3; echo error: it is locked >&2; exit 3",
                "exit status: 3, and said \"1 2 3\": error: it is locked",
            ),
            ("echo many", "exit status: 0, and said \"many\""),
            ("kill -9 $$", "signal: 9"),
        ] {
            let error = of(script).unwrap_err().to_string();
            assert!(error.contains(expected), "{script}: {error}");
        }
    }
}
