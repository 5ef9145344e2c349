//! Every interleaving of those who make something ready or due and those who wait for it.
//!
//! A wake-up that is lost leaves a thread that waits for ever, which the model checker reports.

use std::{pin::pin, time::Duration};

use loom::{
    future::block_on,
    sync::{Arc, Mutex},
    thread,
};

use super::*;

/// A queue that has some items, and one that is due later.
#[derive(Debug, Default)]
struct Queue {
    bell: Bell,
    items: Mutex<Items>,
}

#[derive(Debug, Default)]
struct Items {
    ready: usize,
    due: Option<Instant>,
}

/// What ended a wait.
#[derive(Debug, PartialEq, Eq)]
enum Waited {
    Popped,
    /// It sleeps, and its alarm is this one.
    Until(Instant),
    GaveUp,
}

fn at(secs: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(secs))
}

impl Queue {
    fn push(&self) {
        self.items.lock().unwrap().ready += 1;
    }

    fn pop(&self) -> Result<(), Option<Instant>> {
        let mut items = self.items.lock().unwrap();
        let due = items.due;
        items.ready = items.ready.checked_sub(1).ok_or(due)?;
        Ok(())
    }

    /// What [`SyncQueue::wait_for`](crate::SyncQueue::wait_for) does, in the same order; who `gives_up` does not sleep.
    fn wait(&self, gives_up: bool) -> Waited {
        loop {
            let mut woken = pin!(self.bell.listen());
            woken.as_mut().enable();
            let seen = self.bell.changes();
            let alarm = match self.pop() {
                Ok(()) => return Waited::Popped,
                Err(alarm) => alarm,
            };
            if self.bell.arm(seen, alarm) {
                match alarm {
                    _ if gives_up => return Waited::GaveUp,
                    // There is no time here: one that sleeps until then has what it wants.
                    Some(alarm) if alarm <= at(5) => return Waited::Until(alarm),
                    _ => block_on(woken),
                }
            }
        }
    }
}

/// Runs these side by side, the last one here.
fn model<const N: usize>(preemptions: usize, threads: [fn(&Queue); N], here: fn(&Queue)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let queue = Arc::new(Queue::default());
        let threads = threads.map(|body| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || body(&queue))
        });
        here(&queue);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

fn pops(queue: &Queue) {
    assert_eq!(queue.wait(false), Waited::Popped);
}

fn pushes(queue: &Queue) {
    queue.push();
    queue.bell.ring(1);
}

#[test]
fn a_push_at_any_moment_wakes_who_waits() {
    model(4, [pops], pushes);
}

#[test]
fn each_of_two_pushes_wakes_one_of_two() {
    let pushes_two = |queue: &Queue| {
        queue.push();
        queue.push();
        queue.bell.ring(2);
    };
    model(2, [pops, pops], pushes_two);
    model(2, [pops, pops], |queue| {
        pushes(queue);
        pushes(queue);
    });
}

#[test]
fn who_gives_up_passes_the_wake_up_on() {
    let gives_up = |queue: &Queue| match queue.wait(true) {
        // It was quicker than the other one, for which there has to be another item then.
        Waited::Popped => pushes(queue),
        _ => {}
    };
    model(3, [pops, gives_up], pushes);
}

#[test]
fn nobody_sleeps_longer_than_until_what_is_due_at_any_moment() {
    let schedules = |queue: &Queue| {
        queue.items.lock().unwrap().due = Some(at(5));
        queue.bell.due(at(5));
    };
    let sleeps = |queue: &Queue| assert_eq!(queue.wait(false), Waited::Until(at(5)));
    model(4, [sleeps], schedules);
    // One that sleeps until later already is woken too.
    model(3, [sleeps], |queue| {
        queue.items.lock().unwrap().due = Some(at(10));
        queue.bell.due(at(10));
        queue.items.lock().unwrap().due = Some(at(5));
        queue.bell.due(at(5));
    });
}

/// A push that its caller does not wait for any more is carried out before or after that, and nobody says so but the storage.
#[test]
fn what_an_abandoned_call_does_at_any_moment_is_found() {
    let carries_out = |queue: &Queue| {
        queue.push();
        queue.bell.carried_out();
    };
    model(3, [pops, carries_out], |queue| drop(UnderWay::new(&queue.bell)));
}
