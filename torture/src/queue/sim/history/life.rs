//! The end of a process, and the next one.

use syncline_core::ErrorKind;

use super::{History, at};
use crate::queue::sim::Verdict;

impl History {
    pub(super) fn crash(&mut self) -> Verdict {
        let trace = self.disk.trace_hash();
        self.checker.trace.update(&trace);
        let killed = self.random.once_in(2);
        let disk = if killed {
            self.disk.kill_image()
        } else {
            let bound = 1 + self.random.index(16);
            self.model.written = 0;
            let last = self.disk.crash_images(bound, &self.random).last();
            last.unwrap_or_else(|| self.disk.synced_image())
        };
        // What closes now closes on a disk that nobody looks at any more.
        self.open = None;
        self.disk = disk;
        self.tell(|| if killed { "kill" } else { "power loss" }.to_owned());
        self.disk.collect_points(self.checker.bound > 0);
        self.reopen()
    }

    /// Ends what is open and opens again, though the disk may fail meanwhile.
    pub(super) fn reopen(&mut self) -> Verdict {
        self.open = None;
        self.held.clear();
        self.untold = 0;
        for _ in 0..2 {
            if self.try_open()? {
                return Ok(());
            }
        }
        // Now nothing is in the way any more.
        self.disk.heal();
        self.disk.set_capacity(None);
        self.faulty = false;
        match self.try_open()? {
            true => Ok(()),
            false => Err("it does not open".to_owned()),
        }
    }

    /// Opens, checks every moment of the opening, and takes what was recovered for what stands.
    fn try_open(&mut self) -> Verdict<bool> {
        // A process begins after the one before: a queue takes its time to be later than that of all it finds, so that one
        // opened within the millisecond of its last record would be ahead of the calendar from then on.
        self.now += 1;
        self.checker.now = at(self.now);
        let may_fail = self.disk.has_faults();
        let result = self.checker.open(&self.disk);
        let error = result.as_ref().err().map(|error| format!("{error:?}"));
        self.tell(|| format!("open -> {}", error.as_deref().unwrap_or("ok")));
        self.check_points(0, self.model.written)?;
        let open = match result {
            Ok(open) => open,
            Err(error) if self.faulty => {
                let expected = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Full | ErrorKind::Poisoned);
                return if expected {
                    Ok(false)
                } else {
                    Err(format!("a failing disk is answered by {error:?}"))
                };
            }
            Err(error) => return Err(format!("it does not open: {error:?}")),
        };
        let states = self.model.states.get(self.model.written..).unwrap_or_default();
        let found = self.checker.found(&open, states)?;
        self.model.found(found);
        // What the journal does beside the opening may have failed: then the next call hears of it.
        self.faulty = may_fail || self.disk.has_faults() || self.setup.full;
        self.open = Some(open);
        Ok(true)
    }

    /// Ends the process in order.
    pub(super) fn close(&mut self) -> Verdict {
        let Some(open) = self.open.take() else { return self.reopen() };
        drop(open.queue);
        let closed = open.journal.close();
        self.tell(|| format!("close -> {}", if closed.is_ok() { "ok" } else { "failed" }));
        self.check_points(0, self.model.written)?;
        match closed {
            Ok(()) if self.model.broken.is_none() => self.model.acknowledged(true),
            Ok(()) => return Err("it closed well after a failure".to_owned()),
            Err(error) if !self.faulty => return Err(format!("it does not close: {error:?}")),
            Err(_) => {}
        }
        self.reopen()
    }
}
