//! Every state in which a crash may leave the disk is opened, and what is found must be a state of the queue's past.

use std::sync::Arc;

use syncline_core::{
    Result,
    port::{DeadReason, List, Moment, QueueStats, QueueStorage as _, Standing},
    rt::block_on,
};
use syncline_journal::{Config, Journal};
use syncline_queue::JournalQueueStorage;
use syncline_testkit::{
    SeededRandom, SimDisk,
    disk::{Call, Effect, Fault},
};

use super::{
    Bug, Verdict,
    model::{self, Items, Stands},
};

/// Images of one crash during recovery.
const NESTED_BOUND: usize = 3;
/// Items on one page of a list.
const PAGE: usize = 500;

/// How many images were opened and judged, by what led to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Power lost at some operation.
    pub(super) power: u64,
    /// Process killed at some operation.
    pub(super) kill: u64,
    /// Power lost during recovery.
    pub(super) in_recovery: u64,
    /// Recovered once more.
    pub(super) again: u64,
    /// A call of the recovery failed.
    pub(super) failing: u64,
}

impl Tally {
    pub(super) fn images(&self) -> u64 {
        let Self { power, kill, in_recovery, again, failing } = self;
        power + kill + in_recovery + again + failing
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.power += other.power;
        self.kill += other.kill;
        self.in_recovery += other.in_recovery;
        self.again += other.again;
        self.failing += other.failing;
    }
}

/// A queue that is open, and its journal.
pub(super) struct Opened {
    pub(super) queue: JournalQueueStorage,
    pub(super) journal: Journal,
}

impl Opened {
    /// Waits until the threads of the journal have nothing left to do, so that the next call finds what it found before.
    pub(super) fn rest(&self) {
        while !self.journal.is_at_rest() {
            std::thread::yield_now();
        }
    }
}

/// Opens images of one history.
pub(super) struct Checker {
    pub(super) config: Config,
    pub(super) planted: Bug,
    pub(super) random: SeededRandom,
    /// Images of one crash; 0 judges none at all.
    pub(super) bound: usize,
    /// The moment at which it looks: a queue remembers the latest it was told.
    pub(super) now: Moment,
    pub(super) tally: Tally,
    /// All outcomes, so that two runs can be compared.
    pub(super) trace: blake3::Hasher,
}

impl Checker {
    pub(super) fn open(&self, disk: &SimDisk) -> Result<Opened> {
        let random = Arc::new(self.random.split(0));
        let journal = Journal::with_random(Arc::new(disk.clone()), self.config.clone(), random)?.journal;
        let queue = JournalQueueStorage::open(&journal, "jobs")?.with_planted(self.planted.queue);
        let opened = Opened { queue, journal };
        opened.rest();
        Ok(opened)
    }

    /// One moment at which power may be lost or the process killed; `written` are those of `states` that a kill may leave.
    pub(super) fn moment(&mut self, disk: &SimDisk, states: &[Items], written: &[Items]) -> Verdict {
        if self.bound == 0 {
            return Ok(());
        }
        for image in disk.crash_images(self.bound, &self.random) {
            self.tally.power += 1;
            self.image(&image, states, states)?;
        }
        if self.random.once_in(3) {
            self.tally.kill += 1;
            self.image(&disk.kill_image(), written, states)
                .map_err(|what| format!("after a kill: {what}"))?;
        }
        Ok(())
    }

    /// One image. `power` is what may stand if power is lost before it was recovered.
    fn image(&mut self, image: &SimDisk, states: &[Items], power: &[Items]) -> Verdict {
        let before = image.kill_image();
        let nested = self.random.once_in(256);
        image.collect_points(nested);
        let (opened, found) = self.recover(image, states)?;
        drop(opened);
        if nested {
            self.crashes_in_recovery(image, power)?;
        }
        match self.random.below(32) {
            0..=1 => {
                self.tally.again += 2;
                for disk in [image.kill_image(), image.synced_image()] {
                    self.recover(&disk, std::slice::from_ref(&found))
                        .map_err(|what| format!("recovered once more: {what}"))?;
                }
                Ok(())
            }
            2 => self.failing_recovery(&before, states),
            _ => Ok(()),
        }
    }

    /// Opens, and finds what stands among `states`.
    pub(super) fn recover(&mut self, disk: &SimDisk, states: &[Items]) -> Verdict<(Opened, Items)> {
        let opened = match self.open(disk) {
            Err(error) if error.kind() == syncline_core::ErrorKind::Full => {
                disk.set_capacity(None);
                self.open(disk)
            }
            other => other,
        }
        .map_err(|error| format!("it does not open: {error:?}"))?;
        let found = self.found(&opened, states)?;
        Ok((opened, found))
    }

    /// Which of `states` stands.
    pub(super) fn found(&mut self, opened: &Opened, states: &[Items]) -> Verdict<Items> {
        let seen = look(&opened.queue, self.now)?;
        let candidates = states.iter().map(model::recovered).rev();
        let mut nearest = None;
        for (back, candidate) in candidates.enumerate() {
            match differs(&candidate, &seen) {
                None => {
                    self.trace.update(&(back as u64).to_le_bytes());
                    return Ok(candidate);
                }
                Some(what) => nearest.get_or_insert(what),
            };
        }
        let what = nearest.unwrap_or_default();
        Err(format!("it is not what it was after any of the last {} records: {what}", states.len()))
    }

    fn crashes_in_recovery(&mut self, image: &SimDisk, states: &[Items]) -> Verdict {
        let points = image.take_points();
        image.collect_points(false);
        for (index, point) in points.iter().enumerate() {
            for image in point.crash_images(NESTED_BOUND, &self.random) {
                self.tally.in_recovery += 1;
                self.recover(&image, states)
                    .map_err(|what| format!("after a crash at operation {index} of recovery: {what}"))?;
            }
        }
        Ok(())
    }

    /// A call of the recovery fails: it says so, or it was not needed. Afterwards all is as before.
    fn failing_recovery(&mut self, disk: &SimDisk, states: &[Items]) -> Verdict {
        let (skip, lasts) = (self.random.below(24), self.random.once_in(4));
        let call = self.random.once_in(2).then_some(Call::Read);
        disk.fail(Fault { call, skip, effect: Effect::Eio, lasts });
        self.tally.failing += 1;
        let failed = |what| format!("call {skip} of the recovery failed: {what}");
        if let Ok(opened) = self.open(disk) {
            self.found(&opened, states).map_err(failed)?;
        }
        disk.heal();
        self.recover(&disk.kill_image(), states).map(drop).map_err(failed)
    }
}

/// All that is there; that its numbers add up is checked at once.
fn look(queue: &JournalQueueStorage, now: Moment) -> Verdict<Items> {
    let mut seen = Items::new();
    for standing in [Standing::Ready, Standing::Scheduled, Standing::Leased, Standing::Dead] {
        let (list, mut after) = (List::of(standing), None);
        loop {
            let page = block_on(queue.list(&list, after, PAGE, now)).map_err(|error| format!("no list: {error:?}"))?;
            for listed in page.items {
                let (item, id) = (seen_of(queue, &listed.id, now)?, listed.id);
                if seen.insert(id.clone(), item).is_some() {
                    return Err(format!("{id} is there twice"));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let stats = block_on(queue.stats(now)).map_err(|error| format!("no numbers: {error:?}"))?;
    let recounted = recount(&seen);
    let stats = QueueStats { first_at: recounted.first_at, dead_since: recounted.dead_since, ..stats };
    if stats != recounted {
        return Err(format!("its numbers are {stats:?}, counted they are {recounted:?}"));
    }
    Ok(seen)
}

fn seen_of(queue: &JournalQueueStorage, id: &str, now: Moment) -> Verdict<model::Item> {
    let stored = block_on(queue.get(id, now)).map_err(|error| format!("no {id}: {error:?}"))?;
    let stored = stored.ok_or_else(|| format!("{id} is listed, and nobody knows it"))?;
    let stands = match (stored.standing, stored.dead) {
        (Standing::Dead, reason) => Stands::Dead(reason.unwrap_or(DeadReason::Corrupt)),
        (Standing::Leased, _) => Stands::Held(0),
        (Standing::Ready | Standing::Scheduled, _) => Stands::Waiting,
    };
    let claimed = stored.item;
    Ok(model::Item {
        number: 0,
        priority: claimed.priority,
        eligible: claimed.eligible_at.as_millis(),
        place: 0,
        max: claimed.max_attempts,
        lane: claimed.partition,
        body: claimed.body,
        attempts: claimed.attempt,
        token: 0,
        stands,
    })
}

fn recount(seen: &Items) -> QueueStats {
    let mut stats = QueueStats::default();
    for item in seen.values() {
        let counts = match item.stands {
            Stands::Waiting => &mut stats.waiting,
            Stands::Held(_) => &mut stats.leased,
            Stands::Dead(_) => &mut stats.dead,
        };
        if let Some(count) = counts.get_mut(usize::from(item.priority.number())) {
            *count += 1;
        }
    }
    stats
}

/// In what the queue that was found is another than `items`.
fn differs(items: &Items, seen: &Items) -> Option<String> {
    if let Some(id) = seen.keys().find(|id| !items.contains_key(*id)) {
        return Some(format!("{id} is there and should not be"));
    }
    for (id, item) in items {
        let Some(found) = seen.get(id) else { return Some(format!("{id} is lost")) };
        let expected = model::Item { number: 0, place: 0, token: 0, ..item.clone() };
        if expected != *found {
            return Some(format!("{id} is {found:?}, it should be {expected:?}"));
        }
    }
    None
}
