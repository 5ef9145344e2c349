//! The scheduler and what the journal still holds for it, as one thing under one lock.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use syncline_core::{
    Error, Instant, Result,
    port::{Buried, DeadReason, Reaped, Retention},
};

use super::{
    codec::{Arriving, Read, Reading, Record},
    moving::Sweep,
    plan,
    steps::seq_of,
    unheard::Unheard,
};
use crate::{
    state::{Applied, Dedup, Ended, Entry, Millis, State},
    storage::{body::Body, counted::Lives, history::History, time::QueueClock},
};

/// Bytes that a key without an item takes in a record beside its text, about.
pub(super) const KEY_BYTES: u64 = 24;

#[derive(Default)]
pub(super) struct Inner {
    pub(super) state: State<Body>,
    pub(super) clock: QueueClock,
    /// Items being settled, and when their leases would have ended; and those that leave the dead.
    pub(super) settling: HashMap<u64, Option<Instant>>,
    /// What died that nobody was told of: buried by claims whose callers are gone, or by moves, for its content is damaged. The
    /// next claim tells it; until then each is a dead letter too.
    pub(super) untold: Vec<Buried>,
    /// Records on their way whose callers are gone. No more than wait in the journal, and those answered since the last call.
    pub(super) unheard: Vec<Unheard>,
    /// What ended lately. Each has the home that its item had, until it is written down where the journal goes on.
    pub(super) history: History,
    /// How many items, keys and ends need the record at a place of the journal.
    pub(super) homes: BTreeMap<u64, u32>,
    /// Keys that are taken until a time though their items, by seq, are gone; and the records that hold them.
    pub(super) pinned: BTreeMap<(Millis, u64), u64>,
    /// Bytes that all items carry, and how many of them are in memory.
    body_bytes: u64,
    pub(super) in_memory: u64,
    /// Most bytes that are to be in memory.
    in_memory_max: u64,
    /// How far what is needed has been moved forward.
    pub(super) sweep: Option<Sweep>,
    /// The place after the last record before which none is on its way.
    pub(super) end: u64,
    /// The time of the last record.
    pub(super) time: Millis,
    pub(super) is_live: bool,
    /// What upkeep did whose caller was told nothing of it, or of a failure alone: the next one tells it.
    pub(super) reaped: Reaped,
    /// The first record that could not be read.
    pub(super) fault: Option<Error>,
}

impl Lives for Inner {
    fn lives(&self) -> u64 {
        self.state.counts().lives()
    }
}

impl Inner {
    /// An empty one that remembers as much as this of what ended, and keeps at most so many bytes of what its items carry in
    /// memory.
    pub(super) fn keeping(retention: Retention, in_memory_max: u64) -> Self {
        let mut inner = Self { history: History::new(retention), in_memory_max, ..Self::default() };
        inner.state.begin_replay();
        inner
    }

    /// Takes in a record that is as durable as it was asked to be, and is read from `payload`. One of a replay that cannot be
    /// read ends the queue: nothing of all this is used then. This process wrote those of its own life.
    ///
    /// # Errors
    ///
    /// As its steps have them.
    pub(super) fn land(&mut self, seq: u64, record: Reading<'_>, payload: &[u8]) -> Result<()> {
        let Reading { is_ahead, time, steps } = record;
        self.reach(seq, is_ahead, time);
        if self.is_live && is_ahead {
            return Ok(());
        }
        let mut arrived = 0;
        for step in steps {
            match step? {
                Read::Push(push) => arrived += u32::from(self.arrive(&push, payload)?),
                Read::Other(entry) => {
                    self.need(seq, std::mem::take(&mut arrived));
                    self.take(entry, seq, payload, time);
                }
            }
        }
        self.need(seq, arrived);
        Ok(())
    }

    /// A record of this time is there.
    fn reach(&mut self, seq: u64, is_ahead: bool, time: Millis) {
        // A record that was applied ahead may overtake pushes whose sync still runs. The others come in their order.
        if !is_ahead {
            self.end = self.end.max(seq + 1);
        }
        self.time = self.time.max(time);
        if !(self.is_live && is_ahead) {
            // As when it was decided, so that a replay gives the same tokens.
            self.state.reach(time);
        }
    }

    fn take(&mut self, entry: Entry<Body>, home: u64, payload: &[u8], time: Millis) {
        match entry {
            Entry::Key { seq, dedup } => self.keep_key(seq, dedup, home),
            Entry::Ended(ended) => self.keep_end(*ended, home),
            entry => self.step(entry, payload, time),
        }
    }

    /// Accepts an item that is pushed; returns whether the record is needed for it.
    fn arrive(&mut self, arriving: &Arriving<'_>, payload: &[u8]) -> Result<bool> {
        // In a replay nobody reserved, and looking for each item would take as long as putting it in.
        let reserved = if self.is_live { self.state.reserved(arriving.seq) } else { None };
        let stays = self.in_memory + arriving.body.len() <= self.in_memory_max;
        let in_memory = if let Some(at) = reserved {
            let lane = arriving.lane()?;
            let Some(body) = self.state.body_mut(at) else { return Ok(false) };
            body.come_home(&arriving.body, stays);
            let in_memory = body.in_memory();
            self.state.accept(at, lane);
            in_memory
        } else {
            let mut push = arriving.to_push()?;
            if stays {
                push.body.take_in(None, payload);
            }
            let in_memory = push.body.in_memory();
            if self.state.push(push) != Applied::Done {
                return Ok(false);
            }
            in_memory
        };
        self.body_bytes += arriving.body.len();
        self.in_memory += in_memory;
        Ok(true)
    }

    /// Takes a step of an item that arrived before, and keeps account of the records that are needed.
    fn step(&mut self, mut entry: Entry<Body>, payload: &[u8], time: Millis) {
        if let Some(seq) = seq_of(&entry) {
            self.settling.remove(&seq);
        }
        let arrived = match &mut entry {
            // Its end was carried out while its copy was on its way.
            Entry::Move(moved) if self.is_live && self.state.of_seq(moved.push.seq).is_none() => return,
            Entry::Move(moved) => Some((moved.push.seq, &mut moved.push.body)),
            _ => None,
        };
        let arrived = arrived.map(|(seq, body)| {
            self.keep_in_memory(seq, body, payload);
            (body.home(), body.len(), body.in_memory())
        });
        let key = match &entry {
            Entry::Complete { seq } | Entry::Drop { seq } | Entry::Outlive { seq } => {
                self.state.key_until(*seq).map(|until| (until, *seq))
            }
            _ => None,
        };
        let ended = self.history.end_of(&self.state, &entry, time);
        let died = self.dying(&entry);
        let applied = if self.is_live { self.state.apply(entry) } else { self.state.retake(entry) };
        match (applied, arrived) {
            (Applied::Done, None) => self.untold.extend(died),
            (Applied::Done, Some((home, bytes, in_memory))) => {
                self.need(home, 1);
                self.body_bytes += bytes;
                self.in_memory += in_memory;
            }
            (Applied::Replaced(body), Some((home, bytes, in_memory))) => {
                self.need(home, 1);
                self.body_bytes = (self.body_bytes + bytes).saturating_sub(body.len());
                self.in_memory = (self.in_memory + in_memory).saturating_sub(body.in_memory());
                self.leave(body.home());
            }
            (Applied::Gone(body), _) => {
                self.body_bytes = self.body_bytes.saturating_sub(body.len());
                self.in_memory = self.in_memory.saturating_sub(body.in_memory());
                let key = key.filter(|(until, _)| *until > self.time);
                self.part_from(body.home(), ended, key, time);
            }
            (Applied::Replaced(_) | Applied::Moot, _) => {}
        }
    }

    /// Whose end this is, where it is one of which no caller is told.
    fn dying(&self, entry: &Entry<Body>) -> Option<Buried> {
        match entry {
            // Claims bury too, and take the step themselves; the others reject.
            Entry::Bury { seq, reason: reason @ DeadReason::Corrupt, .. } if self.is_live => {
                let slot = self.state.of_seq(*seq)?;
                Some(Buried { id: (&slot.id).into(), reason: *reason })
            }
            _ => None,
        }
    }

    /// An item is gone that had its home here. What is remembered of it, and its key while that is taken, need the record
    /// in its stead.
    fn part_from(&mut self, home: u64, ended: Option<Ended>, key: Option<(Millis, u64)>, time: Millis) {
        match (ended.is_some(), key.is_some()) {
            (false, false) => self.leave(home),
            (true, true) => self.need(home, 1),
            (true, false) | (false, true) => {}
        }
        if let Some(key) = key {
            self.pinned.insert(key, home);
        }
        if let Some(ended) = ended {
            self.history.note(ended, home);
            self.forget_ends(time);
        }
    }

    /// An end that was told is new here: what is remembered of it needs the record at `home`.
    fn remember(&mut self, ended: Ended, home: u64, time: Millis) {
        self.need(home, 1);
        self.history.note(ended, home);
        self.forget_ends(time);
    }

    /// Forgets ends that are too old or too many.
    pub(super) fn forget_ends(&mut self, time: Millis) {
        while let Some(home) = self.history.forget_one(time) {
            self.leave(home);
        }
    }

    /// What is remembered of an item stands in the record at `home` too.
    fn keep_end(&mut self, ended: Ended, home: u64) {
        match self.history.home_mut(ended.place()) {
            Some(place) => {
                let before = std::mem::replace(place, home);
                self.need(home, 1);
                self.leave(before);
            }
            // It was forgotten while its copy was on its way.
            None if self.is_live => {}
            None => self.remember(ended, home, self.time),
        }
    }

    /// Takes what a moved item carries into memory, where there is room for it: that of an item that is there is counted.
    fn keep_in_memory(&self, seq: u64, body: &mut Body, payload: &[u8]) {
        // In a replay looking for each item would take as long as putting it in.
        let known = self.is_live.then(|| self.state.of_seq(seq)).flatten();
        let known = known.filter(|slot| slot.body.as_slice().is_some());
        if known.is_some() || self.in_memory + body.len() <= self.in_memory_max {
            body.take_in(known.map(|slot| &slot.body), payload);
        }
    }

    /// A key without an item stands in the record at `home` too.
    fn keep_key(&mut self, seq: u64, dedup: Dedup, home: u64) {
        match self.pinned.get_mut(&(dedup.until, seq)) {
            Some(place) => {
                let before = std::mem::replace(place, home);
                self.leave(before);
            }
            // Its time was over while its copy was on its way.
            None if self.is_live => return,
            None => {
                self.pinned.insert((dedup.until, seq), home);
                self.state.apply(Entry::Key { seq, dedup });
            }
        }
        self.need(home, 1);
    }

    /// Bytes of records that are needed.
    pub(super) fn bytes(&self) -> u64 {
        self.body_bytes + self.state.bytes() + self.history.bytes() + self.pinned.len() as u64 * KEY_BYTES * 4
    }

    /// So many things more need the record at `home`.
    fn need(&mut self, home: u64, more: u32) {
        if more > 0 {
            *self.homes.entry(home).or_default() += more;
        }
    }

    /// One thing less needs the record at `home`.
    pub(super) fn leave(&mut self, home: u64) {
        if let Some(needed) = self.homes.get_mut(&home) {
            *needed = needed.saturating_sub(1);
            if *needed == 0 {
                self.homes.remove(&home);
            }
        }
    }

    /// The place of the first record that is needed.
    pub(super) fn needed_from(&self) -> u64 {
        self.homes.first_key_value().map_or(self.end, |(home, _)| *home)
    }

    /// Ends the replay. Returns what becomes of those that were in somebody's hands.
    pub(super) fn go_live(&mut self) -> Result<Vec<Entry<Body>>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.state.end_replay();
        // What ended may be gone with its records: no lease of now on is taken for one of then.
        self.time = self.time.saturating_add(1);
        self.state.reach(self.time);
        self.clock = QueueClock::from(self.time);
        let orphans: Vec<_> = self
            .state
            .leased()
            .into_iter()
            .map(|seq| plan::returned(&self.state, seq, self.time))
            .collect();
        for entry in &orphans {
            self.state.apply(entry.clone());
        }
        self.is_live = true;
        Ok(orphans)
    }

    pub(super) fn ahead(&self, entries: Vec<Entry<Body>>) -> Record {
        Record { is_ahead: true, time: self.time, entries }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::codec, *};

    /// What went wrong: a claim that overtook a push whose sync still ran let the journal drop what came before the claim, and
    /// with it the push that was answered a moment later.
    #[test]
    fn a_record_that_overtakes_a_push_does_not_let_it_go() {
        let mut inner = Inner { is_live: true, ..Inner::default() };
        let mut land = |seq, is_ahead| {
            let bytes = codec::encode(&Record { is_ahead, time: 1, entries: Vec::new() }).unwrap();
            inner.land(seq, codec::open(&bytes, seq).unwrap(), &bytes).unwrap();
            inner.needed_from()
        };
        land(9, false);
        assert_eq!(land(11, true), 10);
        land(10, false);
        assert_eq!(land(12, false), 13);
    }
}
