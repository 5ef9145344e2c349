//! apalis on SQLite, whose worker takes and completes jobs by itself, woken with each push.
//!
//! Its `setup` turns syncing off. It is given a pool with WAL and `synchronous=FULL` here, and its migrations alone; of one
//! connection, as many writers of SQLite only wait for one another.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use apalis_core::{
    backend::{TaskSink as _, ext::BackendExt as _},
    error::BoxDynError,
    worker::{builder::WorkerBuilder, context::WorkerContext},
};
use apalis_sqlite::{Config, SqliteStorage};
use futures_util::stream;
use sqlx::{
    Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};

use super::super::{
    jobs::Jobs,
    store::{Client, Kind, Store, Wait, Way},
};
use crate::Result;

/// apalis.
pub(in super::super) const APALIS: Kind = Kind {
    name: "apalis",
    way: Way::Tasks,
    open: |dir, jobs| Box::pin(async move { Ok(Box::new(open(dir, jobs).await?) as Box<dyn Store>) }),
    left: |dir, jobs| Box::pin(left(dir, jobs)),
};

/// Jobs that its worker takes at once.
const BATCH: usize = 100;
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Number and text.
type Job = (u64, String);

#[derive(Clone)]
struct Apalis {
    storage: SqliteStorage<Job>,
    jobs: Arc<Jobs>,
    /// Jobs that were worked on and that no client has counted yet.
    worked: Arc<Semaphore>,
    /// Told of each push.
    wake: mpsc::UnboundedSender<()>,
    worker: Arc<Mutex<Worker>>,
}

enum Worker {
    /// It is begun by the first client that wants something worked on.
    Asleep(mpsc::UnboundedReceiver<()>),
    Works(WorkerContext, JoinHandle<Result>),
    Gone,
}

async fn pool_of(dir: &Path) -> Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(dir.join("jobs.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT);
    Ok(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?)
}

async fn open(dir: &Path, jobs: &Arc<Jobs>) -> Result<Apalis> {
    let pool = pool_of(dir).await?;
    SqliteStorage::migrations().run(&pool).await?;
    let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&pool).await?.get(0);
    if synchronous != 2 {
        return Err(format!("apalis was given a pool with synchronous {synchronous}").into());
    }
    let config = Config::default().queue("jobs").batch_size(BATCH).lock_tasks(false);
    let (wake, woken) = mpsc::unbounded_channel();
    Ok(Apalis {
        storage: SqliteStorage::new(&pool).with_config(config),
        jobs: Arc::clone(jobs),
        worked: Arc::new(Semaphore::new(0)),
        wake,
        worker: Arc::new(Mutex::new(Worker::Asleep(woken))),
    })
}

impl Apalis {
    /// Begins the worker unless it works.
    fn begin(&self) {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *worker, Worker::Gone) {
            Worker::Asleep(woken) => {
                let context = WorkerContext::new("bench");
                let (apalis, runtime, own) = (self.clone(), Handle::current(), context.clone());
                // On a thread of its own, for the compiler cannot tell that it may move between threads.
                let run = thread::spawn(move || runtime.block_on(run(apalis, woken, own)));
                *worker = Worker::Works(context, run);
            }
            other => *worker = other,
        }
    }
}

async fn run(apalis: Apalis, woken: mpsc::UnboundedReceiver<()>, context: WorkerContext) -> Result {
    let Apalis { storage, jobs, worked, .. } = apalis;
    let wakes = stream::unfold(woken, |mut woken| async move { woken.recv().await.map(|()| ((), woken)) });
    let handler = move |(number, text): Job| {
        let (jobs, worked) = (Arc::clone(&jobs), Arc::clone(&worked));
        async move {
            jobs.check(number, text.as_bytes())?;
            worked.add_permits(1);
            Ok::<(), BoxDynError>(())
        }
    };
    let backend = storage.poll_with_stream(Box::pin(wakes));
    let run = WorkerBuilder::new(context).backend(backend).build(handler).run().await;
    run.map_err(|error| error.to_string().into())
}

impl Store for Apalis {
    fn client(&self) -> Wait<'_, Box<dyn Client>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Client>) })
    }

    fn rest(&self) -> Wait<'_, ()> {
        Box::pin(async {
            let worker = {
                let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::replace(&mut *worker, Worker::Gone)
            };
            if let Worker::Works(context, run) = worker {
                context.stop().map_err(|error| error.to_string())?;
                run.join().map_err(|_| "the worker of apalis panicked")??;
            }
            Ok(())
        })
    }

    fn close(&self) -> Wait<'_, ()> {
        Box::pin(async {
            self.storage.pool().close().await;
            Ok(())
        })
    }
}

impl Client for Apalis {
    fn push(&mut self, first: u64, count: usize) -> Wait<'_, ()> {
        Box::pin(async move {
            let jobs = (first..).take(count).map(|number| (number, self.jobs.text(number).to_owned()));
            let jobs: Vec<Job> = jobs.collect();
            self.storage.push_bulk(jobs).await?;
            // Without a worker nobody listens.
            let _unused = self.wake.send(());
            Ok(())
        })
    }

    /// A job counts when its handler has run, which is before its worker completes it.
    fn work(&mut self, most: usize) -> Wait<'_, usize> {
        Box::pin(async move {
            self.begin();
            self.worked.acquire_many(u32::try_from(most)?).await?.forget();
            Ok(most)
        })
    }
}

async fn left(dir: &Path, jobs: &Arc<Jobs>) -> Result<Vec<u64>> {
    let pool = pool_of(dir).await?;
    let rows = sqlx::query("SELECT job FROM Jobs WHERE status <> 'Done'").fetch_all(&pool).await?;
    pool.close().await;
    let number = |row: sqlx::sqlite::SqliteRow| {
        let (number, text): Job = serde_json::from_slice(row.try_get(0)?)?;
        jobs.check(number, text.as_bytes())?;
        Ok(number)
    };
    rows.into_iter().map(number).collect()
}
