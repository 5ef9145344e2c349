//! How far an import is: a bar on a terminal, a plain line now and then elsewhere.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use syncline::{Instant, port::Clock as _, rt::SystemClock};

use crate::{output, text};

/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What was done so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    /// Records that survive power loss.
    pub(crate) records: u64,
    /// Bytes of input read.
    pub(crate) bytes: u64,
}

/// Shows progress on standard error.
pub(crate) struct Progress {
    shape: Shape,
    started: Instant,
    done: Done,
}

enum Shape {
    Bar(ProgressBar),
    Lines { next: Instant },
    Silent,
}

impl Progress {
    /// Progress towards `bytes_total` of input, where that is known; silent when machines read the output.
    pub(crate) fn start(bytes_total: Option<u64>, silent: bool) -> Self {
        let started = SystemClock.now();
        let shape = match silent {
            true => Shape::Silent,
            false if std::io::stderr().is_terminal() => Shape::Bar(bar(bytes_total)),
            false => Shape::Lines { next: started + LINE_EVERY },
        };
        Self { shape, started, done: Done::default() }
    }

    /// Shows that so much is done.
    pub(crate) fn advance(&mut self, done: Done) {
        self.done = done;
        let now = SystemClock.now();
        let line = self.line(now);
        match &mut self.shape {
            Shape::Bar(bar) => {
                bar.set_position(done.bytes);
                bar.set_message(line);
            }
            Shape::Lines { next } if now >= *next => {
                *next = now + LINE_EVERY;
                output::note(&line);
            }
            Shape::Lines { .. } | Shape::Silent => {}
        }
    }

    /// Says something without tearing the bar.
    pub(crate) fn note(&self, line: &str) {
        match &self.shape {
            Shape::Bar(bar) => bar.suspend(|| output::note(line)),
            Shape::Lines { .. } | Shape::Silent => output::note(line),
        }
    }

    /// Shows that all is read and what it waits for now.
    pub(crate) fn wait_for(&self, what: &str) {
        if let Shape::Bar(bar) = &self.shape {
            bar.set_message(format!("{}, {what}", text::plural(self.done.records, "record")));
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Shape::Bar(bar) = self.shape {
            bar.finish_and_clear();
        }
    }

    fn line(&self, now: Instant) -> String {
        let rate = text::per_second(self.done.records, now.saturating_since(self.started));
        let (records, bytes) = (text::plural(self.done.records, "record"), text::bytes(self.done.bytes));
        format!("{records}, {bytes}, {} records/s", text::count(rate))
    }
}

fn bar(bytes_total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(bytes_total, ProgressDrawTarget::stderr_with_hz(10));
    let template = match bytes_total {
        Some(_) => "{bar:30} {percent:>3} %  {msg}  {eta} left",
        None => "{spinner} {msg}",
    };
    // A template that does not parse leaves the library's own: less pretty, no less true.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
