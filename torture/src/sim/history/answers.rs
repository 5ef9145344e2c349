//! What was answered, and what must stand.

use syncline_core::{Error, ErrorKind};
use syncline_journal::sim::Log;

use super::History;
use crate::sim::{
    Verdict,
    model::{Model, View},
};

impl History {
    /// Takes note of an answer. After a failure everything fails until the journal is opened again.
    pub(super) fn answered(&mut self, what: &str, result: Result<(), Error>) -> Verdict {
        let durable = self.log.as_ref().map_or(0, Log::durable);
        if durable > self.model.acked {
            if let Some(broken) = &self.model.broken {
                return Err(format!("record {} was acknowledged after {broken}", durable - 1));
            }
            if durable > self.model.next_seq() {
                return Err(format!("record {} was acknowledged, never submitted", durable - 1));
            }
            self.model.acked = durable;
        }
        match (result, &self.model.broken) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(broken)) => Err(format!("{what} went well after {broken}")),
            (Err(error), _) if !self.faulty => Err(format!("{what} failed without a cause: {error:?}")),
            // Of what was refused nothing was done. A sync that failed is another matter, whatever it calls itself.
            (Err(error), _) if matches!(error.kind(), ErrorKind::Full | ErrorKind::Unavailable) && what != "a sync" => {
                Ok(())
            }
            (Err(_), Some(_)) => Ok(()),
            (Err(error), None) => {
                self.model.broken = Some(format!("{what} that failed ({error})"));
                Ok(())
            }
        }
    }

    pub(super) fn mark(&self) -> Mark {
        let Model { acked, written, closed, .. } = self.model;
        Mark { acked, written, streams: self.model.streams.len(), closed }
    }

    /// Checks every moment since `before`, and this one if more is promised now.
    pub(super) fn check(&mut self, before: Mark) -> Verdict {
        let points = self.disk.take_points();
        let count = points.len();
        for (index, point) in points.iter().enumerate() {
            let power = before.view(&self.model);
            let kill = View { must: before.written.max(before.acked), ..power };
            let checked = self.checker.moment(point, power, kill);
            checked.map_err(|what| format!("crash after operation {} of {count}: {what}", index + 1))?;
        }
        let now = self.mark();
        if now.acked > before.acked || now.streams > before.streams || now.closed != before.closed {
            let power = now.view(&self.model);
            let kill = View { must: now.written.max(now.acked), ..power };
            let checked = self.checker.moment(&self.disk.kill_image(), power, kill);
            checked.map_err(|what| format!("crash after the answer: {what}"))?;
        }
        Ok(())
    }
}

/// What was promised at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    acked: u64,
    written: u64,
    streams: usize,
    closed: bool,
}

impl Mark {
    pub(super) fn view(self, model: &Model) -> View<'_> {
        let Self { acked, streams, closed, .. } = self;
        View { model, must: acked, end: model.next_seq(), streams, closed }
    }
}
