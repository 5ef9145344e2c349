//! Items on the journal: the scheduler in memory, its steps on disk.
//!
//! How a call goes:
//!
//! 1. Under the lock it is decided what happens, and what it takes is reserved: ids, keys and room of a push, the lease of a
//!    settlement.
//! 2. The steps are appended to the stream as one record, which is there whole or not at all.
//! 3. The journal tells the owner of the stream, in order, what is as durable as it was asked to be; there the steps are
//!    applied. Recovery tells it the same.
//! 4. The caller is answered.
//!
//! Claims and what upkeep does are applied first and written `Buffered`: only this process sees them, and they must be
//! counted before anybody works, but a loss of power ends every worker with them.

mod staged;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use syncline_core::{
    Error, Instant, Result,
    port::{
        Admission, BoxFuture, Claim, Claimed, Lease, Moment, NewItem, Pushed, QueueOutcome as Outcome, QueueStats,
        QueueStorage, Reaped, Settled, Settlement, Stored,
    },
};
use syncline_journal::{Commit, Durability, Journal, Owner, Seq, Stream};

use super::{
    body::Body,
    codec::{self, Record},
    plan::{self, Reserved},
    time::QueueClock,
};
use crate::{
    queue::Bell,
    state::{Applied, Entry, Hold, Millis, Phase, State},
};

/// Most that one call of upkeep does before it says that there is more.
const REAP_MAX: usize = 64;
/// Streams of queues begin with this; their name follows.
const STREAM_PREFIX: &str = "queue/";

/// A queue on a journal.
pub struct JournalQueueStorage {
    shared: Arc<Shared>,
    stream: Stream,
    /// Bytes of all records that were appended here.
    appended_bytes: AtomicU64,
}

/// The owner of the stream.
#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// Who is told when something was carried out.
    bell: OnceLock<Arc<Bell>>,
}

#[derive(Default)]
struct Inner {
    state: State<Body>,
    clock: QueueClock,
    /// Items being settled, and when their leases would have ended.
    settling: HashMap<u64, Option<Instant>>,
    /// How many items need the record at a place of the journal.
    homes: BTreeMap<u64, u32>,
    /// Records that are needed until a time for the keys in them, though their items are gone.
    pinned: BTreeMap<(Millis, u64), u32>,
    /// The place after the last record before which none is on its way.
    end: u64,
    /// The time of the last record.
    time: Millis,
    is_live: bool,
    /// The first record that could not be read.
    fault: Option<Error>,
}

impl JournalQueueStorage {
    /// The queue called `name` on `journal`, with everything that was pushed to it. Items that were in somebody's hands when
    /// its process ended are back in their places, or dead after their last attempt.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](syncline_core::ErrorKind::Corrupt) or [`Invalid`](syncline_core::ErrorKind::Invalid) naming the first
    /// record that cannot be read; [`Conflict`](syncline_core::ErrorKind::Conflict) when the queue is open already; what the
    /// journal says.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use syncline_core::memory::MemoryDisk;
    /// use syncline_journal::{Config, Journal};
    /// use syncline_queue::JournalQueueStorage;
    ///
    /// # fn main() -> syncline_core::Result<()> {
    /// let journal = Journal::open(Arc::new(MemoryDisk::new()), Config::default())?.journal;
    /// let jobs = JournalQueueStorage::open(&journal, "jobs")?;
    /// drop(jobs);
    /// journal.close()
    /// # }
    /// ```
    pub fn open(journal: &Journal, name: &str) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let stream = journal.stream(&format!("{STREAM_PREFIX}{name}"), Arc::clone(&shared) as Arc<dyn Owner>)?;
        let storage = Self { shared, stream, appended_bytes: AtomicU64::new(0) };
        let orphans = storage.shared.inner().go_live()?;
        if !orphans.is_empty() {
            let record = storage.shared.inner().ahead(orphans);
            storage.stream.append(codec::encode(&record), Durability::Buffered)?.wait()?;
        }
        Ok(storage)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner()
    }

    /// Appends steps and waits for them.
    async fn append(&self, record: Record, durability: Durability) -> Result<()> {
        if record.entries.is_empty() {
            return Ok(());
        }
        self.submit(&record, durability)?.await?;
        Ok(())
    }

    fn submit(&self, record: &Record, durability: Durability) -> Result<Commit> {
        let bytes = codec::encode(record);
        self.appended_bytes.fetch_add(bytes.len() as u64, Relaxed);
        self.stream.append(bytes, durability)
    }

    /// Bytes of all records that were appended here, before they were compressed.
    pub(crate) fn appended_bytes(&self) -> u64 {
        self.appended_bytes.load(Relaxed)
    }

    /// Tells `bell` of all that is carried out from now on.
    pub(crate) fn tell(&self, bell: Arc<Bell>) {
        self.shared.bell.get_or_init(|| bell);
    }

    /// The item that is next, untouched.
    pub(crate) fn peek(&self, aging: Option<Duration>, now: Moment) -> Option<Stored> {
        let mut inner = self.inner();
        let time = inner.clock.at(now);
        plan::peek(&inner.state, aging, time)
    }

    async fn push_all(&self, items: &[NewItem], admission: Admission, now: Moment) -> Result<Vec<Pushed>> {
        let (reserved, time) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            (plan::reserve(&mut inner.state, items, admission, time)?, time)
        };
        let record = Record { is_ahead: false, time, entries: reserved.entries.clone() };
        match self.append(record, Durability::Sync).await {
            Ok(()) => Ok(reserved.told),
            Err(error) => Err(plan::give_back(&mut self.inner().state, &reserved, error)),
        }
    }

    async fn claim_some(&self, claim: Claim, now: Moment) -> Result<Vec<Claimed>> {
        let (record, claimed) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let (entries, claimed) = plan::claim(&mut inner.state, claim, now, time);
            (Record { is_ahead: true, time, entries }, claimed)
        };
        let mut unclaimed = Unclaimed { storage: self, seqs: record.entries.iter().filter_map(claimed_seq).collect() };
        self.append(record, Durability::Buffered).await?;
        unclaimed.seqs.clear();
        Ok(claimed)
    }

    async fn settle_all(&self, settlements: &[Settlement], now: Moment) -> Result<Vec<Settled>> {
        let (told, record, reserved, held) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            inner.settle(settlements, time)?
        };
        match self.append(record, Durability::Sync).await {
            Ok(()) => Ok(told),
            Err(error) => {
                let mut inner = self.inner();
                inner.resume(&held);
                Err(plan::give_back(&mut inner.state, &reserved, error))
            }
        }
    }

    /// Takes one step for each item that stands where it has to.
    async fn step_all(
        &self,
        ids: &[String],
        now: Moment,
        is_fit: fn(Phase) -> bool,
        step: impl Fn(u64, Millis) -> Entry<Body> + Send,
    ) -> Result<Vec<bool>> {
        let (told, record) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let (mut entries, mut told) = (Vec::new(), Vec::with_capacity(ids.len()));
            for id in ids {
                let seq = inner.state.find(id, is_fit).map(|slot| slot.seq);
                // Named twice, it is done once.
                let is_new = seq.is_some_and(|seq| !entries.iter().any(|entry| seq_of(entry) == Some(seq)));
                if let Some(seq) = seq.filter(|_| is_new) {
                    entries.push(step(seq, time));
                }
                told.push(is_new);
            }
            (told, Record { is_ahead: false, time, entries })
        };
        self.append(record, Durability::Sync).await?;
        Ok(told)
    }

    async fn reap_some(&self, now: Moment) -> Result<Reaped> {
        let (reaped, record, needed) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let (reaped, entries) = inner.reap(now, time);
            (reaped, Record { is_ahead: true, time, entries }, inner.needed_from())
        };
        // What was done is done in memory; should it not be written, it is done again after a restart.
        self.append(record, Durability::Buffered).await?;
        self.stream.truncate_below(Seq::new(needed));
        Ok(reaped)
    }
}

/// Items that were taken and that nobody has yet. Where the claim fails, or its caller is gone before it is answered, they
/// were never handed out: they go back to their places.
struct Unclaimed<'a> {
    storage: &'a JournalQueueStorage,
    seqs: Vec<u64>,
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        if self.seqs.is_empty() {
            return;
        }
        let record = {
            let mut inner = self.storage.inner();
            let entries: Vec<_> = self.seqs.iter().map(|seq| Entry::Return { seq: *seq, counts: false }).collect();
            for entry in &entries {
                inner.state.apply(entry.clone());
            }
            inner.ahead(entries)
        };
        // Should it not be written, the process is at its end or the journal is: the lease ends with either.
        let _ = self.storage.submit(&record, Durability::Buffered);
    }
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Each critical section leaves the state whole, so a panic elsewhere does not spoil it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner for Shared {
    fn apply(&self, entry: syncline_journal::Entry) {
        let seq = entry.seq.get();
        let mut inner = self.inner();
        match codec::decode(entry.payload, seq) {
            Ok(record) => {
                inner.land(seq, record);
                drop(inner);
                if let Some(bell) = self.bell.get() {
                    bell.carried_out();
                }
            }
            Err(error) => {
                let error = error.context(format!("record {seq} of the journal"));
                inner.fault.get_or_insert(error);
            }
        }
    }
}

impl Inner {
    /// Takes in a record that is as durable as it was asked to be.
    fn land(&mut self, seq: u64, record: Record) {
        // A record that was applied ahead may overtake pushes whose sync still runs. The others come in their order.
        if !record.is_ahead {
            self.end = self.end.max(seq + 1);
        }
        self.time = self.time.max(record.time);
        if self.is_live && record.is_ahead {
            return;
        }
        for entry in record.entries {
            self.step(entry);
        }
    }

    /// Takes a step and keeps account of the records that are needed.
    fn step(&mut self, entry: Entry<Body>) {
        self.settling.remove(&seq_of(&entry).unwrap_or(u64::MAX));
        let pushed = match &entry {
            Entry::Push(push) => Some(push.body.home),
            _ => None,
        };
        let key_until = match &entry {
            Entry::Complete { seq } | Entry::Drop { seq } => self.state.key_until(*seq),
            _ => None,
        };
        match self.state.apply(entry) {
            Applied::Done => {
                if let Some(home) = pushed {
                    *self.homes.entry(home).or_default() += 1;
                }
            }
            Applied::Gone(body) => match key_until.filter(|until| *until > self.time) {
                Some(until) => *self.pinned.entry((until, body.home)).or_default() += 1,
                None => self.leave(body.home, 1),
            },
            Applied::Moot => {}
        }
    }

    fn leave(&mut self, home: u64, count: u32) {
        if let Some(needed) = self.homes.get_mut(&home) {
            *needed = needed.saturating_sub(count);
            if *needed == 0 {
                self.homes.remove(&home);
            }
        }
    }

    /// The place of the first record that is needed.
    fn needed_from(&self) -> u64 {
        self.homes.first_key_value().map_or(self.end, |(home, _)| *home)
    }

    /// Ends the replay. Returns what becomes of those that were in somebody's hands.
    fn go_live(&mut self) -> Result<Vec<Entry<Body>>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.clock = QueueClock::from(self.time);
        let orphans: Vec<_> = self.state.leased().into_iter().map(|seq| plan::returned(&self.state, seq)).collect();
        for entry in &orphans {
            self.state.apply(entry.clone());
        }
        self.is_live = true;
        Ok(orphans)
    }

    fn ahead(&self, entries: Vec<Entry<Body>>) -> Record {
        Record { is_ahead: true, time: self.time, entries }
    }

    /// Decides on settlements, and keeps everybody else from what they settle.
    fn settle(
        &mut self,
        settlements: &[Settlement],
        time: Millis,
    ) -> Result<(Vec<Settled>, Record, Reserved, Vec<u64>)> {
        let (mut told, mut entries, mut held) = (Vec::with_capacity(settlements.len()), Vec::new(), Vec::new());
        let mut reserved = Reserved::default();
        for settlement in settlements {
            let (settled, entry) = plan::settle(&self.state, &settlement.lease, &settlement.outcome);
            let Some((seq, entry)) = entry.and_then(|entry| Some((seq_of(&entry)?, entry))) else {
                told.push(settled);
                continue;
            };
            if self.settling.contains_key(&seq) {
                told.push(Settled::Lost);
                continue;
            }
            if let Outcome::Complete { push } = &settlement.outcome {
                let anyway = Admission { capacity: u64::MAX, unique_ids: true };
                match plan::reserve_after(&mut self.state, Some(&settlement.lease.id), push, anyway, time) {
                    Ok(more) => {
                        entries.push(entry);
                        entries.extend(more.entries.iter().cloned());
                        reserved.entries.extend(more.entries);
                    }
                    Err(error) => {
                        self.resume(&held);
                        return Err(plan::give_back(&mut self.state, &reserved, error));
                    }
                }
            } else {
                entries.push(entry);
            }
            let until = self.state.hold_lease(seq);
            self.settling.insert(seq, until);
            held.push(seq);
            told.push(settled);
        }
        Ok((told, Record { is_ahead: false, time, entries }, reserved, held))
    }

    /// Settlements that were not kept: their leases go on.
    fn resume(&mut self, held: &[u64]) {
        for seq in held {
            if let Some(Some(until)) = self.settling.remove(seq) {
                self.state.lease_until(*seq, until);
            }
        }
    }

    fn reap(&mut self, now: Moment, time: Millis) -> (Reaped, Vec<Entry<Body>>) {
        let (mut reaped, mut entries) = (Reaped { more: true, ..Reaped::default() }, Vec::new());
        while entries.len() < REAP_MAX {
            let due = plan::reap(&self.state, now, time);
            if due.is_empty() {
                reaped.more = self.state.sweep(time) > 0;
                break;
            }
            for entry in due {
                reaped.leases += u64::from(matches!(entry, Entry::Return { .. }));
                reaped.dead += u64::from(matches!(entry, Entry::Bury { .. }));
                self.state.apply(entry.clone());
                entries.push(entry);
            }
        }
        while let Some(first) = self.pinned.first_entry()
            && first.key().0 <= time
        {
            let ((_, home), count) = first.remove_entry();
            self.leave(home, count);
        }
        (reaped, entries)
    }

    fn extend(&mut self, lease: &Lease, by: Duration, now: Moment) -> bool {
        let token = lease.token.map(|token| u32::try_from(token).unwrap_or(0));
        match self.state.hold(&lease.id, token) {
            Hold::Held { seq } if !self.settling.contains_key(&seq) => {
                self.state.lease_until(seq, now.steady + by);
                true
            }
            _ => false,
        }
    }

    fn next_due(&self, now: Moment, time: Millis) -> Option<Duration> {
        let by_calendar = self.state.next_due().map(|due| Duration::from_millis(due.saturating_sub(time)));
        [by_calendar, self.state.next_lease_end(now.steady)].into_iter().flatten().min()
    }
}

fn claimed_seq(entry: &Entry<Body>) -> Option<u64> {
    match entry {
        Entry::Claim { seq } => Some(*seq),
        _ => None,
    }
}

/// The item that a step is about; `None` for a push, which is about a new one.
fn seq_of(entry: &Entry<Body>) -> Option<u64> {
    match entry {
        Entry::Push(_) => None,
        Entry::Claim { seq }
        | Entry::Complete { seq }
        | Entry::Retry { seq, .. }
        | Entry::Return { seq, .. }
        | Entry::Bury { seq, .. }
        | Entry::Redrive { seq, .. }
        | Entry::Drop { seq } => Some(*seq),
    }
}

fn is_dead(phase: Phase) -> bool {
    phase == Phase::Dead
}

fn lives(phase: Phase) -> bool {
    !matches!(phase, Phase::Dead | Phase::Reserved)
}

impl QueueStorage for JournalQueueStorage {
    fn push<'a>(
        &'a self,
        items: &'a [NewItem],
        admission: Admission,
        now: Moment,
    ) -> BoxFuture<'a, Result<Vec<Pushed>>> {
        Box::pin(self.push_all(items, admission, now))
    }

    fn claim(&self, claim: Claim, now: Moment) -> BoxFuture<'_, Result<Vec<Claimed>>> {
        Box::pin(self.claim_some(claim, now))
    }

    fn settle<'a>(&'a self, settlements: &'a [Settlement], now: Moment) -> BoxFuture<'a, Result<Vec<Settled>>> {
        Box::pin(self.settle_all(settlements, now))
    }

    fn extend<'a>(&'a self, leases: &'a [Lease], lease: Duration, now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move {
            let mut inner = self.inner();
            Ok(leases.iter().map(|one| inner.extend(one, lease, now)).collect())
        })
    }

    fn cancel<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(self.step_all(ids, now, lives, |seq, _| Entry::Drop { seq }))
    }

    fn redrive<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(self.step_all(ids, now, is_dead, |seq, at| Entry::Redrive { seq, at }))
    }

    fn purge<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(self.step_all(ids, now, is_dead, |seq, _| Entry::Drop { seq }))
    }

    fn reap(&self, now: Moment) -> BoxFuture<'_, Result<Reaped>> {
        Box::pin(self.reap_some(now))
    }

    fn next_due(&self, now: Moment) -> BoxFuture<'_, Result<Option<Duration>>> {
        Box::pin(async move {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            Ok(inner.next_due(now, time))
        })
    }

    fn get<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Stored>>> {
        Box::pin(async move {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            Ok(inner.state.get(id).and_then(|slot| plan::stored(&inner.state, slot, time)))
        })
    }

    fn dead<'a>(&'a self, after: Option<&'a str>, limit: usize, now: Moment) -> BoxFuture<'a, Result<Vec<Stored>>> {
        Box::pin(async move {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let state = &inner.state;
            let after = after.and_then(|id| state.find(id, is_dead)).map(|slot| slot.seq);
            Ok(state.dead(after).filter_map(|slot| plan::stored(state, slot, time)).take(limit).collect())
        })
    }

    fn stats(&self, _now: Moment) -> BoxFuture<'_, Result<QueueStats>> {
        Box::pin(async move {
            let counts = self.inner().state.counts();
            Ok(QueueStats { waiting: counts.waiting, leased: counts.leased, dead: counts.dead })
        })
    }
}

impl Drop for JournalQueueStorage {
    fn drop(&mut self) {
        // Another opening of the same journal may own the stream then.
        self.stream.release();
    }
}

impl fmt::Debug for JournalQueueStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalQueueStorage")
            .field("stream", &self.stream.name())
            .field("counts", &self.inner().state.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What went wrong: a claim that overtook a push whose sync still ran let the journal drop what came before the claim, and
    /// with it the push that was answered a moment later.
    #[test]
    fn a_record_that_overtakes_a_push_does_not_let_it_go() {
        let mut inner = Inner { is_live: true, ..Inner::default() };
        let record = |is_ahead| Record { is_ahead, time: 1, entries: Vec::new() };
        inner.land(9, record(false));
        inner.land(11, record(true));
        assert_eq!(inner.needed_from(), 10);
        inner.land(10, record(false));
        inner.land(12, record(false));
        assert_eq!(inner.needed_from(), 13);
    }
}
