//! The queue as its users hold it.

mod bell;
mod book;
mod calendar;
mod complete_batch;
mod dead;
mod dead_ttl;
mod events;
mod extend;
mod gate;
mod give_back;
mod history;
mod holds;
mod key_pace;
mod leave;
mod look;
mod observe;
mod open;
mod pace;
mod pop;
mod prepare;
mod push;
mod receipt;
mod recur;
mod redrive;
#[cfg(feature = "prometheus")]
mod scrape;
mod settle;
mod shared;
mod shutdown;
mod stage;
mod store;
mod stream;
mod telemetry;
mod upkeep;
mod wait;
mod worker;

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use syncline_core::{
    Error, ErrorKind, Instant, Result,
    port::{Clock, Moment, QueueStorage},
};
use syncline_resilience::{Backoff, CircuitBreaker, retry::Jitter};
use tokio::sync::Notify;

pub(crate) use self::bell::Bell;
#[cfg(test)]
pub(crate) use self::open::settings;
#[cfg(feature = "prometheus")]
pub(crate) use self::scrape::WeakQueue;
use self::{
    book::Book, calendar::Calendar, events::Events, gate::Gate, key_pace::KeyPaces, leave::Brakes, store::Store,
    upkeep::Upkeep, worker::Crews,
};
pub use self::{
    events::{QueueEvent, QueueEvents},
    prepare::PreparedPush,
    receipt::PushReceipt,
    stream::ItemStream,
    worker::{JobContext, JobError, Worker, WorkerBuilder},
};
use crate::{QueueConfig, QueueError, QueueResult};

/// Failures of the storage in a row after which pushes are refused.
const BREAKER_FAILURES: u32 = 10;
/// For how long they are refused.
const BREAKER_TIMEOUT: Duration = Duration::from_secs(60);
/// The part of each retry delay that is left to chance.
const JITTER: f64 = 0.3;
/// The calendar may be set forward by less without waking anybody: who sleeps oversleeps by less than this.
const LEAP_MIN: Duration = Duration::from_secs(1);

/// A durable priority queue. Clones are the same queue.
///
/// An item that was pushed is handed out by level, then in order, to one worker at a time, under a lease; the worker says how
/// it went. One that failed is tried again after a delay, up to its attempts; then it is a dead letter. A worker that says
/// nothing loses the item when its lease ends.
///
/// Every call may be made on any executor, or under none.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use syncline_queue::{Priority, QueueResult, SyncItem, SyncQueue};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let queue = SyncQueue::new();
/// queue.push(SyncItem::new(json!({"task": "clean"}), Priority::Low)).await?;
/// queue.push(SyncItem::new(json!({"task": "pay"}), Priority::High)).await?;
///
/// while let Some(item) = queue.pop().await? {
///     println!("{}", item.payload["task"]);
///     queue.mark_completed(&item.id).await?;
/// }
/// assert_eq!(queue.metrics().total_completed, 2);
/// # QueueResult::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct SyncQueue {
    inner: Arc<Inner>,
}

/// What all clones share.
struct Inner {
    /// What it is called in metrics and spans.
    name: String,
    store: Store,
    config: QueueConfig,
    clock: Arc<dyn Clock>,
    breaker: CircuitBreaker<Arc<dyn Clock>>,
    backoff: Backoff,
    brakes: Brakes,
    key_paces: Option<KeyPaces>,
    gate: Gate,
    is_locked: AtomicBool,
    /// For those who wait for items.
    bell: Arc<Bell>,
    /// For those who wait for room.
    room: Notify,
    upkeep: Upkeep,
    /// Who works here, so that a cancel reaches them.
    crews: Crews,
    events: Events,
    calendar: Calendar,
    book: Mutex<Book>,
    /// Whether the book knows who took what.
    keeps_holds: bool,
    #[cfg(feature = "otel")]
    instruments: std::sync::OnceLock<telemetry::Instruments>,
}

impl SyncQueue {
    fn of(name: &str, store: Store, config: QueueConfig, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let bell = Arc::new(Bell::default());
        match &store {
            Store::Memory(_) => {}
            Store::Journal { storage, .. } => storage.tell(Arc::clone(&bell)),
            Store::Given(storage) => storage.remember(config.retention()),
        }
        let breaker = CircuitBreaker::with_clock(Arc::clone(&clock))
            .with_failure_threshold(BREAKER_FAILURES)
            .with_timeout(BREAKER_TIMEOUT)
            .with_name("queue storage");
        let backoff =
            Backoff::exponential(config.base_retry_delay, config.max_retry_delay).with_jitter(Jitter::Factor(JITTER));
        let keeps_holds = !store.is_own() || config.job_breaker.is_some();
        let inner = Inner {
            name: name.to_owned(),
            store,
            breaker,
            backoff,
            brakes: Brakes::new(&config, &clock, &bell),
            key_paces: config.max_rate_per_key.as_ref().map(KeyPaces::new),
            gate: Gate::default(),
            is_locked: AtomicBool::new(false),
            bell,
            room: Notify::new(),
            upkeep: Upkeep::new(&config, now),
            crews: Crews::default(),
            events: Events::default(),
            calendar: Calendar::default(),
            book: Mutex::new(Book::new(now, &config, keeps_holds)),
            keeps_holds,
            #[cfg(feature = "otel")]
            instruments: std::sync::OnceLock::new(),
            config,
            clock,
        };
        Self { inner: Arc::new(inner) }
    }

    /// What it is called in metrics and spans: its name on a journal that it shares, `queue` otherwise.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The settings that it was made with, without the key.
    pub fn config(&self) -> &QueueConfig {
        &self.inner.config
    }
}

impl Inner {
    fn storage(&self) -> &dyn QueueStorage {
        self.store.port()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Each critical section leaves the book whole, so a panic elsewhere does not spoil it.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        let now = Moment { wall: self.clock.wall(), steady: self.clock.now() };
        let (now, leap) = self.calendar.moment(now);
        if leap >= LEAP_MIN {
            // Alarms are the steady clock's: what is due by the calendar now is before them.
            self.bell.ring_all();
        }
        now
    }

    fn check_unlocked(&self) -> QueueResult<()> {
        if self.is_locked.load(SeqCst) { Err(QueueError::Locked) } else { Ok(()) }
    }

    /// Waits for the storage and tells the breaker how it fares.
    async fn watched<T>(&self, call: impl Future<Output = Result<T>>) -> QueueResult<T> {
        let answer = call.await;
        match &answer {
            Ok(_) => self.breaker.record_success(),
            Err(error) if is_failing(error) => self.breaker.record_failure(),
            Err(_) => {}
        }
        answer.map_err(QueueError::of_storage)
    }

    /// Runs until `deadline`; `None` when that came first.
    async fn before<T>(&self, deadline: Instant, wait: impl Future<Output = T>) -> Option<T> {
        let sleep = self.clock.sleep_until(deadline);
        tokio::select! {
            biased;
            answer = wait => Some(answer),
            () = sleep => None,
        }
    }
}

/// Whether a storage that says so is failing, rather than refusing.
fn is_failing(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Unknown | ErrorKind::Poisoned | ErrorKind::Corrupt | ErrorKind::Denied
    )
}

/// The answer of a future that has one at once.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

impl fmt::Debug for SyncQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncQueue")
            .field("storage", &self.inner.storage())
            .finish_non_exhaustive()
    }
}
