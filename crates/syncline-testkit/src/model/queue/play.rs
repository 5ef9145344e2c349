//! Playing one history.

use std::{collections::VecDeque, fmt, time::Duration};

use syncline_core::{
    Instant, WallTime,
    port::{Claim, InHand, Lease, Moment, QueueOutcome, Retention, Settlement},
};

use super::{
    End, Rules, STEPS, Subject,
    call::Call,
    check::{Verdict, told},
    draw::Draw,
    oracle::Oracle,
    past::{self, Past},
};
use crate::SeededRandom;

/// How many of the last steps are told.
const TOLD_MAX: usize = 25;
/// One step in so many compares everything.
const WHOLE_EVERY: u64 = 8;
/// One step in so many ends the process.
const END_EVERY: u64 = 40;
/// One step in so many sets the calendar.
const SET_EVERY: u64 = 25;
/// All that ends is remembered.
const ALL: Retention = Retention { age: Duration::MAX, items: u64::MAX, bytes: u64::MAX };
/// Rounds after which an end that has not come is one that never comes.
const ROUNDS_MAX: usize = 2_000;

/// Where a history and the model part.
#[derive(Debug)]
pub(super) struct Parted {
    last: VecDeque<String>,
    why: String,
}

impl fmt::Display for Parted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.last.iter().try_for_each(|step| writeln!(f, "  {step}"))?;
        f.write_str(&self.why)
    }
}

/// Plays a history; `subject` is empty.
pub(super) async fn history<S: Subject>(subject: &mut S, rules: Rules, seed: u64) -> Result<(), Parted> {
    let oracle = Oracle::default();
    let mut play = Play {
        past: Past::of(&oracle),
        oracle,
        draw: Draw::new(SeededRandom::new(seed)),
        rules,
        now: Moment {
            wall: WallTime::from_millis(1_767_225_600_000),
            steady: Instant::from_origin(Duration::from_secs(1)),
        },
        steps: VecDeque::new(),
    };
    subject.storage().remember(ALL);
    let played = play.run(subject).await;
    played.map_err(|why| Parted { last: play.steps.iter().map(Step::to_string).collect(), why })
}

struct Play {
    oracle: Oracle,
    past: Past,
    draw: Draw,
    rules: Rules,
    now: Moment,
    steps: VecDeque<Step>,
}

/// A step as it is told.
struct Step(Moment, Did);

enum Did {
    Call(Call),
    Cut(Call, End),
    End(End),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: ", self.0.wall.as_millis(), self.0.steady.since_origin())?;
        match &self.1 {
            Did::Call(call) => write!(f, "{call}"),
            Did::Cut(call, end) => write!(f, "{end:?} in: {call}"),
            Did::End(end) => write!(f, "{end:?}"),
        }
    }
}

impl Play {
    async fn run<S: Subject>(&mut self, subject: &mut S) -> Verdict {
        for _ in 0..STEPS {
            self.pass(self.draw.pause());
            if self.rules.steps_clocks && self.draw.random.once_in(SET_EVERY) {
                self.set_calendar();
            }
            if self.rules.steps_clocks {
                // Everybody sees each moment, so that nobody's time is another one's.
                self.oracle.check_counts(subject.storage(), self.now).await?;
            }
            match self.draw_end() {
                Some(end) => self.end(subject, end).await?,
                None => self.call(subject).await?,
            }
            if self.draw.random.once_in(WHOLE_EVERY) {
                self.oracle.check_all(subject.storage(), &self.draw.ids, self.now).await?;
            } else if self.rules.compares_each_step {
                self.oracle.check_counts(subject.storage(), self.now).await?;
            }
        }
        self.drain(subject).await
    }

    fn pass(&mut self, ms: u64) {
        self.now.wall = WallTime::from_millis(self.now.wall.as_millis() + ms);
        self.now.steady = self.now.steady + Duration::from_millis(ms);
    }

    fn set_calendar(&mut self) {
        let by = 1 + self.draw.random.below(if self.draw.random.once_in(4) { 3_600_000 } else { 2_000 });
        let wall = self.now.wall.as_millis();
        let wall = if self.draw.random.once_in(2) { wall + by } else { wall.saturating_sub(by) };
        self.now.wall = WallTime::from_millis(wall);
    }

    fn draw_end(&self) -> Option<End> {
        let random = &self.draw.random;
        let is_end = !self.rules.ends.is_empty() && random.once_in(END_EVERY);
        is_end
            .then(|| self.rules.ends.get(random.index(self.rules.ends.len())).copied())
            .flatten()
    }

    fn did(&mut self, did: Did) {
        if self.steps.len() == TOLD_MAX {
            self.steps.pop_front();
        }
        self.steps.push_back(Step(self.now, did));
    }

    async fn call<S: Subject>(&mut self, subject: &mut S) -> Verdict {
        let call = self.draw.call(&self.oracle, self.now);
        self.make(subject, call).await
    }

    async fn make<S: Subject>(&mut self, subject: &mut S, call: Call) -> Verdict {
        self.did(Did::Call(call.clone()));
        let answer = call.make(subject.storage(), self.now).await.map_err(told)?;
        self.oracle.judge(&call, &answer, self.rules, self.now)?;
        if !self.rules.ends.is_empty() {
            self.past.add(past::is_synced(&call, &answer, self.rules), &self.oracle);
        }
        Ok(())
    }

    /// Ends the process, half of the time in the middle of a call, and finds out what is left.
    async fn end<S: Subject>(&mut self, subject: &mut S, end: End) -> Verdict {
        let in_call = end != End::Closed && self.draw.random.once_in(2);
        let mut under_way = None;
        if in_call {
            let call = self.draw.call(&self.oracle, self.now);
            self.did(Did::Cut(call.clone(), end));
            subject.begin_call();
            let answer = call.make(subject.storage(), self.now).await.map_err(told)?;
            let mut after = self.oracle.clone();
            after.judge(&call, &answer, self.rules, self.now)?;
            under_way = Some(after);
        } else {
            self.did(Did::End(end));
        }
        let found = self.past.found(end, under_way.as_ref(), self.rules);
        let states = [Some(&self.oracle), under_way.as_ref()];
        let latest = states.into_iter().flatten().map(|state| state.clock.latest).max().unwrap_or(0);
        self.rise(latest);
        subject.reopen(end, in_call, &self.draw.random).await;
        subject.storage().remember(ALL);
        self.recognise(subject, found, latest).await?;
        // What is opened twice is what is opened once.
        if self.draw.random.once_in(2) {
            subject.reopen(End::Closed, false, &self.draw.random).await;
            subject.storage().remember(ALL);
            let again = self.past.found(End::Closed, None, self.rules);
            self.recognise(subject, again, latest).await?;
        }
        Ok(())
    }

    /// Brings the calendar to where it was at least: what a storage remembers of its time is its own business, for it may
    /// hold nothing, or write more than it was asked to.
    fn rise(&mut self, latest: u64) {
        // Where the calendar is not set, both clocks go side by side.
        if self.rules.steps_clocks {
            self.now.wall = self.now.wall.max(WallTime::from_millis(latest + 1_000));
        }
        self.pass(1);
    }

    async fn recognise<S: Subject>(&mut self, subject: &S, found: Vec<Oracle>, latest: u64) -> Verdict {
        let mut why = String::new();
        for mut state in found {
            state.learn_when_orphans_died(subject.storage(), latest, self.now).await?;
            match state.check_all(subject.storage(), &self.draw.ids, self.now).await {
                Ok(()) => {
                    (self.past, self.oracle) = (Past::of(&state), state);
                    return Ok(());
                }
                Err(wrong) if why.is_empty() => why = wrong,
                Err(_) => {}
            }
        }
        Err(format!("after the end it is none of the queues that it may be; of the likeliest {why}"))
    }

    /// Works on all that is there until nothing is.
    async fn drain<S: Subject>(&mut self, subject: &mut S) -> Verdict {
        for _ in 0..ROUNDS_MAX {
            self.make(subject, Call::Reap).await?;
            let claim = Claim { most: 8, lease: Duration::from_secs(1), aging: None, in_hand: InHand::default() };
            self.make(subject, Call::Claim(claim)).await?;
            let held = self.oracle.items.iter().filter(|item| item.is_leased());
            let done = |(id, token): (String, u64)| Settlement {
                lease: Lease { id, token: Some(token) },
                outcome: QueueOutcome::Complete { push: Vec::new() },
            };
            let settlements: Vec<_> = held.map(|item| done((item.new.id.clone(), item.token))).collect();
            if self.oracle.live() == 0 {
                return self.oracle.check_all(subject.storage(), &self.draw.ids, self.now).await;
            }
            if settlements.is_empty() {
                let due = subject.storage().next_due(InHand::default(), self.now).await.map_err(told)?;
                let due = due.ok_or_else(|| format!("nobody is woken for {:?}", self.oracle.items))?;
                self.pass(u64::try_from(due.as_millis()).unwrap_or(u64::MAX).max(1));
            } else {
                self.make(subject, Call::Settle(settlements)).await?;
            }
            self.oracle.check_counts(subject.storage(), self.now).await?;
        }
        Err("it is never empty".to_owned())
    }
}
