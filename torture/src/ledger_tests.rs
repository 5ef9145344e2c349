use super::*;

const SEED: u64 = 11;

/// A directory's past and what came back of it, told in one line each.
struct Story {
    history: String,
    records: Vec<(TxId, u8)>,
}

/// Two threads, each with `n` acknowledged transactions of one run, all recovered.
fn all_well(n: u64) -> Story {
    let mut story = Story { history: "R 0 2 2\n".to_owned(), records: Vec::new() };
    for n in 0..n {
        for thread in 0..2 {
            story.history.push_str(&format!("A {thread} {n}\n"));
            let id = TxId { run: 0, thread, n };
            story.records.extend((0..payload::parts(SEED, id)).map(|index| (id, index)));
        }
    }
    story
}

impl Story {
    #[track_caller]
    fn judge(&self) -> Judgement {
        self.judge_with(false)
    }

    #[track_caller]
    fn judge_with(&self, power_lost: bool) -> Judgement {
        let mut recovered = Recovered::default();
        for (seq, (id, index)) in self.records.iter().enumerate() {
            let part = Part { id: *id, index: *index };
            recovered.take(SEED, payload::stream(part), seq as u64, &payload::encode(SEED, part));
        }
        judge(SEED, &History::parse(&self.history).unwrap(), &recovered, power_lost)
    }

    /// Identity of the first transaction with several parts.
    fn manifold(&self) -> TxId {
        self.records.iter().find(|(_, index)| *index > 0).unwrap().0
    }
}

#[track_caller]
fn check(story: &Story, broken: Verdict) {
    let judgement = story.judge();
    let well = all_well(20).judge().verdict;
    let Verdict { present, acknowledged, .. } = judgement.verdict;
    assert_eq!(judgement.verdict, Verdict { present, acknowledged, ..broken });
    assert!(!judgement.verdict.holds() && !judgement.examples.is_empty() && well.holds());
}

#[test]
fn a_faithful_recovery_holds() {
    let verdict = all_well(20).judge().verdict;
    assert_eq!(verdict, Verdict { present: 40, acknowledged: 40, ..Verdict::default() });
    assert!(verdict.holds());
}

#[test]
fn a_missing_acknowledged_transaction_is_lost() {
    let mut story = all_well(20);
    let id = TxId { run: 0, thread: 1, n: 19 };
    story.records.retain(|record| record.0 != id);
    check(&story, Verdict { lost: 1, ..Verdict::default() });
}

#[test]
fn half_a_transaction_is_torn_and_lost() {
    let mut story = all_well(20);
    let id = story.manifold();
    story.records.retain(|record| *record != (id, 1));
    check(&story, Verdict { lost: 1, torn: 1, ..Verdict::default() });
}

#[test]
fn an_unanswered_transaction_may_stand_or_not_but_not_in_part() {
    let mut story = all_well(20);
    let id = TxId { run: 0, thread: 0, n: 20 };
    assert!(story.judge().verdict.holds());
    let parts = payload::parts(SEED, id);
    story.records.extend((0..parts).map(|index| (id, index)));
    assert!(story.judge().verdict.holds());
}

#[test]
fn a_record_twice_is_a_duplicate_out_of_order() {
    let mut story = all_well(20);
    let again = story.records[0];
    story.records.push(again);
    check(&story, Verdict { duplicate: 1, disorder: 1, ..Verdict::default() });
}

#[test]
fn what_nobody_submitted_is_a_phantom() {
    let mut story = all_well(20);
    story.records.push((TxId { run: 5, thread: 0, n: 0 }, 0));
    let verdict = story.judge().verdict;
    assert!(verdict.phantom + verdict.torn == 1, "{verdict:?}");
}

#[test]
fn beyond_the_window_is_a_phantom_with_a_gap() {
    let mut story = all_well(20);
    let far = (22..)
        .map(|n| TxId { run: 0, thread: 0, n })
        .find(|id| payload::parts(SEED, *id) == 1)
        .unwrap();
    story.records.push((far, 0));
    check(&story, Verdict { phantom: 1, disorder: far.n - 20, ..Verdict::default() });
}

#[test]
fn a_refused_transaction_must_not_stand() {
    let mut story = all_well(20);
    story.history = story.history.replace("A 1 3\n", "N 1 3\n");
    check(&story, Verdict { phantom: 1, ..Verdict::default() });
}

#[test]
fn a_failed_transaction_leaves_no_gap() {
    let mut story = all_well(20);
    story.history = story.history.replace("A 1 3\n", "F 1 3\n");
    assert!(story.judge().verdict.holds());
    story.records.retain(|(id, _)| *id != TxId { run: 0, thread: 1, n: 3 });
    assert!(story.judge().verdict.holds());
}

#[test]
fn buffered_acknowledgements_end_with_the_power() {
    let mut story = all_well(20);
    story.history = story.history.replace("A 1 19\n", "B 1 19\n");
    story.records.retain(|(id, _)| *id != TxId { run: 0, thread: 1, n: 19 });
    check(&story, Verdict { lost: 1, ..Verdict::default() });
    assert!(story.judge_with(true).verdict.holds());
}

#[test]
fn what_a_recovery_found_never_changes() {
    let mut story = all_well(20);
    for ((run, thread), census) in story.judge().census {
        story
            .history
            .push_str(&format!("C {run} {thread} {} {:016x}\n", census.count, census.digest));
    }
    assert!(story.judge().verdict.holds());
    let late = TxId { run: 0, thread: 0, n: 20 };
    story.records.extend((0..payload::parts(SEED, late)).map(|index| (late, index)));
    check(&story, Verdict { unstable: 1, ..Verdict::default() });
}

#[test]
fn changed_bytes_are_corrupt() {
    let mut recovered = Recovered::default();
    let part = Part { id: TxId { run: 0, thread: 0, n: 0 }, index: 0 };
    let mut bytes = payload::encode(SEED, part);
    bytes[30] ^= 4;
    recovered.take(SEED, 0, 1, &bytes);
    recovered.take(SEED, 1, 2, &payload::encode(SEED, part));
    let verdict = judge(SEED, &History::parse("R 0 1 1\n").unwrap(), &recovered, false).verdict;
    assert_eq!(verdict, Verdict { corrupt: 2, ..Verdict::default() });
}

#[test]
fn what_a_writer_saw_counts() {
    let mut story = all_well(20);
    story.history.push_str("X acked after poison\n");
    check(&story, Verdict { writer: 1, ..Verdict::default() });
}
