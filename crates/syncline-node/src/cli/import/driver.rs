//! Carries records from the reader to the store, several batches at a time.

use std::mem;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use syncline::{
    ErrorKind,
    rt::{self, Task},
};
use tokio::sync::mpsc;

use super::{
    interrupt::Interrupt,
    queue::{Batch, Queue},
    summary::Summary,
};
use crate::{
    cli::context::Context,
    exit::Failure,
    input::{Event, Rejects},
    progress::{Done, Progress},
    store::{Put, PutResult, Session},
};

/// Batches in flight: enough that parsing, writing and syncing overlap.
const BATCHES_MAX: usize = 4;
/// Bad lines that are told one by one; the rest are counted.
const TOLD_MAX: u64 = 20;

/// How an import ended.
#[derive(Debug)]
pub(super) enum End {
    /// With the end of its input.
    Whole,
    /// The user stopped it.
    Interrupted,
    /// A line was bad and none may be.
    Strict,
    /// Something failed.
    Failed(Failure),
}

/// What a batch came back with.
type Settled = (Batch, syncline::Result<Vec<PutResult>>);

/// An import under way.
pub(super) struct Driver<'a> {
    context: &'a Context,
    session: Session,
    progress: Progress,
    rejects: Rejects,
    name: String,
    strict: bool,
    queue: Queue,
    in_flight: FuturesUnordered<Task<Settled>>,
    /// Batches whose owner ended before it took them.
    again: Vec<Batch>,
    /// Whether the reader may have more.
    reading: bool,
    end: End,
    summary: Summary,
}

impl<'a> Driver<'a> {
    /// An import into the directory of `session`.
    pub(super) fn new(
        context: &'a Context,
        session: Session,
        progress: Progress,
        name: String,
        rejects: Rejects,
        strict: bool,
    ) -> Self {
        Self {
            context,
            session,
            progress,
            rejects,
            summary: Summary::start(name.clone()),
            name,
            strict,
            queue: Queue::default(),
            in_flight: FuturesUnordered::new(),
            again: Vec::new(),
            reading: true,
            end: End::Whole,
        }
    }

    /// What stopped it, with what the archive said where that explains it.
    async fn fail(&mut self, error: syncline::Error) {
        let error = self.session.explain(error).await;
        self.stop(End::Failed(self.context.failure(&error)));
    }

    /// What is left of it.
    pub(super) fn into_parts(self) -> (Session, Progress, Summary) {
        (self.session, self.progress, self.summary)
    }

    /// Takes all that `events` brings, until it ends, somebody stops it, or something fails; what is under way is finished.
    pub(super) async fn drive(&mut self, mut events: mpsc::Receiver<Event>, interrupt: &mut Interrupt) -> End {
        while self.has_work() {
            let has_room = self.reading && self.queue.has_room();
            tokio::select! {
                biased;
                () = interrupt.next() => {
                    // Whoever asks twice does not want to wait for what is under way.
                    if !self.is_going_on() {
                        return End::Interrupted;
                    }
                    self.stop(End::Interrupted);
                }
                Some(settled) = self.in_flight.next() => self.settle(settled).await,
                event = events.recv(), if has_room => self.take(event),
            }
            if !self.again.is_empty() && self.in_flight.is_empty() {
                self.retake().await;
            }
            self.send();
        }
        mem::replace(&mut self.end, End::Whole)
    }

    fn has_work(&self) -> bool {
        self.reading || !self.queue.is_empty() || !self.in_flight.is_empty()
    }

    fn is_going_on(&self) -> bool {
        matches!(self.end, End::Whole)
    }

    /// Reads no more and begins nothing more; the first reason stands.
    fn stop(&mut self, end: End) {
        if self.is_going_on() {
            self.end = end;
        }
        self.reading = false;
        self.queue = Queue::default();
        self.again.clear();
    }

    fn take(&mut self, event: Option<Event>) {
        match event {
            Some(Event::Part { records, bytes_read }) => {
                self.summary.read += records.len() as u64;
                self.summary.bytes = bytes_read;
                self.queue.push(records);
            }
            Some(Event::Bad { line, reason }) => {
                self.summary.read += 1;
                self.reject(line, &reason);
                // The reader has stopped by itself; what it read before is stored.
                if self.strict && self.is_going_on() {
                    self.reading = false;
                    self.end = End::Strict;
                }
            }
            Some(Event::Failed(failure)) => self.stop(End::Failed(failure)),
            None => self.reading = false,
        }
    }

    /// Sends as many batches as may be in flight.
    fn send(&mut self) {
        while self.in_flight.len() < BATCHES_MAX && self.again.is_empty() {
            // An idle store takes what there is; a busy one is better served with full batches.
            let now = !self.reading || self.in_flight.is_empty();
            let Some(batch) = self.queue.take(now) else { return };
            self.launch(batch);
        }
    }

    fn launch(&self, batch: Batch) {
        let store = self.session.store().clone();
        self.in_flight.push(rt::spawn("import batch", async move {
            let results = store.put_many(&batch.items, true).await;
            (batch, results)
        }));
    }

    /// The owner has ended: finds the next, and sends it what the last one did not take.
    async fn retake(&mut self) {
        match self.session.retake().await {
            Ok(()) => {
                for batch in mem::take(&mut self.again) {
                    self.launch(batch);
                }
            }
            Err(error) => self.fail(error).await,
        }
    }

    async fn settle(&mut self, settled: syncline::Result<Settled>) {
        let (batch, results) = match settled {
            Ok(settled) => settled,
            Err(error) => return self.fail(error).await,
        };
        match results {
            Ok(results) => {
                self.queue.settle(&batch);
                if let Some(error) = self.count(batch, results) {
                    self.fail(error).await;
                }
            }
            // Its ids stay busy: it is still on its way.
            Err(error) if self.session.is_gone(&error) && self.is_going_on() => self.again.push(batch),
            Err(error) => self.fail(error).await,
        }
    }

    /// Counts what became of a batch; returns the first error that is not a record's own fault.
    fn count(&mut self, batch: Batch, results: Vec<PutResult>) -> Option<syncline::Error> {
        let mut failed = None;
        for ((line, raw), result) in batch.origins.into_iter().zip(results) {
            match result {
                Ok(Put::Accepted { .. }) => self.summary.accepted += 1,
                Ok(Put::Unchanged) => self.summary.unchanged += 1,
                Err(error) if error.kind() == ErrorKind::Invalid => self.refuse(line, raw, &error),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        self.summary.durable_now();
        let records = self.summary.accepted + self.summary.unchanged;
        self.progress.advance(Done { records, bytes: self.summary.bytes });
        failed
    }

    /// A record that parsed and that the store does not take.
    fn refuse(&mut self, line: u64, raw: Option<Vec<u8>>, error: &syncline::Error) {
        if let Some(Err(failure)) = raw.map(|raw| self.rejects.line(&raw)) {
            return self.stop(End::Failed(failure));
        }
        self.reject(line, error.share().message());
        if self.strict {
            self.stop(End::Strict);
        }
    }

    fn reject(&mut self, line: u64, reason: &str) {
        self.summary.rejected += 1;
        match self.summary.rejected {
            ..=TOLD_MAX => self.progress.note(&format!("{}:{line}: {reason}", self.name)),
            n if n == TOLD_MAX + 1 => {
                self.progress.note("further bad lines are only counted; --rejects FILE keeps every one");
            }
            _ => {}
        }
    }
}
