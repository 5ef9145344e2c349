//! Faults to come, and files to come back as they were.

use syncline_testkit::disk::{Call, Effect, Fault};

use super::{History, STALE_MAX};
use crate::sim::Verdict;

impl History {
    pub(super) fn plan_fault(&mut self) {
        const CALLS: [Call; 8] = [
            Call::Write,
            Call::Write,
            Call::Sync,
            Call::Sync,
            Call::Rename,
            Call::SyncDir,
            Call::Create,
            Call::Remove,
        ];
        let call = CALLS.get(self.random.index(CALLS.len() + 1)).copied();
        let skip = self.random.below(8);
        let lasts = self.random.once_in(8);
        let fault = Fault { call, skip, effect: Effect::Eio, lasts };
        self.disk.fail(fault);
        self.faulty = true;
        self.tell(|| format!("[{call:?} fails after {skip}{}]", if lasts { " for good" } else { "" }));
    }

    /// Fails a call of the next rotation, which is short and would seldom be struck by chance.
    pub(super) fn fail_a_rotation(&mut self) -> Verdict {
        const CALLS: [Call; 4] = [Call::Sync, Call::Write, Call::Rename, Call::SyncDir];
        let call = CALLS.get(self.random.index(CALLS.len())).copied();
        // The sync of the full segment comes first.
        let skip = if self.random.once_in(2) { 0 } else { self.random.below(3) };
        self.disk.fail(Fault { call, skip, effect: Effect::Eio, lasts: false });
        self.faulty = true;
        self.tell(|| format!("[{call:?} of a rotation fails after {skip}]"));
        self.large = true;
        let written = self.write(1, false);
        self.large = false;
        written
    }

    pub(super) fn keep_stale(&mut self) {
        let files = self.disk.files();
        let Some((name, _)) = files.get(self.random.index(files.len())) else { return };
        let Some(bytes) = self.disk.contents(name) else { return };
        let stale = &mut self.checker.stale;
        if stale.len() == STALE_MAX {
            stale.remove(self.random.index(STALE_MAX));
        }
        stale.push((name.clone(), bytes));
    }
}
