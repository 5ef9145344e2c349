//! Lines with their numbers, read on a thread of its own, a bounded number of them ahead.

use std::io::{self, Read};

use syncline::rt;
use tokio::sync::mpsc;

use super::{
    Source,
    lines::{self, Line},
};
use crate::exit::Failure;

/// Most lines handed over at once.
const PART_COUNT_MAX: usize = 500;
/// Bytes after which no more lines are handed over at once.
const PART_BYTES_MAX: usize = 1_024 * 1_024;
/// How many parts may wait.
const PARTS_AHEAD: usize = 2;

/// A line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// Its number, from 1.
    pub(crate) line: u64,
    /// Its bytes without the newline, or why there are none.
    pub(crate) bytes: Result<Vec<u8>, String>,
}

/// Starts reading `source`, whose lines may have `bytes_max`. The stream ends with the source, or after a failure; dropping the
/// receiver ends the reader.
///
/// # Errors
///
/// When the system has no thread to give.
pub(crate) fn number(source: Source, bytes_max: usize) -> io::Result<mpsc::Receiver<Result<Vec<Numbered>, Failure>>> {
    let (parts, receiver) = mpsc::channel(PARTS_AHEAD);
    // Not joined: a read of a terminal cannot be interrupted, and must not hold up the end of the process.
    rt::thread("line reader", move || run(source, bytes_max, &parts))?;
    Ok(receiver)
}

fn run(source: Source, bytes_max: usize, parts: &mpsc::Sender<Result<Vec<Numbered>, Failure>>) {
    let Source { name, mut reader, .. } = source;
    let (mut part, mut bytes, mut line) = (Vec::new(), 0, 0);
    loop {
        // What a slow writer has sent so far must not wait for what it has not sent yet.
        let is_full = part.len() >= PART_COUNT_MAX || bytes >= PART_BYTES_MAX || reader.buffer().is_empty();
        if is_full && !part.is_empty() {
            bytes = 0;
            if parts.blocking_send(Ok(std::mem::take(&mut part))).is_err() {
                return;
            }
        }
        line += 1;
        match next(&mut reader, line, bytes_max) {
            Ok(Some(Numbered { bytes: Ok(text), .. })) if text.trim_ascii().is_empty() => {}
            Ok(Some(numbered)) => {
                bytes += numbered.bytes.as_ref().map_or(0, Vec::len);
                part.push(numbered);
            }
            Ok(None) => break,
            Err(error) => {
                let failure = Failure::failed("unavailable", format!("{name}:{line}: cannot read: {error}"));
                if part.is_empty() || parts.blocking_send(Ok(part)).is_ok() {
                    let _unheard = parts.blocking_send(Err(failure)).is_err();
                }
                return;
            }
        }
    }
    if !part.is_empty() {
        let _unheard = parts.blocking_send(Ok(part)).is_err();
    }
}

fn next(reader: &mut io::BufReader<Box<dyn Read + Send>>, line: u64, bytes_max: usize) -> io::Result<Option<Numbered>> {
    let mut text = Vec::new();
    Ok(match lines::next(reader, &mut text, bytes_max, &mut io::sink())? {
        Line::Whole => Some(Numbered { line, bytes: Ok(text) }),
        Line::TooLong { bytes } => {
            Some(Numbered { line, bytes: Err(format!("line has {bytes} bytes, the most is {bytes_max}")) })
        }
        Line::End => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_where_others_are_blank_or_too_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        std::fs::write(&path, "one\r\n\n  \ntoolong\nlast").unwrap();
        let mut parts = number(Source::open(&path).unwrap(), 4).unwrap();
        let mut seen = Vec::new();
        while let Some(part) = parts.blocking_recv() {
            seen.extend(part.unwrap().into_iter().map(|one| (one.line, one.bytes)));
        }
        let long = Err("line has 7 bytes, the most is 4".to_owned());
        assert_eq!(seen, [(1, Ok(b"one\r".to_vec())), (4, long), (5, Ok(b"last".to_vec()))]);
    }
}
