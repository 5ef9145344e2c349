//! The judgement: what a recovery gave back, held against the history.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    history::{Answer, Census, History},
    payload::{self, Part, STREAMS, TxId},
};

/// What a recovery gave back, in the order it did.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    streams: [Vec<(u64, Part)>; STREAMS.len()],
    corrupt: u64,
}

impl Recovered {
    /// One record of a stream, with its sequence number.
    pub(crate) fn take(&mut self, seed: u64, stream: usize, seq: u64, bytes: &[u8]) {
        let part = payload::decode(seed, bytes).filter(|part| payload::stream(*part) == stream);
        match (part, self.streams.get_mut(stream)) {
            (Some(part), Some(records)) => records.push((seq, part)),
            _ => self.corrupt += 1,
        }
    }
}

/// How often each promise was broken, and what stands.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// Transactions that stand whole.
    pub present: u64,
    /// Transactions whose acknowledgement binds.
    pub acknowledged: u64,
    /// Acknowledged transactions that do not stand whole.
    pub lost: u64,
    /// Records whose bytes are not as written.
    pub corrupt: u64,
    /// Records that came back twice.
    pub duplicate: u64,
    /// Transactions that nobody can have submitted, or that were refused.
    pub phantom: u64,
    /// Transactions of which only a part stands.
    pub torn: u64,
    /// Records out of order, and gaps before a later transaction of the same thread.
    pub disorder: u64,
    /// Runs of which another set stands than an earlier recovery found.
    pub unstable: u64,
    /// What writers saw that must never be.
    pub writer: u64,
}

impl Verdict {
    /// Whether every promise was kept.
    pub(crate) fn holds(&self) -> bool {
        let Self { lost, corrupt, duplicate, phantom, torn, disorder, unstable, writer, .. } = self;
        [lost, corrupt, duplicate, phantom, torn, disorder, unstable, writer]
            .into_iter()
            .all(|broken| *broken == 0)
    }
}

/// A verdict, examples of what broke it, and what now stands of each run.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// The counts.
    pub verdict: Verdict,
    /// A few sentences on the first faults, for the person who hunts the bug.
    pub examples: Vec<String>,
    /// What stands of each run and thread.
    pub census: BTreeMap<(u32, u16), Census>,
}

/// Sentences kept at most; one bug breaks thousands of records.
const EXAMPLES_MAX: usize = 8;

impl Judgement {
    fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(text());
        }
    }
}

/// Holds what was recovered against the history. Where power was lost, buffered acknowledgements do not bind.
pub(crate) fn judge(seed: u64, history: &History, recovered: &Recovered, power_lost: bool) -> Judgement {
    let mut judgement = Judgement::default();
    judgement.verdict.corrupt = recovered.corrupt;
    judgement.verdict.writer = u64::try_from(history.violations.len()).unwrap_or(u64::MAX);
    for words in &history.violations {
        judgement.example(|| words.clone());
    }
    for records in &recovered.streams {
        check_order(records, &mut judgement);
    }
    let standing = count_parts(seed, recovered, &mut judgement);
    check_answers(history, &standing, power_lost, &mut judgement);
    check_origin(history, &standing, &mut judgement);
    check_gaps(history, &standing, &mut judgement);
    judgement.census = take_census(history, &standing);
    check_census(history, &mut judgement);
    judgement
}

/// Each stream ascends by sequence number, and in it each thread's transactions ascend.
fn check_order(records: &[(u64, Part)], judgement: &mut Judgement) {
    let mut seq_before = None;
    let mut part_before = BTreeMap::new();
    for &(seq, part) in records {
        let ascends = seq_before.is_none_or(|before| before < seq);
        let follows = part_before.insert(part.id.thread, part).is_none_or(|before| before < part);
        seq_before = Some(seq);
        if !ascends || !follows {
            judgement.verdict.disorder += 1;
            judgement.example(|| format!("{} part {} at seq {seq} is out of order", part.id, part.index));
        }
    }
}

/// The transactions of which every part stands; torn and doubled ones are counted.
fn count_parts(seed: u64, recovered: &Recovered, judgement: &mut Judgement) -> BTreeSet<TxId> {
    let mut masks: BTreeMap<TxId, u8> = BTreeMap::new();
    for &(_, part) in recovered.streams.iter().flatten() {
        let mask = masks.entry(part.id).or_default();
        let bit = 1_u8 << part.index;
        if *mask & bit != 0 {
            judgement.verdict.duplicate += 1;
            judgement.example(|| format!("{} part {} came back twice", part.id, part.index));
        }
        *mask |= bit;
    }
    masks.retain(|id, mask| {
        let whole = *mask == u8::MAX >> (8 - payload::parts(seed, *id));
        if !whole {
            judgement.verdict.torn += 1;
            judgement.example(|| format!("{id} stands in part: {mask:#06b}"));
        }
        whole
    });
    judgement.verdict.present = u64::try_from(masks.len()).unwrap_or(u64::MAX);
    masks.into_keys().collect()
}

fn check_answers(history: &History, standing: &BTreeSet<TxId>, power_lost: bool, judgement: &mut Judgement) {
    for (id, answer) in &history.answers {
        let stands = standing.contains(id);
        match answer {
            Answer::Acked => judgement.verdict.acknowledged += 1,
            Answer::Buffered if !power_lost => judgement.verdict.acknowledged += 1,
            Answer::Refused if stands => {
                judgement.verdict.phantom += 1;
                judgement.example(|| format!("{id} was refused and stands"));
                continue;
            }
            Answer::Buffered | Answer::Failed | Answer::Refused => continue,
        }
        if !stands {
            judgement.verdict.lost += 1;
            judgement.example(|| format!("{id} was acknowledged and is lost"));
        }
    }
}

/// What stands must have been submitted: by a known run and thread, at most a window beyond its answers.
fn check_origin(history: &History, standing: &BTreeSet<TxId>, judgement: &mut Judgement) {
    let mut bounds: BTreeMap<(u32, u16), u64> = BTreeMap::new();
    for id in history.answers.keys() {
        bounds.insert((id.run, id.thread), id.n.saturating_add(1));
    }
    for id in standing {
        let answered = bounds.get(&(id.run, id.thread)).copied().unwrap_or(0);
        let submitted = history
            .runs
            .get(&id.run)
            .is_some_and(|run| id.thread < run.threads && id.n < answered.saturating_add(u64::from(run.window)));
        if !submitted {
            judgement.verdict.phantom += 1;
            judgement.example(|| format!("{id} stands and was never submitted"));
        }
    }
}

/// A thread's transactions keep their order on disk: where a later one stands, so do all before it that did not fail.
fn check_gaps(history: &History, standing: &BTreeSet<TxId>, judgement: &mut Judgement) {
    let mut last: BTreeMap<(u32, u16), u64> = BTreeMap::new();
    for id in standing {
        last.insert((id.run, id.thread), id.n);
    }
    for ((run, thread), last) in last {
        for n in 0..last {
            let id = TxId { run, thread, n };
            // An acknowledged one that is missing counts as lost already.
            if !standing.contains(&id) && !history.answers.contains_key(&id) {
                judgement.verdict.disorder += 1;
                judgement.example(|| format!("{id} is missing before transaction {last}"));
            }
        }
    }
}

fn take_census(history: &History, standing: &BTreeSet<TxId>) -> BTreeMap<(u32, u16), Census> {
    let mut census: BTreeMap<(u32, u16), Census> = history
        .runs
        .iter()
        .flat_map(|(run, known)| (0..known.threads).map(|thread| ((*run, thread), Census::default())))
        .collect();
    for id in standing {
        let found = census.entry((id.run, id.thread)).or_default();
        found.count += 1;
        found.digest = payload::Dice::new(found.digest ^ id.n).next();
    }
    census
}

/// What a recovery gave back stays, and what it cut off stays away.
fn check_census(history: &History, judgement: &mut Judgement) {
    for (&(run, thread), before) in &history.census {
        let now = judgement.census.get(&(run, thread)).copied().unwrap_or_default();
        if now != *before {
            judgement.verdict.unstable += 1;
            let (was, is) = (before.count, now.count);
            judgement.example(|| format!("of run {run} thread {thread} stood {was} transactions, and now {is} others"));
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
