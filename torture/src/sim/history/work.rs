//! Work on an open journal besides writing. Each runs its calls, notes what was answered, and checks every moment in
//! between.

use syncline_journal::sim::Log;

use super::{History, end};
use crate::sim::{Verdict, model::Stream};

impl History {
    pub(super) fn sync(&mut self) -> Verdict {
        let Some(mut log) = self.log.take() else { return self.reopen() };
        let before = self.mark();
        let result = log.sync();
        self.log = Some(log);
        self.tell(|| format!("sync -> {}", end(&result)));
        self.answered("a sync", result.map(drop))?;
        self.check(before)
    }

    /// Begins a sync, or runs and finishes the one that was begun some steps ago.
    pub(super) fn overlap(&mut self) -> Verdict {
        let Some(mut log) = self.log.take() else { return self.reopen() };
        let before = self.mark();
        let Some(job) = self.job.take() else {
            self.job = log.begin_sync();
            self.log = Some(log);
            self.tell(|| "begin a sync".to_owned());
            return Ok(());
        };
        let outcome = job.run();
        let result = log.finish_sync(&job, outcome);
        self.log = Some(log);
        self.tell(|| format!("finish the sync -> {}", end(&result)));
        self.answered("a sync", result.map(drop))?;
        self.check(before)
    }

    pub(super) fn witness(&mut self) -> Verdict {
        let Some(mut log) = self.log.take() else { return self.reopen() };
        let before = self.mark();
        let result = log.witness();
        self.log = Some(log);
        self.tell(|| format!("witness -> {}", end(&result)));
        self.answered("a witness", result)?;
        self.check(before)
    }

    pub(super) fn truncate(&mut self) -> Verdict {
        let Some(mut log) = self.log.take() else { return self.reopen() };
        let before = self.mark();
        self.lower_needs(&mut log);
        let result = if self.random.once_in(3) { Ok(()) } else { log.remove_dead() };
        self.log = Some(log);
        self.tell(|| format!("remove -> {}", end(&result)));
        if self.model.broken.is_none() {
            self.answered("a removal", result)?;
        }
        self.check(before)
    }

    /// Leaves no space beside what is there and frees some of it, so that an append has to give dead segments back before it is
    /// refused, which would seldom come up by chance.
    pub(super) fn fill_up(&mut self) -> Verdict {
        let Some(mut log) = self.log.take() else { return self.reopen() };
        self.lower_needs(&mut log);
        self.log = Some(log);
        let used = self.disk.used();
        self.disk.set_capacity(Some(used));
        self.faulty = true;
        self.tell(|| format!("no space beside {used} bytes"));
        self.large = true;
        let written = self.write(1, false).and_then(|()| self.write(1, false));
        self.large = false;
        written
    }

    /// Truncates a stream, or all of them.
    fn lower_needs(&mut self, log: &mut Log) {
        let (at, written) = (self.random.index(self.model.streams.len()), self.model.written);
        // Now and then all streams give up nearly all, so that long histories do not pile up.
        let all = self.random.once_in(3);
        let chosen = self.model.streams.iter_mut().enumerate().filter(|(index, _)| all || *index == at);
        let mut said = Vec::new();
        for (_, stream) in chosen {
            let left = written - stream.low_water.min(written);
            let seq = stream.low_water
                + if all {
                    left - self.random.below(left.min(5) + 1)
                } else {
                    self.random.below(left + 1)
                };
            stream.low_water = stream.low_water.max(seq);
            log.truncate(stream.id, seq);
            said.push(format!("truncate {} below {seq}", stream.name));
        }
        self.tell(|| said.join(", "));
    }

    pub(super) fn register(&mut self) -> Verdict {
        let Some(mut log) = self.log.take() else { return self.reopen() };
        let before = self.mark();
        let name = format!("stream-{}", self.random.below(4));
        let known = self.model.streams.iter().find(|stream| stream.name == name).map(|stream| stream.id);
        let result = log.register(&name);
        self.log = Some(log);
        self.tell(|| format!("register {name} -> {}", end(&result)));
        match (&result, known) {
            (Ok((id, _)), Some(known)) if *id != known => return Err(format!("{name} was {known}, now {id}")),
            (Ok((id, low_water)), None) => {
                self.model.streams.push(Stream { name, id: *id, low_water: *low_water });
            }
            _ => {}
        }
        self.answered("a registration", result.map(drop))?;
        self.check(before)
    }

    pub(super) fn close(&mut self) -> Verdict {
        let Some(mut log) = self.log.take() else { return self.reopen() };
        let before = self.mark();
        let result = log.close();
        self.tell(|| format!("close -> {}", end(&result)));
        if result.is_ok() {
            self.model.closed = true;
        }
        self.log = Some(log);
        self.answered("a close", result)?;
        self.check(before)?;
        self.reopen()
    }

    pub(super) fn bound_space(&mut self) -> Verdict {
        if self.random.once_in(2) {
            self.disk.set_capacity(None);
            self.tell(|| "space without bound".to_owned());
            return Ok(());
        }
        let used = self.disk.used();
        let bytes = used + self.random.below(3 * self.setup.config.segment_bytes);
        self.disk.set_capacity(Some(bytes));
        self.faulty = true;
        self.tell(|| format!("space for {bytes} bytes, {used} are used"));
        Ok(())
    }
}
