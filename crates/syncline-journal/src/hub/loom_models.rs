//! Every interleaving of submitters and the two threads.

use std::sync::Arc;

use super::*;
use crate::sync::Mutex;

/// What breaks a worker, at the second submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Never,
    /// The sync fails: everything ends, and the turn is given away.
    Sync,
    /// The thread dies in its turn, which it never gives away.
    Thread,
}

/// Stands for a turn of housekeeping among the answers.
const CHORES: u32 = 9;

/// Which submissions were answered, and how.
type Answers = Mutex<Vec<(u32, bool)>>;

fn answer(answers: &Answers, batch: Vec<u32>, outcome: bool) {
    lock(answers).extend(batch.into_iter().map(|item| (item, outcome)));
}

fn end(hub: &Hub<u32>, answers: &Answers, error: Error) {
    answer(answers, hub.end(error), false);
}

fn broken() -> Error {
    Error::new(ErrorKind::Poisoned, "broken")
}

/// What one of the two threads does, with the log reduced to a list.
fn work(hub: &Hub<u32>, answers: &Answers, breaks: Breaks) {
    loop {
        match hub.take(None) {
            Turn::Write(batch) => {
                let Some(turn) = hub.written(true, false) else { return };
                if hub.await_turn(turn).is_err() {
                    return answer(answers, batch, false);
                }
                let fails = batch.contains(&2);
                if fails && breaks == Breaks::Thread {
                    answer(answers, batch, false);
                    return end(hub, answers, broken());
                }
                if fails && breaks == Breaks::Sync {
                    answer(answers, batch, false);
                    end(hub, answers, broken());
                } else {
                    answer(answers, batch, true);
                }
                hub.synced(false);
            }
            Turn::Chores | Turn::Idle => {
                answer(answers, vec![CHORES], true);
                hub.written(false, false);
            }
            Turn::Close => end(hub, answers, closed()),
            Turn::Exit => return,
        }
    }
}

/// Runs two workers while `submit` hands over submissions; returns what was taken once all have ended.
fn model(
    preemptions: usize,
    breaks: Breaks,
    submit: impl Fn(&Arc<Hub<u32>>) -> Vec<u32> + Sync + Send + 'static + Clone,
    check: impl Fn(&[u32], &[(u32, bool)]) + Sync + Send + 'static + Clone,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let hub = Arc::new(Hub::new(1_024));
        let answers = Arc::new(Mutex::new(Vec::new()));
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let (hub, answers) = (Arc::clone(&hub), Arc::clone(&answers));
                loom::thread::spawn(move || work(&hub, &answers, breaks))
            })
            .collect();
        let taken = submit(&hub);
        hub.close();
        for worker in workers {
            worker.join().unwrap();
        }
        check(&taken, &lock(&answers));
    });
}

/// Hands over each; returns those that were taken.
fn submit_all(hub: &Hub<u32>, items: &[(u32, bool)]) -> Vec<u32> {
    items
        .iter()
        .filter(|(item, urgent)| hub.submit(*item, 10, *urgent).is_ok())
        .map(|(item, _)| *item)
        .collect()
}

fn all_in_order(taken: &[u32], answers: &[(u32, bool)]) {
    let expected: Vec<_> = taken.iter().map(|item| (*item, true)).collect();
    assert_eq!(answers, expected, "each submission is answered once, in order");
}

/// Each one that was taken is answered once; one that is answered well came before any that was not.
fn all_once(taken: &[u32], answers: &[(u32, bool)]) {
    let mut sorted = answers.to_vec();
    sorted.sort_unstable();
    assert_eq!(sorted.iter().map(|(item, _)| *item).collect::<Vec<_>>(), taken, "{answers:?}");
    assert!(sorted.is_sorted_by_key(|(_, outcome)| !outcome), "{answers:?}");
}

#[test]
fn no_wake_up_is_lost_and_answers_keep_their_order() {
    model(3, Breaks::Never, |hub| submit_all(hub, &[(1, false), (2, false)]), all_in_order);
}

#[test]
fn an_urgent_one_is_not_lost_behind_a_sync() {
    model(3, Breaks::Never, |hub| submit_all(hub, &[(1, false), (2, true)]), all_in_order);
}

#[test]
fn what_is_taken_while_it_closes_is_answered() {
    let race = |hub: &Arc<Hub<u32>>| {
        let closer = {
            let hub = Arc::clone(hub);
            loom::thread::spawn(move || hub.close())
        };
        let taken = submit_all(hub, &[(1, false), (2, true)]);
        closer.join().unwrap();
        taken
    };
    model(2, Breaks::Never, race, all_in_order);
}

#[test]
fn a_failed_sync_answers_all_that_waits_and_all_that_comes_later() {
    let items = [(1, true), (2, true), (3, true)];
    model(2, Breaks::Sync, move |hub| submit_all(hub, &items), all_once);
}

#[test]
fn nobody_waits_for_the_turn_of_a_thread_that_died() {
    let items = [(1, true), (2, true), (3, true)];
    model(2, Breaks::Thread, move |hub| submit_all(hub, &items), all_once);
}

#[test]
fn chores_asked_for_at_any_moment_are_done() {
    let ask = |hub: &Arc<Hub<u32>>| {
        let taken = submit_all(hub, &[(1, false)]);
        hub.ask_for_chores();
        [taken, vec![CHORES]].concat()
    };
    model(3, Breaks::Never, ask, all_once);
}
