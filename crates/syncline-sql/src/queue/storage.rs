//! The queue port on SQLite.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use syncline_core::{
    ErrorKind, Result,
    port::{
        Admission, BoxFuture, Claim, Clock, EndedCursor, EndedPage, Ending, ExpiredDead, Handed, InHand, Lease, List,
        ListCursor, ListPage, Moment, NewItem, Pushed, QueueStats, QueueStorage, Reaped, Retention, Settled,
        Settlement, Stored,
    },
    rt::SystemClock,
};

use super::{
    SqliteQueueConfig, claim,
    clock::QueueClock,
    connect::{self, system_failed},
    lane::Lane,
    look, moves, push,
    reader::Reader,
    schema, settle,
    step::Step,
    upkeep,
    writer::Writer,
};
use crate::kept::Keeps;

/// Calls that may wait for a thread; more wait outside, within their deadline.
const CALLS_WAITING_MAX: usize = 64;

/// A queue in an SQLite file, which holds others beside it and is open in several processes of one machine at once.
///
/// Each call that changes something is one transaction, synced before it answers: what was pushed survives loss of power,
/// and so does the attempt that a claim counts. No call blocks a runtime's worker, but for [`open`](Self::open) and
/// [`close`](Self::close), which say so. A call that cannot have the write lock in time is
/// [`Unavailable`](ErrorKind::Unavailable), never an empty answer.
///
/// Leases end by the calendar, because processes share no other clock; where it is set back, time goes on from the latest
/// moment that one of them saw. A worker that died keeps its items until their leases end. One process is not told of what
/// another pushed: it has to ask again now and then. The file must stand on a disk of this machine, not on a share.
///
/// A claim that allows another number of a partition in hand than the last one arranges all partitions anew, which takes as long
/// as there are partitions. What ended is remembered in the transaction that ends it; where the file is full it gives way.
///
/// # Cancel safety
///
/// A call whose future is dropped is done or not, as a whole. Items of a claim that was dropped come back when their leases
/// end.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use syncline_core::{
///     Instant, Priority, WallTime,
///     port::{Admission, Claim, InHand, Moment, NewItem, QueueStorage as _},
/// };
/// use syncline_sql::queue::{SqliteQueueConfig, SqliteQueueStorage};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// let path = dir.path().join("queue.db");
/// let storage = SqliteQueueStorage::open(SqliteQueueConfig { path, ..SqliteQueueConfig::default() })?;
/// # runtime.block_on(async {
/// let now = Moment { wall: WallTime::from_millis(1_000), steady: Instant::default() };
/// let item = NewItem {
///     id: "mail 1".to_owned(),
///     priority: Priority::Normal,
///     due: None,
///     max_attempts: 3,
///     partition: None,
///     dedup: None,
///     expires_at: None,
///     body: "to Ada".into(),
/// };
/// storage.push(&[item], Admission { capacity: 100, unique_ids: true }, now).await?;
/// let claim = Claim { most: 1, lease: Duration::from_secs(60), aging: None, in_hand: InHand::default() };
/// assert_eq!(storage.claim(claim, now).await?.items[0].body, "to Ada");
/// # Ok::<_, syncline_core::Error>(())
/// # })?;
/// storage.close()?;
/// # Ok::<_, syncline_core::Error>(())
/// ```
pub struct SqliteQueueStorage {
    config: SqliteQueueConfig,
    keeps: Arc<Keeps>,
    // Before the writer: the last connection to go empties the WAL.
    reader: Lane<Reader>,
    writer: Lane<Writer>,
}

impl fmt::Debug for SqliteQueueStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteQueueStorage")
            .field("path", &self.config.path)
            .field("queue", &self.config.queue)
            .finish_non_exhaustive()
    }
}

impl SqliteQueueStorage {
    /// Opens a queue, or makes it where there is none, and the file with it. Blocks.
    ///
    /// # Errors
    ///
    /// Each names the queue and the file. [`ErrorKind::Invalid`] when the file holds no queues, or those of a newer version,
    /// or for a name of no or too many bytes; [`ErrorKind::Denied`] without permission; [`ErrorKind::Corrupt`] when it is
    /// damaged; [`ErrorKind::Full`]; [`ErrorKind::Unavailable`] when another process holds it locked.
    pub fn open(config: SqliteQueueConfig) -> Result<Self> {
        Self::with_clock(config, Arc::new(SystemClock))
    }

    /// [`open`](Self::open) with a clock of the caller's, which measures deadlines while threads work in real time.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_clock(config: SqliteQueueConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let config = config.checked()?;
        let keeps = Arc::new(Keeps::default());
        let start = || Self::start(&config, &clock, &keeps);
        let (reader, writer) = start().map_err(|error| config.named(error))?;
        Ok(Self { config, keeps, reader, writer })
    }

    fn start(
        config: &SqliteQueueConfig,
        clock: &Arc<dyn Clock>,
        keeps: &Arc<Keeps>,
    ) -> Result<(Lane<Reader>, Lane<Writer>)> {
        let found = look::look(&config.path).map_err(system_failed("the file cannot be read"))?;
        schema::admit(found)?;
        connect::create_file(&config.path)?;
        let connections = config.connections();
        let mut connection = connect::open_writer(&config.path, &connections)?;
        let queue = schema::prepare(&mut connection, &config.queue)?;
        connect::make_durable(&connection, &connections)?;
        let times = Arc::new(QueueClock::default());
        let shared = || (Arc::clone(&times), Arc::clone(keeps));
        let reader = Reader::open(&connections, queue, shared())?;
        let writer = Writer::new(connection, &connections, queue, shared());
        let time = || (Arc::clone(clock), config.deadline);
        let reader = Lane::start("queue-read", vec![reader], CALLS_WAITING_MAX, time(), |_| ())?;
        let writer = Lane::start("queue-write", vec![writer], CALLS_WAITING_MAX, time(), Writer::tidy)?;
        Ok((reader, writer))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.config.path
    }

    /// Checks that the settings that durability rests on still stand, and that writing goes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] naming the setting; [`ErrorKind::Poisoned`] after a failed sync; [`ErrorKind::Closed`].
    pub async fn check(&self) -> Result<()> {
        let job = |writer: &mut Writer| writer.check();
        self.writer
            .ask(ErrorKind::Unavailable, job)
            .await
            .map_err(|error| self.config.named(error))
    }

    /// Lets what waits be done and joins the threads. Blocks. Later calls are [`ErrorKind::Closed`], and a second close does
    /// nothing.
    ///
    /// A storage that is dropped without it loses nothing; its threads end by themselves. Items that are in hand stay so
    /// until their leases end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Poisoned`] after a failed sync or when a thread panicked; what is in the way of moving finished
    /// transactions into the file. They stand safe beside it.
    pub fn close(&self) -> Result<()> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let read = self.reader.close(|_| ());
        let written = self.writer.close(move |writer| {
            tell.send(writer.finish()).ok();
        });
        // Nothing is told by a writer that has gone before: the first close has said all.
        let finished = told.recv().unwrap_or(Ok(()));
        read.and(written).and(finished).map_err(|error| self.config.named(error))
    }

    async fn write<T: Send + 'static>(
        &self,
        now: Moment,
        call: impl Fn(&mut Step<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let job = move |writer: &mut Writer| writer.write(now, call);
        self.writer.ask(ErrorKind::Unknown, job).await.map_err(|error| self.config.named(error))
    }

    async fn read<T: Send + 'static>(&self, job: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static) -> Result<T> {
        self.reader
            .ask(ErrorKind::Unavailable, job)
            .await
            .map_err(|error| self.config.named(error))
    }
}

impl QueueStorage for SqliteQueueStorage {
    fn push<'a>(
        &'a self,
        items: &'a [NewItem],
        admission: Admission,
        now: Moment,
    ) -> BoxFuture<'a, Result<Vec<Pushed>>> {
        // Copies of an item share its content.
        let items = items.to_vec();
        Box::pin(self.write(now, move |step| push::push(step, &items, admission)))
    }

    fn claim(&self, claim: Claim, now: Moment) -> BoxFuture<'_, Result<Handed>> {
        Box::pin(self.write(now, move |step| claim::claim(step, claim)))
    }

    fn settle<'a>(&'a self, settlements: &'a [Settlement], now: Moment) -> BoxFuture<'a, Result<Vec<Settled>>> {
        let settlements = settlements.to_vec();
        Box::pin(self.write(now, move |step| settle::settle(step, &settlements)))
    }

    fn extend<'a>(&'a self, leases: &'a [Lease], lease: Duration, now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        let leases = leases.to_vec();
        Box::pin(self.write(now, move |step| settle::extend(step, &leases, lease)))
    }

    fn cancel<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        let ids = ids.to_vec();
        Box::pin(self.write(now, move |step| moves::cancel(step, &ids)))
    }

    fn redrive<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        let ids = ids.to_vec();
        Box::pin(self.write(now, move |step| moves::redrive(step, &ids)))
    }

    fn purge<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        let ids = ids.to_vec();
        Box::pin(self.write(now, move |step| moves::purge(step, &ids)))
    }

    fn expire_dead(&self, older_than: Duration, now: Moment) -> BoxFuture<'_, Result<ExpiredDead>> {
        Box::pin(self.write(now, move |step| upkeep::expire_dead(step, older_than)))
    }

    fn reap(&self, now: Moment) -> BoxFuture<'_, Result<Reaped>> {
        Box::pin(self.write(now, upkeep::reap))
    }

    fn next_due(&self, in_hand: InHand, now: Moment) -> BoxFuture<'_, Result<Option<Duration>>> {
        Box::pin(self.read(move |reader| reader.next_due(in_hand, now)))
    }

    fn get<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Stored>>> {
        let id = id.to_owned();
        Box::pin(self.read(move |reader| reader.get(&id, now)))
    }

    fn list<'a>(
        &'a self,
        list: &'a List,
        after: Option<ListCursor>,
        limit: usize,
        now: Moment,
    ) -> BoxFuture<'a, Result<ListPage>> {
        let list = list.clone();
        Box::pin(self.read(move |reader| reader.list(&list, after, limit, now)))
    }

    fn dead<'a>(&'a self, after: Option<&'a str>, limit: usize, now: Moment) -> BoxFuture<'a, Result<Vec<Stored>>> {
        let after = after.map(str::to_owned);
        Box::pin(self.read(move |reader| reader.dead(after.as_deref(), limit, now)))
    }

    fn remember(&self, retention: Retention) {
        self.keeps.set(retention);
    }

    fn history(&self, before: Option<EndedCursor>, limit: usize, now: Moment) -> BoxFuture<'_, Result<EndedPage>> {
        Box::pin(self.read(move |reader| reader.history(before, limit, now)))
    }

    fn how_ended<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Ending>>> {
        let id = id.to_owned();
        Box::pin(self.read(move |reader| reader.how_ended(&id, now)))
    }

    fn stats(&self, now: Moment) -> BoxFuture<'_, Result<QueueStats>> {
        Box::pin(self.read(move |reader| reader.stats(now)))
    }
}
