//! The end of a process, and the next one.

use syncline_core::ErrorKind;
use syncline_journal::OnDamage;

use super::{History, end};
use crate::sim::{Verdict, judge, model::View};

impl History {
    pub(super) fn crash(&mut self) -> Verdict {
        let trace = self.disk.trace_hash();
        self.checker.trace.update(&trace);
        let killed = self.random.once_in(2);
        self.disk = if killed {
            self.disk.kill_image()
        } else {
            let bound = 1 + self.random.index(16);
            self.model.written = self.model.acked;
            let last = self.disk.crash_images(bound, &self.random).last();
            last.unwrap_or_else(|| self.disk.synced_image())
        };
        self.tell(|| if killed { "kill" } else { "power loss" }.to_owned());
        self.disk.collect_points(self.checker.bound > 0);
        self.reopen()
    }

    /// Ends what is open without closing it and opens again, though the disk may fail meanwhile.
    pub(super) fn reopen(&mut self) -> Verdict {
        (self.log, self.job) = (None, None);
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

    pub(super) fn open(&mut self) -> Verdict {
        self.told.push("open:".to_owned());
        self.reopen()?;
        self.register()
    }

    /// Opens, checks every moment of the opening, and takes what was recovered for what stands.
    pub(super) fn try_open(&mut self) -> Verdict<bool> {
        let before = self.mark();
        let result = self.checker.open(&self.disk, OnDamage::Refuse, &self.model.streams);
        self.tell(|| format!("open -> {}", end(&result)));
        self.check(before)?;
        let mut opened = match result {
            Ok(opened) => opened,
            Err(error) if self.faulty => {
                let expected = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Full | ErrorKind::Poisoned);
                // It may have begun a new segment before it failed.
                self.model.closed = false;
                return if expected {
                    Ok(false)
                } else {
                    Err(format!("a failing disk is answered by {error:?}"))
                };
            }
            Err(error) => return Err(format!("it does not open: {error:?}")),
        };
        if self.model.closed && !opened.report.clean_close {
            return Err(format!("it was closed in order and does not know: {:?}", opened.report));
        }
        let view = View { must: self.model.written.max(self.model.acked), ..before.view(&self.model) };
        let next = judge::crash(&mut opened, view)?;
        self.model.recovered(next);
        self.essential_bytes = 0;
        self.begun_with = self.newest_segment().map(|(name, _)| name);
        self.rewritten = opened.report.rewritten_bytes;
        self.faulty = self.disk.has_faults() || self.setup.full;
        self.log = Some(opened.log);
        Ok(true)
    }
}
