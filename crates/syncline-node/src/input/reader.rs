//! The thread that reads and parses, a bounded number of records ahead of those who store them.

use std::io::{self, BufRead, Read};

use syncline::rt;
use tokio::sync::mpsc;

use super::{
    Source,
    lines::{self, Line},
    record::{self, Shape},
    rejects::Rejects,
};
use crate::{exit::Failure, store::NewItem};

/// Most records handed over at once: small, so that the first ones are stored while the next are parsed.
const PART_COUNT_MAX: usize = 250;
/// Most bytes handed over at once.
const PART_BYTES_MAX: usize = 256 * 1_024;
/// How many parts may wait.
const PARTS_AHEAD: usize = 8;
/// A base64 digit carries six bits, and a line holds an id and names besides.
const LINE_BYTES_EXTRA: usize = 64 * 1_024;

/// What the reader says.
pub(crate) enum Event {
    /// Records, in the order of their lines.
    Part {
        /// The records.
        records: Vec<Parsed>,
        /// How many bytes were read so far.
        bytes_read: u64,
    },
    /// A line that holds none; it is already in the file of rejects.
    Bad {
        /// Its number, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// Reading failed; nothing follows.
    Failed(Failure),
}

/// One record and where it came from.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The item.
    pub(crate) item: NewItem,
    /// The number of its line, from 1.
    pub(crate) line: u64,
    /// The line itself, when a later refusal must be able to keep it.
    pub(crate) raw: Option<Vec<u8>>,
}

/// How the reader reads.
pub(crate) struct Plan {
    /// How a line is taken apart.
    pub(crate) shape: Shape,
    /// Whether the first bad line ends it.
    pub(crate) strict: bool,
    /// Where bad lines go.
    pub(crate) rejects: Rejects,
}

/// Starts reading `source`. The stream of events ends with the source; dropping the receiver ends the reader.
///
/// # Errors
///
/// When the system has no thread to give.
pub(crate) fn start(source: Source, plan: Plan) -> io::Result<mpsc::Receiver<Event>> {
    let (events, receiver) = mpsc::channel(PARTS_AHEAD);
    // Not joined: a read of a terminal cannot be interrupted, and must not hold up the end of the process.
    rt::thread("import reader", move || {
        let mut reader = Reader {
            name: source.name,
            plan,
            events,
            bytes_read: 0,
            line: 0,
            part: Vec::new(),
            part_bytes: 0,
        };
        // An error means that nobody listens any more.
        let _ended = reader.run(source.reader);
    })?;
    Ok(receiver)
}

/// Nobody listens any more, or there is nothing more to say.
struct Ended;

struct Reader {
    name: String,
    plan: Plan,
    events: mpsc::Sender<Event>,
    bytes_read: u64,
    line: u64,
    part: Vec<Parsed>,
    part_bytes: usize,
}

impl Reader {
    fn run(&mut self, mut source: io::BufReader<Box<dyn Read + Send>>) -> Result<(), Ended> {
        let bytes_max = self.plan.shape.content_bytes_max / 3 * 4 + LINE_BYTES_EXTRA;
        let mut line = Vec::new();
        skip_byte_order_mark(&mut source).map_err(|error| self.fail(&error))?;
        loop {
            // What a slow writer has sent so far must not wait for what it has not sent yet.
            if source.buffer().is_empty() {
                self.hand_over()?;
            }
            let next = self.next(&mut source, &mut line, bytes_max)?;
            match next {
                Line::End => return self.hand_over(),
                Line::Whole => self.whole(&line)?,
                Line::TooLong { bytes } => {
                    self.bytes_read += bytes + 1;
                    self.bad(format!("line has {bytes} bytes, the most is {bytes_max}"))?;
                }
            }
        }
    }

    fn next(&mut self, source: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: usize) -> Result<Line, Ended> {
        self.line += 1;
        let rejects = self.plan.rejects.clone();
        let mut spill = rejects.spill();
        let read = lines::next(source, line, bytes_max, &mut spill);
        match (read, spill.into_failure()) {
            (Ok(read), _) => Ok(read),
            (Err(_), Some(failure)) => Err(self.say_last(Event::Failed(failure))),
            (Err(error), None) => Err(self.fail(&error)),
        }
    }

    fn whole(&mut self, line: &[u8]) -> Result<(), Ended> {
        self.bytes_read += line.len() as u64 + 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match record::parse(line, &self.plan.shape) {
            Ok(item) => self.good(item, line),
            Err(reason) => {
                if let Err(failure) = self.plan.rejects.line(line) {
                    return Err(self.say_last(Event::Failed(failure)));
                }
                self.bad(reason)
            }
        }
    }

    fn good(&mut self, item: NewItem, line: &[u8]) -> Result<(), Ended> {
        self.part_bytes += item.content.len();
        let raw = self.plan.rejects.are_kept().then(|| line.to_vec());
        self.part.push(Parsed { item, line: self.line, raw });
        if self.part.len() >= PART_COUNT_MAX || self.part_bytes >= PART_BYTES_MAX {
            return self.hand_over();
        }
        Ok(())
    }

    fn bad(&mut self, reason: String) -> Result<(), Ended> {
        let event = Event::Bad { line: self.line, reason };
        if self.plan.strict {
            self.hand_over()?;
            return Err(self.say_last(event));
        }
        self.say(event)
    }

    fn hand_over(&mut self) -> Result<(), Ended> {
        self.part_bytes = 0;
        if self.part.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.part);
        self.say(Event::Part { records, bytes_read: self.bytes_read })
    }

    fn fail(&mut self, error: &io::Error) -> Ended {
        let failure = Failure::failed("unavailable", format!("{}:{}: cannot read: {error}", self.name, self.line));
        match self.hand_over() {
            Ok(()) => self.say_last(Event::Failed(failure)),
            Err(ended) => ended,
        }
    }

    fn say(&self, event: Event) -> Result<(), Ended> {
        self.events.blocking_send(event).map_err(|_| Ended)
    }

    fn say_last(&self, event: Event) -> Ended {
        match self.say(event) {
            Ok(()) | Err(Ended) => Ended,
        }
    }
}

/// Some editors begin UTF-8 with the mark U+FEFF, which is no part of the first line.
fn skip_byte_order_mark(source: &mut impl BufRead) -> io::Result<()> {
    if source.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
        source.consume(3);
    }
    Ok(())
}
