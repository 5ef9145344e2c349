//! What is done to items beside working on them.

use syncline_core::{Error, port::QueueStorage as _};
use syncline_queue::JournalQueueStorage;

use super::{History, at, calls::Plan};
use crate::queue::sim::{
    Verdict,
    model::{Item, Step},
};

impl History {
    pub(super) fn cancel(&mut self) -> Verdict {
        let now = at(self.now);
        let step = |id: &str| Step::Gone(id.to_owned());
        self.one("cancel", Item::lives, step, async |queue, ids| queue.cancel(&ids, now).await)
    }

    pub(super) fn redrive(&mut self) -> Verdict {
        let now = at(self.now);
        let step = |id: &str| Step::Redrive { id: id.to_owned(), at: now.wall.as_millis() };
        self.one("redrive", |item| !item.lives(), step, async |queue, ids| queue.redrive(&ids, now).await)
    }

    pub(super) fn purge(&mut self) -> Verdict {
        let now = at(self.now);
        let step = |id: &str| Step::Gone(id.to_owned());
        self.one("purge", |item| !item.lives(), step, async |queue, ids| queue.purge(&ids, now).await)
    }

    /// Does something to one item that is fit and, once in a while, to one that is not.
    fn one(
        &mut self,
        name: &'static str,
        is_fit: impl Fn(&Item) -> bool,
        step: impl Fn(&str) -> Step,
        run: impl AsyncFnOnce(&JournalQueueStorage, Vec<String>) -> Result<Vec<bool>, Error>,
    ) -> Verdict {
        let anybody = self.random.once_in(4);
        let Some(id) = self.an_id(|item| anybody || is_fit(item)) else { return Ok(()) };
        let expected = vec![self.model.live.get(&id).is_some_and(is_fit)];
        let steps = if expected == [true] { vec![step(&id)] } else { Vec::new() };
        self.tell(|| id.clone());
        let plan = Plan { name, steps, synced: true, is_upkeep: false };
        match self.call(&plan, async |queue| run(queue, vec![id]).await)? {
            Some(told) if told != expected => Err(format!("{name} told {told:?}, expected is {expected:?}")),
            _ => Ok(()),
        }
    }
}
