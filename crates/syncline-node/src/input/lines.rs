//! Lines of a stream, each bounded, whatever the stream holds.

use std::io::{self, BufRead, Write};

/// What stands between two newlines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line of at most the bound; its bytes are in the buffer that the caller gave.
    Whole,
    /// A longer one: its bytes went to `spill`, and none of them is in memory.
    TooLong {
        /// How many bytes it had.
        bytes: u64,
    },
    /// The stream has ended.
    End,
}

/// Reads the next line of `source` into `line`, without its newline.
///
/// A line longer than `bytes_max` is copied to `spill` piece by piece, newline included.
pub(crate) fn next(
    source: &mut impl BufRead,
    line: &mut Vec<u8>,
    bytes_max: usize,
    spill: &mut dyn Write,
) -> io::Result<Line> {
    line.clear();
    loop {
        let (taken, ended) = match piece(source)? {
            None if line.is_empty() => return Ok(Line::End),
            None => (0, true),
            Some((piece, ended)) => {
                let room = bytes_max.saturating_sub(line.len());
                if piece.len() > room {
                    spill.write_all(line)?;
                    return skip(source, line, spill);
                }
                line.extend_from_slice(piece);
                (piece.len() + usize::from(ended), ended)
            }
        };
        source.consume(taken);
        if ended {
            return Ok(Line::Whole);
        }
    }
}

/// What is buffered of the current line, and whether its newline follows; `None` at the end of the stream.
fn piece(source: &mut impl BufRead) -> io::Result<Option<(&[u8], bool)>> {
    let buffered = loop {
        match source.fill_buf() {
            Ok(_) => break source.fill_buf()?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    if buffered.is_empty() {
        return Ok(None);
    }
    Ok(Some(match buffered.iter().position(|byte| *byte == b'\n') {
        Some(at) => (buffered.split_at(at).0, true),
        None => (buffered, false),
    }))
}

/// Copies the rest of a line that is too long to `spill`.
fn skip(source: &mut impl BufRead, line: &mut Vec<u8>, spill: &mut dyn Write) -> io::Result<Line> {
    let mut bytes = line.len() as u64;
    line.clear();
    line.shrink_to(0);
    while let Some((piece, ended)) = piece(source)? {
        spill.write_all(piece)?;
        bytes += piece.len() as u64;
        let taken = piece.len() + usize::from(ended);
        source.consume(taken);
        if ended {
            break;
        }
    }
    spill.write_all(b"\n")?;
    Ok(Line::TooLong { bytes })
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Reads `text` through a buffer of `capacity` bytes: whole lines as text, long ones as their length.
    fn all(text: &str, capacity: usize) -> (Vec<String>, String) {
        let mut source = BufReader::with_capacity(capacity, text.as_bytes());
        let (mut line, mut spill, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match next(&mut source, &mut line, 5, &mut spill).unwrap() {
                Line::Whole => seen.push(String::from_utf8(line.clone()).unwrap()),
                Line::TooLong { bytes } => seen.push(format!("<{bytes}>")),
                Line::End => return (seen, String::from_utf8(spill).unwrap()),
            }
        }
    }

    #[test]
    fn lines_are_the_same_whatever_the_buffer() {
        for capacity in 1..12 {
            assert_eq!(all("one\n\nfive5\nlast", capacity).0, ["one", "", "five5", "last"], "capacity {capacity}");
        }
    }

    #[test]
    fn a_long_line_is_spilled_whole_and_the_next_one_is_read() {
        for capacity in 1..12 {
            let (seen, spill) = all("a\nsix666\nb\ntwelve chars", capacity);
            assert_eq!(seen, ["a", "<6>", "b", "<12>"], "capacity {capacity}");
            assert_eq!(spill, "six666\ntwelve chars\n");
        }
    }
}
