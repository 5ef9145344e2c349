//! The queue port on PostgreSQL.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{PgPool, Postgres, Transaction, postgres::PgPoolOptions};
use syncline_core::{
    Error, ErrorKind, Result,
    port::{
        Admission, BoxFuture, Claim, Clock, EndedCursor, EndedPage, Ending, ExpiredDead, Handed, InHand, Lease, List,
        ListCursor, ListPage, Moment, NewItem, Pushed, QueueStats, QueueStorage, Reaped, Retention, Settled,
        Settlement, Stored,
    },
    rt::SystemClock,
};

use super::{
    PostgresQueueConfig, claim,
    error::{commit_failed, failed},
    look::Look,
    moves, push, schema, settle,
    step::{self, Step},
    upkeep,
    wake::{self, Wake},
};
use crate::kept::Keeps;

/// How often a transaction is made that another one kept from happening, in all.
const TRIES_MAX: u32 = 8;
/// Each in its own words, whatever the database is set to: a claim rests on seeing what was committed before each statement.
const BEGIN: &str = "begin isolation level read committed";

/// A queue in a PostgreSQL database, for workers on any number of machines.
///
/// Each call that changes something is one transaction, on the server's disk before it answers, and so is the attempt that a
/// claim counts. Claims pass over what another one has its hand on, so that no item is in two hands and nobody waits for another
/// worker; order is exact where one claims at a time. Of a partition as many items are in hand as a claim asks for at most, whoever
/// claims; where that is more than one, claims that come upon the same partitions wait for each other. A claim that allows
/// another number than the last one arranges all partitions anew, which takes as long as there are partitions.
///
/// A call that cannot be made in time is [`Unavailable`](ErrorKind::Unavailable), never an empty answer; one whose commit was
/// sent and not answered is [`Unknown`](ErrorKind::Unknown). The capacity of a queue is exact where one pushes at a time: those
/// who push at the same moment may each take what is left. Names hold no zero byte.
///
/// Leases and times go by the server's clock. Work that others push is heard of at once, or at the next
/// [`poll`](PostgresQueueConfig::poll) where the notice is lost. Items can be pushed in a transaction of your own, with
/// [`push_in`](Self::push_in).
///
/// Calls are made in the runtime of tokio in which it was opened. A connection is encrypted where the program has a TLS feature
/// of `sqlx` on; without one a URL that asks for it is refused.
///
/// # Cancel safety
///
/// A call whose future is dropped is done or not, as a whole. Items of a claim that was dropped come back when their leases
/// end.
///
/// # Examples
///
/// ```no_run
/// use syncline_sql::{PostgresQueueConfig, PostgresQueueStorage};
///
/// # async fn open() -> syncline_core::Result<()> {
/// let config = PostgresQueueConfig {
///     url: "postgres://worker:secret@db.example/jobs".to_owned(),
///     queue: "mails".to_owned(),
///     ..PostgresQueueConfig::default()
/// };
/// let storage = PostgresQueueStorage::open(config).await?;
/// storage.check().await?;
/// # Ok(())
/// # }
/// ```
pub struct PostgresQueueStorage {
    config: PostgresQueueConfig,
    pool: PgPool,
    pub(super) queue: i32,
    keeps: Keeps,
    clock: Arc<dyn Clock>,
    wake: Wake,
}

impl fmt::Debug for PostgresQueueStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresQueueStorage")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Changes the queue in a transaction of its own, within the deadline: `write!(self, now, |step| call(step))`.
macro_rules! write {
    ($storage:ident, $now:expr, |$step:ident| $call:expr) => {
        Box::pin(async move {
            let is_sent = AtomicBool::new(false);
            let work = async {
                let mut tries = 1;
                loop {
                    let mut tx = $storage.begin().await?;
                    let attempt = async {
                        let mut step = $storage.step(&mut tx, $now).await?;
                        let $step = &mut step;
                        let answer = $call.await?;
                        Ok::<_, Error>((answer, step.finish().await?))
                    };
                    let done = match attempt.await {
                        Ok((answer, is_news)) => $storage.commit(tx, is_news, &is_sent).await.map(|()| answer),
                        Err(error) => Err(error),
                    };
                    match done {
                        // It left nothing behind, and made again it sees what the other one did.
                        Err(error) if error.kind() == ErrorKind::Conflict && tries < TRIES_MAX => tries += 1,
                        done => return done,
                    }
                }
            };
            $storage.within_deadline(work, &is_sent).await
        })
    };
}

/// Asks the queue something, within the deadline: `read!(self, now, |look| look.stats())`.
macro_rules! read {
    ($storage:ident, $now:expr, |$look:ident| $call:expr) => {
        Box::pin(async move {
            let work = async {
                let mut connection = $storage.pool.acquire().await.map_err(failed("no connection can be had"))?;
                let (now, _) = step::now(&mut connection, $storage.config.time, $now).await?;
                let (queue, retention) = ($storage.queue, $storage.keeps.get());
                let $look = &mut Look { connection: &mut connection, queue, now, retention };
                $call.await
            };
            $storage.within_deadline(work, &AtomicBool::new(false)).await
        })
    };
}

impl PostgresQueueStorage {
    /// Opens a queue, or makes it where there is none, with the tables, which stand in a schema of their own,
    /// `syncline_queue`.
    ///
    /// # Errors
    ///
    /// Each names the queue and the database. [`ErrorKind::Invalid`] for settings that cannot be, a database that is not there
    /// or does not keep texts as UTF-8, or tables of a newer version; [`ErrorKind::Denied`] for a wrong password or missing
    /// privileges; [`ErrorKind::Unavailable`] when the server does not answer.
    ///
    /// # Panics
    ///
    /// Outside a runtime of tokio.
    pub async fn open(config: PostgresQueueConfig) -> Result<Self> {
        Self::with_clock(config, Arc::new(SystemClock)).await
    }

    /// [`open`](Self::open) with a clock of the caller's, which measures deadlines and polls while the server works in real
    /// time.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// # Panics
    ///
    /// As [`open`](Self::open).
    pub async fn with_clock(config: PostgresQueueConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let start = async {
            let options = config.options()?;
            // One listens.
            let pool = PgPoolOptions::new()
                .max_connections(config.connections.max(1).saturating_add(1))
                .acquire_timeout(config.deadline)
                .connect_lazy_with(options);
            let mut connection = pool.acquire().await.map_err(failed("the server cannot be reached"))?;
            let queue = schema::prepare(&mut connection, &config.queue).await?;
            drop(connection);
            // It listens before anybody can wait, so that no notice is missed.
            let ear = wake::connect(&pool).await.map_err(failed("changes cannot be listened for"))?;
            Ok((pool, queue, ear))
        };
        let end = clock.sleep_until(clock.now() + config.deadline);
        let started = tokio::select! {
            started = start => started,
            () = end => Err(Error::new(ErrorKind::Unavailable, "it was not opened in time, the server does not answer")),
        };
        let (pool, queue, ear) = started.map_err(|error| config.named(no_conflict(error)))?;
        let wake = Wake::start(&pool, ear, &config.queue, &clock, config.poll);
        Ok(Self { config, pool, queue, keeps: Keeps::default(), clock, wake })
    }

    /// Checks that the server answers, and that the settings that durability rests on stand.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`], naming the setting; [`ErrorKind::Closed`].
    pub async fn check(&self) -> Result<()> {
        let work = async {
            let mut connection = self.pool.acquire().await.map_err(failed("no connection can be had"))?;
            self.config.check(&mut connection).await
        };
        self.within_deadline(work, &AtomicBool::new(false)).await
    }

    /// Closes the connections, once what waits is done. Later calls are [`ErrorKind::Closed`], and a second close does nothing.
    /// A storage that is dropped without it loses nothing.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A step of this queue in a transaction.
    pub(super) async fn step<'a>(&self, connection: &'a mut sqlx::PgConnection, now: Moment) -> Result<Step<'a>> {
        let mut step = Step::begin(connection, self.queue, self.config.time, now).await?;
        step.retention = self.keeps.get();
        Ok(step)
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        self.pool.begin_with(BEGIN).await.map_err(failed("no transaction can begin"))
    }

    async fn commit(&self, tx: Transaction<'_, Postgres>, is_news: bool, is_sent: &AtomicBool) -> Result<()> {
        is_sent.store(true, Ordering::Relaxed);
        let done = tx.commit().await.map_err(commit_failed);
        if done.as_ref().is_err_and(|error| error.kind() == ErrorKind::Conflict) {
            // The server said that it undid it.
            is_sent.store(false, Ordering::Relaxed);
        }
        if is_news {
            self.wake.tell();
        }
        done
    }

    /// The answer of `work`, or that there was none in time: unknown once a commit is sent. Without one nothing happens,
    /// whatever becomes of the statements that were sent.
    pub(super) async fn within_deadline<T>(
        &self,
        work: impl Future<Output = Result<T>>,
        is_sent: &AtomicBool,
    ) -> Result<T> {
        let end = self.clock.sleep_until(self.clock.now() + self.config.deadline);
        let answer = tokio::select! {
            answer = work => answer.map_err(no_conflict),
            () = end => Err(if is_sent.load(Ordering::Relaxed) {
                Error::new(ErrorKind::Unknown, "the commit was not answered in time, it may have happened")
            } else {
                Error::new(ErrorKind::Unavailable, "the server did not answer in time, nothing was changed")
            }),
        };
        answer.map_err(|error| self.config.named(error))
    }

    /// The name of the queue.
    pub fn queue(&self) -> &str {
        &self.config.queue
    }
}

/// What others kept from happening can be tried again.
fn no_conflict(error: Error) -> Error {
    if error.kind() == ErrorKind::Conflict {
        return Error::new(ErrorKind::Unavailable, "others kept it from happening").with_source(error);
    }
    error
}

impl QueueStorage for PostgresQueueStorage {
    fn push<'a>(
        &'a self,
        items: &'a [NewItem],
        admission: Admission,
        now: Moment,
    ) -> BoxFuture<'a, Result<Vec<Pushed>>> {
        write!(self, now, |step| push::push(step, items, admission))
    }

    fn claim(&self, claim: Claim, now: Moment) -> BoxFuture<'_, Result<Handed>> {
        write!(self, now, |step| claim::claim(step, claim))
    }

    fn settle<'a>(&'a self, settlements: &'a [Settlement], now: Moment) -> BoxFuture<'a, Result<Vec<Settled>>> {
        write!(self, now, |step| settle::settle(step, settlements))
    }

    fn extend<'a>(&'a self, leases: &'a [Lease], lease: Duration, now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        write!(self, now, |step| settle::extend(step, leases, lease))
    }

    fn cancel<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        write!(self, now, |step| moves::cancel(step, ids))
    }

    fn redrive<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        write!(self, now, |step| moves::redrive(step, ids))
    }

    fn purge<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        write!(self, now, |step| moves::purge(step, ids))
    }

    fn expire_dead(&self, older_than: Duration, now: Moment) -> BoxFuture<'_, Result<ExpiredDead>> {
        write!(self, now, |step| upkeep::expire_dead(step, older_than))
    }

    fn reap(&self, now: Moment) -> BoxFuture<'_, Result<Reaped>> {
        write!(self, now, |step| upkeep::reap(step))
    }

    fn next_due(&self, in_hand: InHand, now: Moment) -> BoxFuture<'_, Result<Option<Duration>>> {
        read!(self, now, |look| look.next_due(in_hand))
    }

    fn get<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Stored>>> {
        read!(self, now, |look| look.get(id))
    }

    fn list<'a>(
        &'a self,
        list: &'a List,
        after: Option<ListCursor>,
        limit: usize,
        now: Moment,
    ) -> BoxFuture<'a, Result<ListPage>> {
        read!(self, now, |look| look.list(list, after, limit))
    }

    fn dead<'a>(&'a self, after: Option<&'a str>, limit: usize, now: Moment) -> BoxFuture<'a, Result<Vec<Stored>>> {
        read!(self, now, |look| look.dead(after, limit))
    }

    fn remember(&self, retention: Retention) {
        self.keeps.set(retention);
    }

    fn history(&self, before: Option<EndedCursor>, limit: usize, now: Moment) -> BoxFuture<'_, Result<EndedPage>> {
        read!(self, now, |look| look.history(before, limit))
    }

    fn how_ended<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Ending>>> {
        read!(self, now, |look| look.how_ended(id))
    }

    fn stats(&self, now: Moment) -> BoxFuture<'_, Result<QueueStats>> {
        read!(self, now, |look| look.stats())
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        self.wake.changed()
    }
}
