//! What an import did, at its end.

use std::time::Duration;

use serde::Serialize;
use syncline::{Instant, port::Clock as _, rt::SystemClock, rt::os};

use super::driver::End;
use crate::text;

/// What an import did.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// What was read.
    file: String,
    /// Records and bad lines.
    pub(super) read: u64,
    /// Records that were stored and survive loss of power.
    pub(super) accepted: u64,
    /// Records that were stored already, with equal bytes.
    pub(super) unchanged: u64,
    /// Lines that hold no record, or one that was refused.
    pub(super) rejected: u64,
    /// Bytes of input read.
    pub(super) bytes: u64,
    /// Time in all.
    seconds: f64,
    /// Accepted records a second, until the last of them survived loss of power.
    durable_per_second: u64,
    /// Accepted records a second, until the last of them was archived.
    archived_per_second: u64,
    /// Whether every accepted record is archived.
    archived: bool,
    /// Most memory of this process that was ever resident.
    peak_resident_bytes: Option<u64>,
    /// Why it ended before the end of its input; `null` when it did not.
    stopped: Option<&'static str>,
    #[serde(skip)]
    started: Instant,
    #[serde(skip)]
    durable: Duration,
}

impl Summary {
    /// Nothing done yet, beginning now.
    pub(super) fn start(file: String) -> Self {
        Self {
            file,
            read: 0,
            accepted: 0,
            unchanged: 0,
            rejected: 0,
            bytes: 0,
            seconds: 0.0,
            durable_per_second: 0,
            archived_per_second: 0,
            archived: false,
            peak_resident_bytes: None,
            stopped: None,
            started: SystemClock.now(),
            durable: Duration::ZERO,
        }
    }

    /// A batch survives loss of power as of now.
    pub(super) fn durable_now(&mut self) {
        self.durable = SystemClock.now().saturating_since(self.started);
    }

    /// All that was accepted is archived since `at`.
    pub(super) fn archived_at(&mut self, at: Instant) {
        self.archived = true;
        self.archived_per_second = text::per_second(self.accepted, at.saturating_since(self.started));
    }

    /// It has ended, as `end` says.
    pub(super) fn stop(&mut self, end: &End) {
        self.stopped = match end {
            End::Whole => None,
            End::Interrupted => Some("interrupted"),
            End::Strict => Some("bad line"),
            End::Failed(_) => Some("error"),
        };
        self.seconds = SystemClock.now().saturating_since(self.started).as_secs_f64();
        self.durable_per_second = text::per_second(self.accepted, self.durable);
        self.peak_resident_bytes = os::resident_bytes_peak();
    }

    /// For people.
    pub(super) fn page(&self) -> String {
        let time = Duration::try_from_secs_f64(self.seconds).unwrap_or_default();
        let mut lines = vec![
            format!("read       {} from {}, {}", text::plural(self.read, "record"), self.file, text::bytes(self.bytes)),
            format!("accepted   {}", text::count(self.accepted)),
            format!("unchanged  {}", text::count(self.unchanged)),
            format!("rejected   {}", text::count(self.rejected)),
            format!("durable    {}", rate(self.accepted, self.durable_per_second)),
            match self.archived {
                true => format!("archived   {}", rate(self.accepted, self.archived_per_second)),
                false => "archived   not all; the next command goes on".to_owned(),
            },
            format!("time       {}", text::seconds(time)),
        ];
        if let Some(reason) = self.stopped {
            lines.push(format!("stopped    {reason}; import the file again to go on"));
        }
        lines.join("\n")
    }
}

/// A rate of nothing is none.
fn rate(accepted: u64, per_second: u64) -> String {
    if accepted == 0 {
        "nothing to write".to_owned()
    } else {
        format!("{} records/s", text::count(per_second))
    }
}
