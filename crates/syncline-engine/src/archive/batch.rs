//! What to do with a batch that failed: pure choices.

use std::ops::Range;

use syncline_core::{ErrorKind, Result, port::Outcome};

use crate::store::Decision;

/// What an error of the archive says about a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The archive cannot just now. Every row may be tried again.
    Archive,
    /// Something in the batch is what it refuses.
    Row,
    /// A row is what it refuses, or it refuses all: only a row that is accepted beside it tells which.
    Unclear,
}

/// Why a call failed.
pub(crate) fn cause(kind: ErrorKind) -> Cause {
    match kind {
        ErrorKind::Invalid | ErrorKind::Corrupt => Cause::Row,
        // A read-only database denies every row; to put all of them aside would empty the pipeline into the quarantine.
        ErrorKind::Denied => Cause::Unclear,
        _ => Cause::Archive,
    }
}

/// The stretches of a batch that are still to be tried, the first one last. A refused one is halved until one row is left.
#[derive(Debug)]
pub(crate) struct Bisection {
    todo: Vec<Range<usize>>,
}

impl Bisection {
    /// A batch of `len` rows, whole; nothing of an empty one.
    pub(crate) fn new(len: usize) -> Self {
        let whole = (len > 0).then_some(0..len);
        Self { todo: whole.into_iter().collect() }
    }

    /// The next stretch to try.
    pub(crate) fn next(&mut self) -> Option<Range<usize>> {
        self.todo.pop()
    }

    /// Halves a stretch that was refused; `false` when it is a single row.
    pub(crate) fn halve(&mut self, stretch: Range<usize>) -> bool {
        if stretch.len() < 2 {
            return false;
        }
        let middle = stretch.start + stretch.len() / 2;
        self.todo.push(middle..stretch.end);
        self.todo.push(stretch.start..middle);
        true
    }
}

/// What the archive's outcomes decide; `None` when they do not match the rows.
pub(crate) fn decisions(outcomes: Result<Vec<Outcome>>, rows: usize) -> Result<Option<Vec<Decision>>> {
    let outcomes = outcomes?;
    let decided = outcomes.iter().map(|outcome| match outcome {
        Outcome::Written => Decision::Written,
        Outcome::Superseded { by } => Decision::Superseded(*by),
    });
    Ok((outcomes.len() == rows).then(|| decided.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries a batch whose rows `bad` are refused; returns the rows in the order they were accepted, and those found bad.
    fn run(len: usize, bad: &[usize]) -> (Vec<usize>, Vec<usize>, usize) {
        let (mut accepted, mut found, mut calls) = (Vec::new(), Vec::new(), 0);
        let mut bisection = Bisection::new(len);
        while let Some(stretch) = bisection.next() {
            calls += 1;
            if !bad.iter().any(|row| stretch.contains(row)) {
                accepted.extend(stretch);
            } else if !bisection.halve(stretch.clone()) {
                found.extend(stretch);
            }
        }
        (accepted, found, calls)
    }

    #[test]
    fn every_bad_row_is_found_and_every_other_is_accepted_in_order() {
        for bad in [&[][..], &[0], &[999], &[3, 4, 500], &[17]] {
            let (accepted, found, calls) = run(1_000, bad);
            let good: Vec<usize> = (0..1_000).filter(|row| !bad.contains(row)).collect();
            assert_eq!((accepted, found.as_slice()), (good, bad));
            assert!(calls <= 1 + bad.len() * 20, "{calls} calls for {bad:?}");
        }
    }

    #[test]
    fn only_what_a_row_can_cause_leads_to_a_search() {
        assert_eq!([ErrorKind::Invalid, ErrorKind::Corrupt].map(cause), [Cause::Row; 2]);
        assert_eq!(cause(ErrorKind::Denied), Cause::Unclear);
        let outages =
            [ErrorKind::Unavailable, ErrorKind::Full, ErrorKind::Unknown, ErrorKind::Conflict, ErrorKind::Closed];
        assert_eq!(outages.map(cause), [Cause::Archive; 5]);
    }

    #[test]
    fn outcomes_that_do_not_match_the_rows_decide_nothing() {
        assert!(decisions(Ok(vec![Outcome::Written]), 2).unwrap().is_none());
        assert_eq!(decisions(Ok(vec![Outcome::Written]), 1).unwrap().unwrap().len(), 1);
    }
}
