//! Pushes, and what follows a completed item.

use bytes::Bytes;
use syncline_core::{
    Priority,
    port::{Admission, NewItem, Pushed, QueueStorage as _},
};

use super::{History, at, calls::Plan};
use crate::queue::sim::{
    Verdict,
    model::{Item, Stands, Step},
};

const ROOM: Admission = Admission { capacity: 1_000_000, unique_ids: true };

impl History {
    pub(super) fn push(&mut self) -> Verdict {
        let mut items: Vec<NewItem> = (0..=self.random.below(3)).map(|_| self.new_item()).collect();
        let mut expected = vec![Pushed::Inserted; items.len()];
        if self.random.once_in(12)
            && let Some(id) = self.an_id(Item::lives)
        {
            items.push(NewItem { id: id.clone(), ..self.new_item() });
            expected.push(Pushed::Duplicate { id });
        }
        let fresh = items.iter().zip(&expected).filter(|(_, told)| **told == Pushed::Inserted);
        let steps = fresh.map(|(item, _)| self.pushed(item)).collect();
        let plan = Plan { name: "push", steps, synced: true, is_upkeep: false };
        let now = at(self.now);
        let told = self.call(&plan, async |queue| queue.push(&items, ROOM, now).await)?;
        match told {
            Some(told) if told != expected => Err(format!("a push told {told:?}, expected is {expected:?}")),
            _ => Ok(()),
        }
    }

    /// An item unlike every other.
    pub(super) fn new_item(&mut self) -> NewItem {
        let number = self.model.pushes;
        self.model.pushes += 1;
        let delay = if self.random.once_in(4) { self.random.below(2_000) } else { 0 };
        let len = usize::try_from(self.random.below(self.setup.body_max)).unwrap_or(0);
        let mut body = number.to_le_bytes().to_vec();
        body.resize(body.len() + len, number.to_le_bytes()[0]);
        let lane = self.random.below(2 * self.setup.lanes.max(1));
        NewItem {
            id: format!("item {number}"),
            priority: Priority::ALL[self.random.index(Priority::ALL.len())],
            due: (delay > 0).then(|| at(self.now + delay).wall),
            max_attempts: [1, 2, 4][self.random.index(3)],
            partition: (lane < self.setup.lanes).then(|| format!("lane {lane}")),
            dedup: None,
            expires_at: None,
            body: Bytes::from(body),
        }
    }

    /// The step that keeps `new`.
    pub(super) fn pushed(&self, new: &NewItem) -> Step {
        let eligible = new.due.unwrap_or(at(self.now).wall).as_millis();
        // Numbered as they were made, which is as they are pushed.
        let number = new.id.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let item = Item {
            number,
            priority: new.priority,
            eligible,
            place: eligible,
            max: new.max_attempts,
            lane: new.partition.clone(),
            body: new.body.clone(),
            attempts: 0,
            token: 0,
            stands: Stands::Waiting,
        };
        Step::Push(new.id.clone(), Box::new(item))
    }

    /// Some id of an item that is fit.
    pub(super) fn an_id(&self, is_fit: impl Fn(&Item) -> bool) -> Option<String> {
        let fit: Vec<&String> = self.model.live.iter().filter(|(_, item)| is_fit(item)).map(|(id, _)| id).collect();
        fit.get(self.random.index(fit.len().max(1))).map(|id| (*id).clone())
    }
}
