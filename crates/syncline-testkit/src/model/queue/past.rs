//! What may be found after a crash.

use super::{
    End, Rules,
    call::{Answer, Call},
    oracle::Oracle,
};

/// The states of the queue since the last call that was synced: each may be what loss of power leaves.
#[derive(Debug)]
pub(super) struct Past {
    states: Vec<Oracle>,
}

impl Past {
    pub(super) fn of(state: &Oracle) -> Self {
        Self { states: vec![state.clone()] }
    }

    /// A call was answered.
    pub(super) fn add(&mut self, is_synced: bool, after: &Oracle) {
        if is_synced {
            self.states.clear();
        }
        self.states.push(after.clone());
    }

    /// What may be found when the process ends in this way, the likeliest first. `under_way` is the state after a call that
    /// was not answered yet.
    pub(super) fn found(&self, end: End, under_way: Option<&Oracle>, rules: Rules) -> Vec<Oracle> {
        let certain = if end == End::PowerLost { 0 } else { self.states.len().saturating_sub(1) };
        let states = self.states.iter().skip(certain).chain(under_way);
        states.rev().map(|state| state.reopened(rules)).collect()
    }
}

/// Whether a call whose answer is this one is as durable as a storage promises.
pub(super) fn is_synced(call: &Call, answer: &Answer, rules: Rules) -> bool {
    match call {
        Call::Claim(_) | Call::Reap => rules.claims_are_synced,
        // It writes nothing.
        Call::Extend(..) => false,
        _ => match answer {
            Answer::Pushed(told) => {
                told.as_ref().is_ok_and(|told| told.contains(&syncline_core::port::Pushed::Inserted))
            }
            Answer::Settled(told) => told.iter().any(|settled| {
                use syncline_core::port::Settled::{Lost, Unknown};
                !matches!(settled, Lost | Unknown)
            }),
            Answer::Told(told) => told.contains(&true),
            Answer::Expired(expired) => !expired.ids.is_empty(),
            Answer::Claimed(_) | Answer::Reaped(_) => true,
        },
    }
}
