//! The two threads of a journal. Both run this loop; the hub decides whose turn it is.

use std::sync::Arc;

use syncline_core::{Error, ErrorKind, Result, rt};

use crate::{
    Committed, Durability, Seq,
    commit::Settle,
    hub::Turn,
    journal::{Queued, Shared},
    log::{Log, Submission},
    sync::lock,
};

/// Most bytes of submissions in one frame, unless one submission alone is larger.
const FRAME_BYTES_MAX: usize = 1_024 * 1_024;

/// Submissions that are applied before the first of them is answered. Not all of a turn: the first would wait for thousands.
const ANSWERS: usize = 64;

/// Starts both, or none.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<Vec<rt::Thread>> {
    let mut threads = Vec::with_capacity(2);
    for name in ["syncline-journal-a", "syncline-journal-b"] {
        let its_own = Arc::clone(shared);
        match rt::thread(name, move || run(&its_own)) {
            Ok(thread) => threads.push(thread),
            Err(source) => {
                // One thread alone would hold the directory for ever.
                shared.end();
                threads.into_iter().try_for_each(rt::Thread::join)?;
                return Err(Error::new(ErrorKind::Unavailable, "no thread for the journal").with_source(source));
            }
        }
    }
    Ok(threads)
}

/// A submission that is written and waits to be answered.
struct Written {
    submission: Submission,
    durability: Durability,
    settle: Settle,
    first: u64,
}

fn run(shared: &Shared) {
    let guard = EndOnPanic { shared };
    let witness = shared.config.witness_after;
    let idle = shared.config.flush_interval.map_or(witness, |flush| flush.min(witness));
    loop {
        match shared.hub.take(Some(idle)) {
            Turn::Write(batch) => write_and_answer(shared, batch),
            Turn::Chores => leisure(shared, Log::remove_dead),
            Turn::Idle => leisure(shared, |log| idle_turn(log, shared)),
            Turn::Close => close(shared),
            Turn::Exit => break,
        }
    }
    std::mem::forget(guard);
}

/// Answers every waiter when a thread panics, so that nobody waits for it, and ends all writing: what the thread was about
/// to apply is missing at its owners.
struct EndOnPanic<'a> {
    shared: &'a Shared,
}

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        let error = Error::new(ErrorKind::Poisoned, "a journal thread panicked; open the journal again");
        lock(&self.shared.log).end(error.share());
        self.shared.fail(&error);
    }
}

/// 1. Write all that was taken. 2. Answer what asked for no more. 3. Give the right to write away. 4. Sync, in turn.
/// 5. Apply and answer the rest, in order. 6. Give the turn away.
fn write_and_answer(shared: &Shared, batch: Vec<Queued>) {
    let (written, poisoned) = write(shared, batch);
    let (buffered, synced): (Vec<_>, Vec<_>) =
        written.into_iter().partition(|written| written.durability == Durability::Buffered);
    let restless = !buffered.is_empty();
    answer(shared, buffered);
    if let Some(error) = poisoned {
        fail(shared, synced, &error);
        return;
    }
    let due = restless && shared.flush_is_due();
    let Some(turn) = shared.hub.written(!synced.is_empty() || due, restless) else { return };
    if let Err(error) = shared.hub.await_turn(turn) {
        fail(shared, synced, &error);
        return;
    }
    match sync(shared) {
        Ok(()) => answer(shared, synced),
        Err(error) => fail(shared, synced, &error),
    }
    shared.hub.synced(true);
}

/// What was refused is answered once the log is free: what is given back then takes locks of its owners.
fn write(shared: &Shared, batch: Vec<Queued>) -> (Vec<Written>, Option<Error>) {
    let mut outcome = Outcome { written: Vec::with_capacity(batch.len()), refused: Vec::new() };
    let poisoned = write_all(&mut lock(&shared.log), batch, &mut outcome).err();
    for (settle, error) in outcome.refused {
        settle.settle(Err(error));
    }
    (outcome.written, poisoned)
}

/// What became of a batch.
struct Outcome {
    written: Vec<Written>,
    refused: Vec<(Settle, Error)>,
}

fn write_all(log: &mut Log, batch: Vec<Queued>, outcome: &mut Outcome) -> Result<()> {
    let mut rest = batch.into_iter().peekable();
    while rest.peek().is_some() {
        let frame = next_frame(&mut rest);
        if let Err(error) = write_frame(log, frame, outcome) {
            outcome.refused.extend(rest.map(|queued| (queued.settle, error.share())));
            return Err(error);
        }
    }
    Ok(())
}

/// Takes submissions for one frame: as many as fit, at least one.
fn next_frame(rest: &mut std::iter::Peekable<impl Iterator<Item = Queued>>) -> Vec<Queued> {
    let (mut frame, mut bytes) = (Vec::new(), 0);
    while let Some(queued) =
        rest.next_if(|next| frame.is_empty() || bytes + next.submission.frame_bytes() <= FRAME_BYTES_MAX)
    {
        bytes += queued.submission.frame_bytes();
        frame.push(queued);
    }
    frame
}

/// Writes one frame. Without space, writes what is essential of it alone and refuses the rest. Fails when nothing more can
/// be written.
fn write_frame(log: &mut Log, frame: Vec<Queued>, outcome: &mut Outcome) -> Result<()> {
    let (submissions, mut waiters): (Vec<Submission>, Vec<(Durability, Settle)>) = frame
        .into_iter()
        .map(|queued| (queued.submission, (queued.durability, queued.settle)))
        .unzip();
    match log.write(&submissions) {
        Ok(first) => {
            accept(submissions, waiters, first, &mut outcome.written);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::Full => {
            let (mut essential, mut kept) = (Vec::new(), Vec::new());
            for (submission, waiter) in submissions.into_iter().zip(waiters.drain(..)) {
                if submission.essential {
                    essential.push(submission);
                    kept.push(waiter);
                } else {
                    outcome.refused.push((waiter.1, error.share()));
                }
            }
            write_essential(log, essential, kept, outcome)
        }
        Err(error) => refuse(log, waiters, error, outcome),
    }
}

fn write_essential(
    log: &mut Log,
    submissions: Vec<Submission>,
    waiters: Vec<(Durability, Settle)>,
    outcome: &mut Outcome,
) -> Result<()> {
    if submissions.is_empty() {
        return Ok(());
    }
    match log.write(&submissions) {
        Ok(first) => {
            accept(submissions, waiters, first, &mut outcome.written);
            Ok(())
        }
        Err(error) => refuse(log, waiters, error, outcome),
    }
}

fn accept(
    submissions: Vec<Submission>,
    waiters: Vec<(Durability, Settle)>,
    mut first: u64,
    written: &mut Vec<Written>,
) {
    for (submission, (durability, settle)) in submissions.into_iter().zip(waiters) {
        let count = submission.records.len() as u64;
        written.push(Written { submission, durability, settle, first });
        first += count;
    }
}

/// Refuses those whose frame was not written. Unless the log is at its end, the rest may still be.
fn refuse(log: &Log, waiters: Vec<(Durability, Settle)>, error: Error, outcome: &mut Outcome) -> Result<()> {
    outcome.refused.extend(waiters.into_iter().map(|(_, settle)| (settle, error.share())));
    if log.poisoned().is_some() { Err(error) } else { Ok(()) }
}

/// Syncs what is written, without holding the log while the disk works.
fn sync(shared: &Shared) -> Result<()> {
    // Before the job begins: what is written from here on counts as unsynced, whether the job covers it or not.
    shared.flush_begins();
    let job = {
        let log = lock(&shared.log);
        if let Some(error) = log.poisoned() {
            return Err(error.share());
        }
        log.begin_sync()
    };
    let Some(job) = job else { return Ok(()) };
    let outcome = job.run();
    lock(&shared.log).finish_sync(&job, outcome).map(drop)
}

/// Applies each submission, then answers it: who has the answer sees its effects. Many are applied before the first of them
/// is answered: whoever is woken submits again, and would stand in the way of the owner that is told of the next one.
fn answer(shared: &Shared, written: Vec<Written>) {
    let mut written = written.into_iter();
    while !written.as_slice().is_empty() {
        let applied: Vec<_> = written.by_ref().take(ANSWERS).map(|written| apply(shared, written)).collect();
        for (settle, committed) in applied {
            settle.settle(Ok(committed));
        }
    }
}

fn apply(shared: &Shared, Written { submission, settle, first, .. }: Written) -> (Settle, Committed) {
    let last = first + submission.records.len() as u64 - 1;
    shared.owners.apply(submission, first);
    (settle, Committed { first: Seq::new(first), last: Seq::new(last) })
}

fn fail(shared: &Shared, written: Vec<Written>, error: &Error) {
    for Written { settle, .. } in written {
        settle.settle(Err(error.share()));
    }
    shared.fail(error);
}

fn leisure(shared: &Shared, work: impl FnOnce(&mut Log) -> Result<()>) {
    let done = work(&mut lock(&shared.log));
    if let Err(error) = done {
        shared.fail(&error);
    }
    shared.hub.written(false, false);
}

/// Nothing came for a while: sync what grew too old, and vouch for what is on disk.
fn idle_turn(log: &mut Log, shared: &Shared) -> Result<()> {
    if shared.config.flush_interval.is_some() {
        shared.flush_begins();
        log.sync()?;
    }
    log.witness()
}

fn close(shared: &Shared) {
    let closed = lock(&shared.log).close();
    match closed {
        Ok(()) => shared.end(),
        Err(error) => shared.fail(&error),
    }
    shared.hub.written(false, false);
}
