//! Answers of a queue that this process holds.

use std::time::Duration;

use syncline::{
    Error, Result, Syncline,
    port::Clock as _,
    queue::{QueueError, SyncItem, SyncQueue},
    rt::SystemClock,
};

use super::{Ask, Events, Job, Numbers, Pop, Told, job::millis, list};

/// How long one question waits for an item: an owner that wants to end is held up no longer.
const POP_WAIT_MAX: Duration = Duration::from_secs(1);
/// Bytes of content after which one answer takes no more items: with the largest one behind them they fit into a message.
const POP_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// In whose hands a lease is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    /// This process's own.
    Own,
    /// Another process's, by one that stays until it is told to end.
    Kept,
    /// Another process's, by one that lets go of the directory soon, and every lease ends with that.
    Passing,
}

/// Asks the queue called `name` of a directory that this process holds.
pub(crate) async fn ask(syncline: &Syncline, name: &str, ask: Ask, hands: Hands) -> Result<Told> {
    let queue = open(syncline, name).await?;
    let needs_lease = ask.needs_lease();
    match tell(&queue, ask, hands).await {
        Err(QueueError::ItemNotFound(id)) => Ok(Told::Missing(id)),
        Err(error @ QueueError::LeaseLost(_)) => Ok(Told::Lost(error.to_string())),
        Err(QueueError::InvalidState(message)) if needs_lease => Ok(Told::Lost(message)),
        told => told.map_err(error),
    }
}

/// What happens on the queue called `name` from now on.
pub(crate) async fn events(syncline: &Syncline, name: &str) -> Result<Events> {
    Ok(Events::new(open(syncline, name).await?.events()))
}

async fn open(syncline: &Syncline, name: &str) -> Result<SyncQueue> {
    syncline.queue(name).await.map_err(error)
}

async fn tell(queue: &SyncQueue, ask: Ask, hands: Hands) -> Result<Told, QueueError> {
    Ok(match ask {
        Ask::Push(job) => {
            queue.push(job.item()?).await?;
            Told::Done
        }
        Ask::PushMany(jobs) => {
            let items: Vec<SyncItem> = jobs.into_iter().map(Job::item).collect::<Result<_, _>>()?;
            Told::Pushed(queue.push_batch(items).await?)
        }
        Ask::Pop(_) if hands == Hands::Passing => Told::NoKeeper,
        Ask::Pop(pop) => Told::Popped(take(queue, pop).await?),
        Ask::Complete { id, token: Some(token) } => {
            queue.mark_completed_lease(&id, token).await?;
            Told::Done
        }
        Ask::Complete { id, token: None } => {
            queue.mark_completed(&id).await?;
            Told::Done
        }
        Ask::Fail { id, token, error, delay_ms, for_good } => {
            let delay = delay_ms.map(Duration::from_millis);
            fail(queue, &id, token, Failed { error, delay, for_good }).await?
        }
        Ask::Release { id, token } => {
            queue.requeue_lease(&id, token).await?;
            Told::Done
        }
        Ask::Extend { id, token, lease_ms } => {
            queue.extend_lease(&id, token, Duration::from_millis(lease_ms)).await?;
            Told::Done
        }
        Ask::Inspect { id } => Told::Job(queue.get(&id).await?.map(|item| Box::new(Job::of(item)))),
        Ask::List { filter, after, limit } => list::page(queue, &filter, after.as_deref(), limit).await?,
        Ask::Redrive { ids } if ids.is_empty() => Told::Count(queue.redrive_all().await?),
        Ask::Redrive { ids } => Told::Count(queue.redrive(&ids).await?),
        Ask::Purge { ids } if ids.is_empty() => Told::Count(queue.purge_all().await?),
        Ask::Purge { ids } => Told::Count(queue.purge(&ids).await?),
        Ask::Stats => Told::Numbers(numbers(queue)),
    })
}

/// The first item is waited for, the others are not.
async fn take(queue: &SyncQueue, pop: Pop) -> Result<Vec<Job>, QueueError> {
    let wait = Duration::from_millis(pop.wait_ms).min(POP_WAIT_MAX);
    let mut next = match queue.pop().await? {
        None if !wait.is_zero() => tokio::select! {
            item = queue.pop_wait() => Some(item?),
            () = SystemClock.sleep_until(SystemClock.now() + wait) => None,
        },
        item => item,
    };
    let (mut jobs, mut bytes) = (Vec::new(), 0);
    while let Some(item) = next {
        let job = Job::of(item);
        bytes += job.payload.as_str().map_or_else(|| job.payload.to_string().len(), str::len);
        jobs.push(job);
        let is_full = jobs.len() >= pop.most || bytes >= POP_BYTES_MAX;
        next = if is_full { None } else { queue.pop().await? };
    }
    if pop.lease_ms != millis(queue.config().lease_duration) {
        let mut held = Vec::with_capacity(jobs.len());
        for job in jobs {
            let token = job.lease_token.unwrap_or_default();
            match queue.extend_lease(&job.id, token, Duration::from_millis(pop.lease_ms)).await {
                // It was withdrawn meanwhile.
                Err(QueueError::LeaseLost(_)) => {}
                extended => held.push(extended.map(|()| job)?),
            }
        }
        return Ok(held);
    }
    Ok(jobs)
}

async fn fail(queue: &SyncQueue, id: &str, token: Option<u64>, end: Failed) -> Result<Told, QueueError> {
    let Failed { error, delay, for_good } = end;
    let reason = || error.clone().unwrap_or_else(|| "it was rejected without a reason".to_owned());
    let again = match (for_good, token, delay) {
        (true, Some(token), _) => queue.reject_lease(id, token, reason()).await.map(|()| false)?,
        (true, None, _) => queue.reject(id, reason()).await.map(|()| false)?,
        (false, Some(token), Some(delay)) => queue.mark_failed_after_lease(id, token, error, delay).await?,
        (false, None, Some(delay)) => queue.mark_failed_after(id, error, delay).await?,
        (false, Some(token), None) => queue.mark_failed_lease(id, token, error).await?,
        (false, None, None) => queue.mark_failed(id, error).await?,
    };
    Ok(Told::Failed { again })
}

/// How an attempt failed.
struct Failed {
    error: Option<String>,
    delay: Option<Duration>,
    for_good: bool,
}

fn numbers(queue: &SyncQueue) -> Numbers {
    let metrics = queue.metrics();
    Numbers {
        current_size: metrics.current_size,
        in_flight: metrics.in_flight,
        dead: metrics.dead,
        total_enqueued: metrics.total_enqueued,
        total_dequeued: metrics.total_dequeued,
        total_completed: metrics.total_completed,
        total_retried: metrics.total_retried,
        total_failed: metrics.total_failed,
    }
}

fn error(error: QueueError) -> Error {
    // A queue ends with its owner: what it refuses then, as closed, may be asked of the next one.
    Error::new(error.kind(), error.to_string()).with_source(error)
}
