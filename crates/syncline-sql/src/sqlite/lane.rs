//! A lane: threads that do blocking jobs in turn, asked from async code, every answer bounded in time.
//!
//! A job owns what it needs and each thread owns its connection, so nothing is shared but the queue.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use syncline_core::{
    Error, ErrorKind, Instant, Result,
    port::Clock,
    rt::{self, Thread},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Threads with a state each, and the jobs that wait for them.
pub(crate) struct Lane<S> {
    shared: Arc<Shared<S>>,
    threads: Mutex<Vec<Thread>>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
}

struct Shared<S> {
    queue: Mutex<Queue<S>>,
    wake: Condvar,
    /// One permit a job that may wait; it travels with the job.
    room: Arc<Semaphore>,
}

struct Queue<S> {
    jobs: VecDeque<(Job<S>, Option<OwnedSemaphorePermit>)>,
    threads: usize,
    /// Why no more jobs are taken.
    end: Option<ErrorKind>,
}

impl<S> fmt::Debug for Lane<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl<S: Send + 'static> Lane<S> {
    /// One thread called `name` for each of `states`. `after` runs after each job, when its answer is given.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when the system has no thread to give.
    pub(crate) fn start(
        name: &str,
        states: Vec<S>,
        waiting_max: usize,
        (clock, deadline): (Arc<dyn Clock>, Duration),
        after: fn(&mut S),
    ) -> Result<Self> {
        let queue = Queue { jobs: VecDeque::new(), threads: states.len(), end: None };
        let room = Arc::new(Semaphore::new(waiting_max.clamp(1, Semaphore::MAX_PERMITS)));
        let shared = Arc::new(Shared { queue: Mutex::new(queue), wake: Condvar::new(), room });
        // Made first: when a later thread cannot start, dropping it ends the earlier ones.
        let lane = Self { shared, threads: Mutex::default(), clock, deadline };
        for state in states {
            let shared = Arc::clone(&lane.shared);
            let thread = rt::thread(name, move || work(&shared, state, after))
                .map_err(|source| Error::new(ErrorKind::Unavailable, "no thread can be started").with_source(source))?;
            lane.threads().push(thread);
        }
        Ok(lane)
    }

    /// The answer of `job`.
    ///
    /// # Errors
    ///
    /// That of the job; [`ErrorKind::Unavailable`] when its turn did not come in time, so it was not done;
    /// `unanswered` when it had its turn and did not answer; [`ErrorKind::Closed`].
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        unanswered: ErrorKind,
        job: impl FnOnce(&mut S) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let until = self.clock.now() + self.deadline;
        let room = within(&*self.clock, until, Arc::clone(&self.shared.room).acquire_owned()).await;
        let permit = match room {
            Some(Ok(permit)) => permit,
            Some(Err(_)) => return Err(self.ended()),
            None => return Err(self.late(ErrorKind::Unavailable, "no turn")),
        };
        let (reply, answer) = oneshot::channel();
        let job = move |state: &mut S| {
            // Whoever has stopped waiting was told that it may not have happened.
            if !reply.is_closed() {
                reply.send(job(state)).ok();
            }
        };
        self.shared.push(Box::new(job), Some(permit))?;
        match within(&*self.clock, until, answer).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => Err(Error::new(unanswered, "the thread ended before it answered")),
            None => Err(self.late(unanswered, "no answer")),
        }
    }

    /// Lets what waits be done, then `last` by one thread, and joins them all. Blocks. Later calls do nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Poisoned`] when a thread panicked.
    pub(crate) fn close(&self, last: impl FnOnce(&mut S) + Send + 'static) -> Result<()> {
        self.shared.close_after(Box::new(last));
        let threads = std::mem::take(&mut *self.threads());
        threads.into_iter().map(Thread::join).fold(Ok(()), Result::and)
    }

    /// Why it takes no more jobs; `Ok` while it does.
    pub(crate) fn check_open(&self) -> Result<()> {
        self.shared.queue().check_open()
    }

    fn ended(&self) -> Error {
        self.check_open().err().unwrap_or_else(|| ended_by(ErrorKind::Closed))
    }

    fn late(&self, kind: ErrorKind, what: &str) -> Error {
        Error::new(kind, format!("{what} within {:?}", self.deadline))
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Thread>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Drop for Lane<S> {
    /// The threads do what waits and end by themselves: dropping must not block a runtime's worker.
    fn drop(&mut self) {
        self.shared.end(ErrorKind::Closed);
    }
}

impl<S> Shared<S> {
    fn queue(&self) -> MutexGuard<'_, Queue<S>> {
        // Each critical section leaves the queue whole, so a panic elsewhere does not spoil it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job<S>, permit: Option<OwnedSemaphorePermit>) -> Result<()> {
        let mut queue = self.queue();
        queue.check_open()?;
        queue.jobs.push_back((job, permit));
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// The next job; `None` when there will be none.
    fn next(&self) -> Option<Job<S>> {
        let mut queue = self.queue();
        loop {
            // The permit is dropped here: a job that is being done does not wait.
            match queue.jobs.pop_front() {
                Some((job, _)) => return Some(job),
                None if queue.end.is_some() => return None,
                None => queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Takes `last` and nothing after it; nothing at all when it has ended already.
    fn close_after(&self, last: Job<S>) {
        let mut queue = self.queue();
        if queue.end.is_none() {
            queue.jobs.push_back((last, None));
            queue.end = Some(ErrorKind::Closed);
        }
        drop(queue);
        self.end(ErrorKind::Closed);
    }

    fn end(&self, why: ErrorKind) {
        self.queue().end.get_or_insert(why);
        self.room.close();
        self.wake.notify_all();
    }
}

impl<S> Queue<S> {
    fn check_open(&self) -> Result<()> {
        self.end.map_or(Ok(()), |why| Err(ended_by(why)))
    }
}

fn ended_by(why: ErrorKind) -> Error {
    let message = if why == ErrorKind::Closed {
        "it is closed"
    } else {
        "its threads panicked, open it again"
    };
    Error::new(why, message)
}

fn work<S>(shared: &Shared<S>, mut state: S, after: fn(&mut S)) {
    let _leaving = Leaving(shared);
    while let Some(job) = shared.next() {
        job(&mut state);
        after(&mut state);
    }
}

/// When the last thread leaves in a panic nobody is left to answer: what waits is told so by being dropped.
struct Leaving<'a, S>(&'a Shared<S>);

impl<S> Drop for Leaving<'_, S> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.threads -= 1;
        if queue.threads > 0 {
            return;
        }
        let unanswered = std::mem::take(&mut queue.jobs);
        drop(queue);
        drop(unanswered);
        self.0.end(ErrorKind::Poisoned);
    }
}

/// The output of `future`, or `None` once it is `until`.
async fn within<F: Future>(clock: &dyn Clock, until: Instant, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = clock.sleep_until(until) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use syncline_testkit::MockClock;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    fn lane(threads: usize, waiting_max: usize) -> (Arc<Lane<u32>>, MockClock) {
        let clock = MockClock::new();
        let time = (Arc::new(clock.clone()) as Arc<dyn Clock>, DEADLINE);
        let lane = Lane::start("test", vec![0; threads], waiting_max, time, |_| ()).unwrap();
        (Arc::new(lane), clock)
    }

    /// A job that answers when it is let go, and what lets it go.
    fn held() -> (impl FnOnce(&mut u32) -> Result<u32> + Send + 'static, mpsc::SyncSender<u32>, mpsc::Receiver<()>) {
        let (go, wait) = mpsc::sync_channel(1);
        let (begin, begun) = mpsc::sync_channel(1);
        let job = move |_: &mut u32| {
            begin.send(()).unwrap();
            Ok(wait.recv().unwrap())
        };
        (job, go, begun)
    }

    async fn sleepers(clock: &MockClock, count: usize) {
        while clock.sleepers() < count {
            tokio::task::yield_now().await;
        }
    }

    fn ask<J>(lane: &Arc<Lane<u32>>, unanswered: ErrorKind, job: J) -> rt::Task<Result<u32>>
    where
        J: FnOnce(&mut u32) -> Result<u32> + Send + 'static,
    {
        let lane = Arc::clone(lane);
        rt::spawn("asker", async move { lane.ask(unanswered, job).await })
    }

    #[tokio::test]
    async fn jobs_are_done_in_turn_by_one_thread() {
        let (lane, _) = lane(1, 4);
        for n in 1..=3 {
            let count = lane.ask(ErrorKind::Unknown, |count| {
                *count += 1;
                Ok(*count)
            });
            assert_eq!(count.await.unwrap(), n);
        }
    }

    #[tokio::test]
    async fn a_job_that_hangs_is_given_up_and_one_without_a_turn_is_not_done() {
        let (lane, clock) = lane(1, 1);
        let (job, go, begun) = held();
        let hangs = ask(&lane, ErrorKind::Unknown, job);
        sleepers(&clock, 1).await;
        begun.recv().unwrap();
        let waits = ask(&lane, ErrorKind::Unknown, |count| Ok(std::mem::replace(count, 99)));
        sleepers(&clock, 2).await;
        let outside = ask(&lane, ErrorKind::Unknown, |count| Ok(std::mem::replace(count, 99)));
        sleepers(&clock, 3).await;
        clock.advance(DEADLINE);
        let errors = [hangs, waits, outside].map(|asked| async { asked.await.unwrap().unwrap_err().kind() });
        let [hangs, waits, outside] = errors;
        assert_eq!(hangs.await, ErrorKind::Unknown);
        assert_eq!(waits.await, ErrorKind::Unknown);
        assert_eq!(outside.await, ErrorKind::Unavailable);
        go.send(7).unwrap();
        assert_eq!(lane.ask(ErrorKind::Unknown, |count| Ok(*count)).await.unwrap(), 0, "nobody waited for the others");
    }

    #[tokio::test]
    async fn closing_lets_what_waits_be_done_and_refuses_the_rest() {
        let (lane, clock) = lane(2, 8);
        let (job, go, begun) = held();
        let running = ask(&lane, ErrorKind::Unknown, job);
        sleepers(&clock, 1).await;
        begun.recv().unwrap();
        go.send(7).unwrap();
        let (tell, told) = mpsc::sync_channel(1);
        lane.close(move |_| tell.send(()).unwrap()).unwrap();
        assert_eq!(told.try_recv(), Ok(()));
        assert_eq!(running.await.unwrap().unwrap(), 7);
        let refused = lane.ask(ErrorKind::Unknown, |count| Ok(*count)).await.unwrap_err();
        assert_eq!((refused.kind(), refused.to_string().as_str()), (ErrorKind::Closed, "it is closed"));
        lane.close(|_| ()).unwrap();
    }

    #[tokio::test]
    async fn a_panic_fails_its_caller_and_once_no_thread_is_left_everybody() {
        let (lane, _) = lane(1, 4);
        let asked = lane.ask(ErrorKind::Unknown, |_| -> Result<u32> { panic!("boom") });
        assert_eq!(asked.await.unwrap_err().kind(), ErrorKind::Unknown);
        // The answer is lost a moment before the thread has left.
        while lane.check_open().is_ok() {
            tokio::task::yield_now().await;
        }
        let later = lane.ask(ErrorKind::Unknown, |count| Ok(*count)).await.unwrap_err();
        assert_eq!(later.kind(), ErrorKind::Poisoned);
        assert_eq!(lane.close(|_| ()).unwrap_err().kind(), ErrorKind::Poisoned);
    }

    #[tokio::test]
    async fn a_dropped_lane_does_what_waits() {
        let (lane, clock) = lane(1, 4);
        let (job, go, begun) = held();
        let running = ask(&lane, ErrorKind::Unknown, job);
        sleepers(&clock, 1).await;
        begun.recv().unwrap();
        let weak = Arc::downgrade(&lane.shared);
        drop(lane);
        go.send(7).unwrap();
        assert_eq!(running.await.unwrap().unwrap(), 7);
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
