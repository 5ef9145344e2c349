//! The loop of a worker: it takes items while it has hands, starts commands, and says how they ended.
//!
//! One task owns all of it. What takes time (a question, a command) is a future that ends with a [`Step`]; each step is
//! carried out before the next.

use std::{collections::BTreeMap, pin::Pin};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use syncline::{
    Instant,
    port::{Clock as _, Sleep},
    rt::SystemClock,
};

use super::{
    super::{
        super::{context::Context, import::Interrupt},
        time,
    },
    Work,
    command::Ended,
    given,
    held::{Fate, Held},
};
use crate::{
    exit::{Exit, Failure, Result},
    output,
    store::{Ask, Job, Session, Told},
};

/// Something that has ended.
pub(super) enum Step {
    /// A question was answered, or not, by the process of this number; `None` is this one.
    Answered {
        ask: Ask,
        owner: Option<u32>,
        told: syncline::Result<Told>,
    },
    /// The command of this number ended.
    Ended(u64, Ended),
}

type Steps = FuturesUnordered<Pin<Box<dyn Future<Output = Step> + Send>>>;

pub(super) struct Crew<'a> {
    pub(super) context: &'a Context,
    pub(super) queue: &'a str,
    pub(super) work: &'a Work,
    pub(super) session: Session,
    pub(super) steps: Steps,
    pub(super) held: BTreeMap<u64, Held>,
    /// Number of the next command.
    pub(super) next: u64,
    /// Whether it is asked for items now.
    pub(super) is_asking: bool,
    /// When another process may hold the directory, so that it is asked for items again.
    pub(super) look_at: Option<Instant>,
    /// Whether no more items are taken.
    pub(super) is_ending: bool,
    pub(super) exit: Exit,
    /// Why it ended before it should.
    pub(super) failure: Option<Failure>,
}

impl<'a> Crew<'a> {
    pub(super) fn new(context: &'a Context, queue: &'a str, work: &'a Work, session: Session) -> Self {
        Self {
            context,
            queue,
            work,
            session,
            steps: FuturesUnordered::new(),
            held: BTreeMap::new(),
            next: 0,
            is_asking: false,
            look_at: None,
            is_ending: false,
            exit: Exit::Done,
            failure: None,
        }
    }

    pub(super) fn into_session(self) -> Session {
        self.session
    }

    /// Works until it is to end and nothing is in hand.
    pub(super) async fn work(&mut self, stop: &mut Interrupt) -> Result<Exit> {
        loop {
            self.look_at = self.look_at.filter(|_| !self.is_ending);
            self.ask_for_items();
            if self.steps.is_empty() && self.look_at.is_none() {
                return self.failure.take().map_or(Ok(self.exit), Err);
            }
            let next_at = self.held.values().map(Held::next_at).chain(self.look_at).min();
            tokio::select! {
                Some(step) = self.steps.next() => self.carry_out(step).await,
                () = alarm(next_at) => self.look_after(SystemClock.now()).await,
                () = stop.next() => self.stop(),
            }
        }
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        let (store, queue) = (self.session.store().clone(), self.queue.to_owned());
        self.steps.push(Box::pin(async move {
            let told = store.queue(&queue, ask.clone()).await;
            Step::Answered { ask, owner: store.other_owner(), told }
        }));
    }

    async fn carry_out(&mut self, step: Step) {
        match step {
            Step::Ended(number, ended) => self.ended(number, &ended),
            Step::Answered { ask, owner, told: Err(error) } if owner_ended(owner, &error) => {
                if self.renew(owner).await {
                    self.ask(ask);
                } else {
                    self.refused(&ask, &error.to_string());
                }
            }
            Step::Answered { ask: Ask::Pop(_), told, .. } => self.popped(told),
            Step::Answered { ask: Ask::Stats, told, .. } => self.counted(told),
            Step::Answered { ask, told: Err(error), .. } => self.refused(&ask, &error.to_string()),
            Step::Answered { ask, told: Ok(Told::Lost(message)), .. } => self.lost(&ask, &message),
            Step::Answered { ask, told: Ok(Told::Missing(_)), .. } => self.lost(&ask, "it is not there any more"),
            Step::Answered { .. } => {}
        }
    }

    /// Finds the way to the directory anew, unless that was done since `owner` was asked; whether there is one.
    async fn renew(&mut self, owner: Option<u32>) -> bool {
        if owner.is_none() || self.session.store().other_owner() != owner {
            return true;
        }
        match self.session.retake().await {
            Ok(()) => true,
            Err(error) => {
                self.fail(self.context.failure(&error));
                false
            }
        }
    }

    fn ended(&mut self, number: u64, ended: &Ended) {
        if let Some(held) = self.held.remove(&number) {
            for (id, token) in &held.items {
                self.ask(held.outcome(self.work, ended, id, *token));
            }
        }
    }

    /// Extends leases and kills what has run too long.
    async fn look_after(&mut self, now: Instant) {
        if self.look_at.is_some_and(|at| at <= now) {
            self.look_at = None;
            self.renew(self.session.store().other_owner()).await;
        }
        let mut beats = Vec::new();
        for held in self.held.values_mut() {
            if held.deadline.is_some_and(|deadline| deadline <= now) {
                held.kill(Fate::Overrun);
            }
            if held.beat_at <= now {
                held.beat_at = now + self.work.heartbeat();
                beats.extend(held.items.iter().cloned());
            }
        }
        let lease_ms = time::millis(self.work.lease);
        for (id, token) in beats {
            self.ask(Ask::Extend { id, token, lease_ms });
        }
    }

    /// The user wants it to end; the second time, at once.
    fn stop(&mut self) {
        let is_second = std::mem::replace(&mut self.exit, Exit::Interrupted) == Exit::Interrupted;
        self.is_ending = true;
        if is_second {
            self.held.values_mut().for_each(|held| held.kill(Fate::GivenBack));
        } else if !self.held.is_empty() {
            output::note(
                "syncline: stopping after the commands that run; once more kills them and gives their items back",
            );
        }
    }

    /// It cannot go on: what runs is killed, and what is in hand given back as far as that is possible.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.is_ending = true;
        self.held.values_mut().for_each(|held| held.kill(Fate::GivenBack));
        self.failure.get_or_insert(failure);
    }

    pub(super) fn give_back(&mut self, jobs: &[Job]) {
        for (id, token) in given::leases(jobs) {
            self.ask(Ask::Release { id, token });
        }
    }

    /// Something was not done. An outcome that was not taken leaves the item to the end of its lease.
    fn refused(&mut self, ask: &Ask, reason: &str) {
        match ask {
            Ask::Pop(_) | Ask::Stats => self.is_asking = false,
            Ask::Extend { id, .. } => output::note(&format!("syncline: {id}: its lease was not extended: {reason}")),
            Ask::Complete { id, .. } | Ask::Fail { id, .. } | Ask::Release { id, .. } => {
                output::note(&format!("syncline: {id}: its outcome was not taken: {reason}"));
            }
            _ => {}
        }
    }

    /// Somebody else has the item, or nobody: a command that works on nothing else is killed.
    fn lost(&mut self, ask: &Ask, reason: &str) {
        let Ask::Extend { id, token, .. } = ask else { return self.refused(ask, reason) };
        for held in self.held.values_mut() {
            let before = held.items.len();
            held.items.retain(|item| (&item.0, &item.1) != (id, token));
            if held.items.len() < before && held.items.is_empty() {
                held.kill(Fate::GivenBack);
                output::note(&format!("syncline: {id}: its command was killed: {reason}"));
            }
        }
    }
}

/// Whether the process that was asked, another one, ended without having done it.
fn owner_ended(owner: Option<u32>, error: &syncline::Error) -> bool {
    owner.is_some() && error.kind() == syncline::ErrorKind::Closed
}

/// Rings at `at`; never without a time.
fn alarm(at: Option<Instant>) -> Sleep {
    match at {
        Some(at) => SystemClock.sleep_until(at),
        None => Box::pin(std::future::pending()),
    }
}
