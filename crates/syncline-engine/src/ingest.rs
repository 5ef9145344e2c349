//! The gate before the journal: versions are stamped in the order in which records are handed over.
//!
//! Both happen under one small lock, so that of two writes to a key the one that stands later in the journal has the greater
//! version. The same lock is the door that shutdown closes: nothing is handed over behind it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use syncline_core::{Error, ErrorKind, Hlc, Key, Result, Version, port::Clock};
use syncline_journal::{Commit, Durability, Journal, Stream, Transaction};

use crate::{
    SyncItem, admit,
    codec::{self, Write},
    store::{Origin, Store},
};

/// A write on its way to the gate.
#[derive(Debug)]
pub(crate) struct Draft {
    key: Key,
    /// `None` for a delete.
    item: Option<SyncItem>,
    pub(crate) units: u32,
    /// Stamped at the gate.
    version: Version,
    /// Encoded before the gate, so that nobody waits while a large value is copied.
    payload: Vec<u8>,
}

/// What is left of a draft once it passed the gate.
#[derive(Debug)]
pub(crate) struct Stamped {
    pub(crate) key: Key,
    pub(crate) version: Version,
}

/// Where the records of one hand-over went.
#[derive(Debug)]
pub(crate) enum Handed {
    /// To the journal, which will answer.
    Journal(Commit),
    /// Straight to the pending records, from this place on.
    Direct { first: u64 },
}

/// The way behind the gate.
#[derive(Debug)]
pub(crate) enum Lane {
    Journal { journal: Journal, stream: Stream },
    Direct { next_seq: u64 },
}

/// The gate.
#[derive(Debug)]
pub(crate) struct Ingest {
    gate: Mutex<Gate>,
}

#[derive(Debug)]
struct Gate {
    /// Why the gate is shut, once it is.
    lane: Result<Lane>,
    /// Records handed over so far.
    handed: u64,
}

impl Draft {
    pub(crate) fn new(key: Key, item: Option<SyncItem>) -> Self {
        let units = admit::units(codec::len(&key, item.as_ref()));
        Self { key, item, units, version: Version::ZERO, payload: Vec::new() }
    }

    /// What a receipt needs of it.
    pub(crate) fn stamped(self) -> Stamped {
        Stamped { key: self.key, version: self.version }
    }

    fn encode(&mut self) {
        self.payload = match &self.item {
            Some(item) => codec::put(&self.key, item),
            None => codec::delete(&self.key),
        };
    }

    fn write(&self) -> Write {
        let item = self.item.as_ref().map(|item| item.stamped(self.version));
        Write { key: self.key.clone(), version: self.version, item }
    }
}

impl Ingest {
    pub(crate) fn new(lane: Lane) -> Self {
        Self { gate: Mutex::new(Gate { lane: Ok(lane), handed: 0 }) }
    }

    /// Stamps `drafts` and hands them over as one. Their units must be taken; after `Ok` they belong to the records.
    ///
    /// # Errors
    ///
    /// Why the gate is shut, or what the journal says. Nothing was handed over then.
    pub(crate) fn hand_over(
        &self,
        drafts: &mut [Draft],
        is_essential: bool,
        (hlc, clock, store): (&Hlc, &dyn Clock, &Store),
    ) -> Result<Handed> {
        if store.tiers.has_journal {
            drafts.iter_mut().for_each(Draft::encode);
        }
        let mut gate = self.gate();
        let Gate { lane, handed } = &mut *gate;
        let lane = lane.as_mut().map_err(|error| error.share())?;
        for draft in &mut *drafts {
            draft.version = hlc.stamp(clock.wall());
        }
        let outcome = match lane {
            Lane::Journal { journal, stream } => to_journal(journal, stream, drafts, is_essential)?,
            Lane::Direct { next_seq } => to_store(store, next_seq, drafts),
        };
        *handed += drafts.len() as u64;
        Ok(outcome)
    }

    /// Stamps `draft` and stages it. It counts as handed over until it is [taken back](Self::take_back). Its units must be
    /// taken.
    ///
    /// # Errors
    ///
    /// Why the gate is shut, or what the transaction says. Nothing was staged then.
    pub(crate) fn stage(
        &self,
        draft: &mut Draft,
        transaction: &mut Transaction,
        stream: &Stream,
        (hlc, clock): (&Hlc, &dyn Clock),
    ) -> Result<()> {
        draft.encode();
        let mut gate = self.gate();
        gate.lane.as_ref().map_err(Error::share)?;
        draft.version = hlc.stamp(clock.wall());
        codec::stamp(&mut draft.payload, draft.version);
        transaction.stage(stream, std::mem::take(&mut draft.payload))?;
        gate.handed += 1;
        Ok(())
    }

    /// A draft that was staged will never be there.
    pub(crate) fn take_back(&self) {
        self.gate().handed -= 1;
    }

    /// Records handed over so far.
    pub(crate) fn handed(&self) -> u64 {
        self.gate().handed
    }

    /// Shuts the gate for good: what comes later gets `error`.
    pub(crate) fn shut(&self, error: Error) {
        let mut gate = self.gate();
        if gate.lane.is_ok() {
            gate.lane = Err(error);
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        // Each critical section leaves the gate whole, so a panic elsewhere does not spoil it.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn to_journal(journal: &Journal, stream: &Stream, drafts: &mut [Draft], is_essential: bool) -> Result<Handed> {
    let mut transaction = journal.transaction();
    if is_essential {
        transaction.essential();
    }
    for draft in drafts {
        codec::stamp(&mut draft.payload, draft.version);
        transaction.stage(stream, std::mem::take(&mut draft.payload))?;
    }
    transaction.commit(Durability::Sync).map(Handed::Journal)
}

fn to_store(store: &Store, next_seq: &mut u64, drafts: &[Draft]) -> Handed {
    let first = *next_seq;
    for draft in drafts {
        store.land(*next_seq, draft.write(), draft.units, Origin::Live);
        *next_seq += 1;
    }
    Handed::Direct { first }
}

/// What callers hear when the engine was shut down.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the engine was shut down")
}
