//! The journal as its users hold it.

use std::{collections::BTreeMap, fmt, sync::Arc, thread::ThreadId};

use bytes::Bytes;
use syncline_core::{
    Error, ErrorKind, Instant, Result,
    port::{Clock as _, Disk, Random},
    rt,
};

use crate::{
    Commit, Config, Durability, Owner, RecoveryReport, Space, Stats, Stream, Transaction, Verified,
    commit::{self, Settle},
    config::planted,
    hub::{Hub, closed},
    log::{self, Log, Submission},
    owners::{Owners, Seat},
    reads::Reads,
    recover::Named,
    replay::Plan,
    reservation::Reservations,
    sync::{Mutex, lock},
    threads, verify,
};

/// A journal: one directory, many streams. Clones are the same journal.
///
/// Dropping the last clone, stream and transaction closes it as [`close`](Self::close) does, but loses the error.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

/// A journal that was opened, and what was found.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// What its directory held.
    pub report: RecoveryReport,
    /// The streams of the owners that were given, in their order.
    pub streams: Vec<Stream>,
}

/// What all users of a journal share. Its threads know only `shared`, so that dropping the last handle can end them.
pub(crate) struct Handle {
    shared: Arc<Shared>,
    threads: Mutex<Vec<rt::Thread>>,
    /// Bytes of records that each stream says it needs.
    needs: Mutex<BTreeMap<u32, u64>>,
    /// Who must not wait for the threads: themselves.
    thread_ids: Vec<ThreadId>,
}

/// What the threads and the users of a journal share.
pub(crate) struct Shared {
    pub(crate) hub: Hub<Queued>,
    pub(crate) log: Mutex<Log>,
    pub(crate) owners: Owners,
    pub(crate) config: Config,
    pub(crate) reads: Reads,
    /// When the oldest write without a sync was made; kept only where the configuration bounds its age.
    unsynced_since: Mutex<Option<Instant>>,
}

/// A submission on its way.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) submission: Submission,
    pub(crate) durability: Durability,
    pub(crate) settle: Settle,
}

impl Journal {
    /// Opens the journal in `disk`, making one where the directory is empty, and starts its two threads. Blocks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] naming who holds the directory; [`ErrorKind::Corrupt`] naming the range when acknowledged data
    /// is damaged; [`ErrorKind::Denied`] for a wrong key; [`ErrorKind::Invalid`] for a format newer than this program;
    /// [`ErrorKind::Full`] without space for a segment. What stands in the directory is not changed then.
    pub fn open(disk: Arc<dyn Disk>, config: Config) -> Result<Opened> {
        Self::with_random(disk, config, Arc::new(rt::SystemRandom))
    }

    /// As [`open`](Self::open), with salts and keys drawn from `random`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_random(disk: Arc<dyn Disk>, config: Config, random: Arc<dyn Random>) -> Result<Opened> {
        Self::with_owners(disk, config, random, &[])
    }

    /// As [`open`](Self::open), registering streams for these owners, each with its name. It reads the directory once, where
    /// [`stream`](Self::stream) reads what the owner needs again: the owners hear of records while what follows is read and
    /// judged. An owner that was given to an opening that failed may have heard of some, and is to be thrown away.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open) and [`stream`](Self::stream); [`ErrorKind::Poisoned`] where an owner panicked.
    pub fn open_with(disk: Arc<dyn Disk>, config: Config, owners: &[(&str, Arc<dyn Owner>)]) -> Result<Opened> {
        Self::with_owners(disk, config, Arc::new(rt::SystemRandom), owners)
    }

    fn with_owners(disk: Arc<dyn Disk>, config: Config, random: Arc<dyn Random>, owners: Named<'_>) -> Result<Opened> {
        check_names(owners)?;
        let place = disk.describe();
        let opened = Log::open_telling(disk, config.clone(), random, owners);
        let (log, report) = opened.map_err(|error| error.context(format!("journal in {place}")))?;
        let shared = Arc::new(Shared {
            hub: Hub::new(config.queue_bytes_max),
            log: Mutex::new(log),
            owners: Owners::default(),
            config,
            reads: Reads::default(),
            unsynced_since: Mutex::new(None),
        });
        let threads = threads::start(&shared)?;
        let thread_ids = threads.iter().map(rt::Thread::id).collect();
        let handle = Arc::new(Handle {
            shared,
            threads: Mutex::new(threads),
            needs: Mutex::new(BTreeMap::new()),
            thread_ids,
        });
        let journal = Self { handle };
        let streams = owners.iter().map(|(name, owner)| journal.seat_told(name, owner)).collect::<Result<_>>()?;
        Ok(Opened { journal, report, streams })
    }

    /// Registers the stream `name` for an owner that was told of all its records.
    fn seat_told(&self, name: &str, owner: &Arc<dyn Owner>) -> Result<Stream> {
        let mut log = self.log();
        let (id, _) = log.register(name)?;
        let end = log.next_seq();
        drop(log);
        self.seat(id, name, Arc::clone(owner))?.go_live(end);
        Ok(Stream { handle: Arc::clone(&self.handle), id, name: name.into() })
    }

    fn seat(&self, id: u32, name: &str, owner: Arc<dyn Owner>) -> Result<Arc<Seat>> {
        let seat = self.handle.shared.owners.seat(id, owner);
        seat.ok_or_else(|| Error::new(ErrorKind::Conflict, format!("the stream {name:?} has an owner already")))
    }

    /// The directory's own number, drawn when it was made.
    pub fn id(&self) -> [u8; 16] {
        self.log().journal_id()
    }

    /// Registers the stream `name` for `owner`: replays every record that is still needed through [`Owner::apply`], then
    /// hands it each new one. Blocks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] while the stream has an owner; [`ErrorKind::Invalid`] for a name that is empty or longer than
    /// 255 bytes; [`ErrorKind::Corrupt`] when a segment cannot be read; [`ErrorKind::Poisoned`]; [`ErrorKind::Closed`].
    pub fn stream(&self, name: &str, owner: Arc<dyn Owner>) -> Result<Stream> {
        let (id, _) = self.log().register(name)?;
        let seat = self.seat(id, name, owner)?;
        if let Err(error) = self.replay(id, &seat) {
            self.handle.release(id);
            return Err(error.context(format!("stream {name:?}")));
        }
        Ok(Stream { handle: Arc::clone(&self.handle), id, name: name.into() })
    }

    /// Tells the owner of every record up to now, each once, and of each that follows.
    fn replay(&self, stream: u32, seat: &Seat) -> Result<()> {
        let (plan, end) = {
            let mut log = self.log();
            // Records of a handle that was kept may be on their way: an owner hears of none before it is durable.
            log.sync()?;
            (Plan::of(&log, stream, log.low_water(stream)), log.next_seq())
        };
        plan.tell(seat)?;
        seat.go_live(end);
        Ok(())
    }

    /// Begins a transaction over any of this journal's streams.
    pub fn transaction(&self) -> Transaction {
        self.handle.transaction()
    }

    /// Names of the streams that are registered and have no owner: their records are kept, and nobody reads them.
    pub fn unowned_streams(&self) -> Vec<String> {
        let streams = self.log().manifest().streams.clone();
        let unowned = streams.into_iter().filter(|(id, _)| !self.handle.shared.owners.has(*id));
        unowned.map(|(_, entry)| entry.name).collect()
    }

    /// Numbers, as they are now.
    pub fn stats(&self) -> Stats {
        let queue_bytes = self.handle.shared.hub.bytes() as u64;
        let log = self.log();
        let counters = log.counters();
        let spare_bytes = if log.has_spare() { log.config().segment_bytes } else { 0 };
        Stats {
            next_seq: log.next_seq(),
            durable_seq: log.durable(),
            segments: log.segments().count() as u64,
            disk_bytes: log.segments().map(|segment| segment.file_len).sum::<u64>() + spare_bytes,
            queue_bytes,
            frames: counters.frames,
            records: counters.records,
            bytes: counters.bytes,
            syncs: counters.syncs,
            rotations: counters.rotations,
            has_reserve: log.has_spare(),
            is_poisoned: log.poisoned().is_some_and(|error| error.kind() == ErrorKind::Poisoned),
        }
    }

    /// Reads every frame again and checks it. Blocks, while writing goes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] naming the first place that is not what was written.
    pub fn verify(&self) -> Result<Verified> {
        let (disk, segments): (_, Vec<_>) = {
            let log = self.log();
            (Arc::clone(log.disk()), log.segments().cloned().collect())
        };
        let mut verified = Verified::default();
        for segment in &segments {
            match verify::verify(&*disk, segment) {
                Ok(one) => verified.add(one),
                // It was given back meanwhile.
                Err(_) if !self.log().has_segment(segment.id) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(verified)
    }

    /// A small fact that [`set_mark`](Self::set_mark) kept.
    pub fn mark(&self, name: &str) -> Option<Bytes> {
        self.log().manifest().marks.get(name).map(|value| Bytes::copy_from_slice(value))
    }

    /// Keeps a small fact under `name`. It is on disk once the manifest is next written, at close at the latest.
    pub fn set_mark(&self, name: &str, value: &[u8]) {
        self.log().set_mark(name, value);
    }

    /// Whether its threads have nothing left to do before somebody submits, so that a simulator knows what it will see.
    #[cfg(feature = "planted")]
    pub fn is_at_rest(&self) -> bool {
        self.handle.shared.hub.is_at_rest()
    }

    /// Answers all that waits, syncs, writes the close frame, and ends the threads. Blocks. A second call waits for the
    /// first, and returns the same.
    ///
    /// # Errors
    ///
    /// The error that poisoned it, if one did. [`ErrorKind::Full`] when all records are on disk, and there was no space for
    /// the marks and for what was truncated. [`ErrorKind::Invalid`] when an [`Owner`] calls it from
    /// [`apply`](Owner::apply): the journal then closes, and nobody can wait for it.
    pub fn close(&self) -> Result<()> {
        self.handle.close()
    }

    fn log(&self) -> crate::sync::MutexGuard<'_, Log> {
        lock(&self.handle.shared.log)
    }
}

/// Whether each name is a stream's, and another one.
fn check_names(owners: Named<'_>) -> Result<()> {
    for (at, (name, _)) in owners.iter().enumerate() {
        log::check_name(name)?;
        if owners.iter().take(at).any(|(other, _)| other == name) {
            return Err(Error::new(ErrorKind::Conflict, format!("the stream {name:?} was given two owners")));
        }
    }
    Ok(())
}

impl Handle {
    pub(crate) fn transaction(self: &Arc<Self>) -> Transaction {
        Transaction {
            handle: Arc::clone(self),
            submission: Submission::default(),
            reservations: Vec::new(),
            is_synced: false,
            bytes: 0,
            framed: 0,
        }
    }

    pub(crate) fn submit(
        &self,
        submission: Submission,
        reservations: Reservations,
        durability: Durability,
    ) -> Result<Commit> {
        let bytes = submission.frame_bytes();
        let urgent = durability == Durability::Buffered;
        let (settle, commit) = commit::slot(reservations);
        self.shared.hub.submit(Queued { submission, durability, settle }, bytes, urgent)?;
        Ok(commit)
    }

    pub(crate) fn truncate(&self, stream: u32, seq: u64) {
        let mut log = lock(&self.shared.log);
        log.truncate(stream, seq);
        let chores = log.has_dead();
        drop(log);
        if chores {
            self.shared.hub.ask_for_chores();
        }
    }

    pub(crate) fn give_back(&self) -> Result<()> {
        let done = lock(&self.shared.log).remove_dead();
        done.inspect_err(|error| self.shared.fail(error))
    }

    pub(crate) fn release(&self, stream: u32) {
        self.shared.owners.release(stream);
        lock(&self.needs).remove(&stream);
    }

    pub(crate) fn space(&self, stream: u32, needed_from: u64, live_bytes: u64) -> Space {
        let live_bytes = {
            let mut needs = lock(&self.needs);
            needs.insert(stream, live_bytes);
            needs.values().sum()
        };
        let mut log = lock(&self.shared.log);
        log.truncate(stream, needed_from);
        Space { live_bytes, ..log.space() }
    }

    /// The record `seq` of `stream`, from memory or from its segment.
    pub(crate) fn read(&self, stream: u32, seq: u64) -> Result<Bytes> {
        let Shared { reads, log, .. } = &*self.shared;
        if let Some(record) = reads.recall(stream, seq) {
            return Ok(record);
        }
        // Who waited for its turn may find what it wants among what was read meanwhile.
        let _turn = reads.turn();
        if let Some(record) = reads.recall(stream, seq) {
            return Ok(record);
        }
        let place = lock(log).find(seq)?;
        let record = reads.read(&place, stream, seq);
        record.map_err(|error| if lock(log).has_segment(place.segment) { error } else { log::not_kept(seq) })
    }

    pub(crate) fn recall(&self, stream: u32, seq: u64) -> Option<Bytes> {
        self.shared.reads.recall(stream, seq)
    }

    pub(crate) fn ask_for_room(&self, stream: u32) -> bool {
        let others = self.shared.owners.others(stream);
        others.iter().filter(|seat| seat.make_room()).count() > 0
    }

    pub(crate) fn unlinks_before_copies(&self) -> bool {
        planted!(self.shared.config, UnlinkBeforeCopy)
    }

    fn close(&self) -> Result<()> {
        self.shared.hub.close();
        if self.thread_ids.contains(&std::thread::current().id()) {
            let message =
                "a journal that is closed by its own thread closes once that is done, and cannot be waited for";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        // Held until both have ended: only then may the directory be another's.
        let mut threads = lock(&self.threads);
        let joined = threads.drain(..).map(rt::Thread::join).fold(Ok(()), Result::and);
        self.shared.owners.release_all();
        lock(&self.shared.log).release();
        let broken = self.shared.hub.ended().filter(|error| error.kind() != ErrorKind::Closed);
        joined.and(broken.map_or(Ok(()), Err))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(target: crate::TRACING_TARGET, %error, "a journal was dropped and did not close in order");
        }
    }
}

impl Shared {
    /// Whether what was written without a sync has grown as old as it may. Called after every write.
    pub(crate) fn flush_is_due(&self) -> bool {
        let Some(interval) = self.config.flush_interval else { return false };
        let now = rt::SystemClock.now();
        let since = *lock(&self.unsynced_since).get_or_insert(now);
        now.saturating_since(since) >= interval
    }

    /// A sync begins, and covers what was written so far.
    pub(crate) fn flush_begins(&self) {
        *lock(&self.unsynced_since) = None;
    }

    /// Ends everything with `error`, and answers all that waits with it.
    pub(crate) fn fail(&self, error: &Error) {
        for queued in self.hub.end(error.share()) {
            queued.settle.settle(Err(error.share()));
        }
    }

    /// Ends everything in order.
    pub(crate) fn end(&self) {
        self.fail(&closed());
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("stats", &self.stats()).finish()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
