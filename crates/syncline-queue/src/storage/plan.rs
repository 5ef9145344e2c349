//! What a call does to a queue, as steps: decided on the state, carried out by whoever keeps it.

use std::{error::Error as _, fmt, ops::Range, time::Duration};

use syncline_core::{
    Error, ErrorKind, Result, WallTime,
    port::{
        Admission, Buried, Claim, Claimed, DeadReason, Lease, Moment, NewItem, Pushed, QueueOutcome as Outcome, Reaped,
        Settled, Settlement, Standing, Stored,
    },
};

use super::{
    attempt::{Attempt, Verdict},
    body::Body,
    new::New,
    sight::{Glimpse, Sight, Texts},
};
use crate::state::{Entry, Hold, Millis, Phase, Push, Refusal, Slot, State};

/// Most items that one call of upkeep takes back or buries.
const REAP_MAX: usize = 64;
/// Most dead items that one call throws away for their age.
const EXPIRED_DEAD_MAX: usize = 64;
/// Most items of no use any more that one claim passes; where there are more, something is due at once and it is asked again.
const PASSED_MAX: usize = 64;
/// What an item is said to have failed with when its lease ended by itself, or it was of no use any more.
const LEASE_ENDED: &str = "its lease ended without an outcome";
const EXPIRED: &str = "it was not taken before it expired";
/// Most bytes of an error that are kept.
const ERROR_BYTES_MAX: usize = 1_024;

/// Items that were reserved, and what their caller is told.
#[derive(Debug, Default)]
pub(crate) struct Reserved {
    /// The steps that accept them, for who asked for them.
    pub(crate) entries: Vec<Entry<Body>>,
    pub(crate) told: Vec<Pushed>,
    /// The seqs of all of them: nobody else reserves meanwhile.
    seqs: Range<u64>,
    /// Items that end in the same step and whose keys were taken over.
    keys_of: Vec<u64>,
}

impl Reserved {
    pub(crate) fn extend(&mut self, more: Self) {
        self.entries.extend(more.entries);
        self.keys_of.extend(more.keys_of);
        if self.seqs.is_empty() {
            self.seqs = more.seqs;
        } else {
            self.seqs.end = self.seqs.end.max(more.seqs.end);
        }
    }

    /// Whether nothing was.
    pub(crate) fn is_empty(&self) -> bool {
        self.seqs.is_empty()
    }

    /// They are accepted: nothing is to be given back any more.
    pub(crate) fn keep(&mut self) {
        (self.seqs, self.keys_of) = (0..0, Vec::new());
    }

    /// The seqs of those of `items` that were reserved.
    pub(crate) fn of<T>(&self, items: impl Iterator<Item = T>) -> impl Iterator<Item = (u64, T)> {
        let kept = items.zip(&self.told).filter(|(_, told)| **told == Pushed::Inserted);
        self.seqs.clone().zip(kept.map(|(item, _)| item))
    }
}

/// Reserves what fits of `items`: all that is new, or nothing. Makes the steps that accept them.
///
/// # Errors
///
/// [`ErrorKind::Full`] when they do not all fit.
pub(crate) fn reserve(
    state: &mut State<Body>,
    items: &[NewItem],
    admission: Admission,
    now: Millis,
) -> Result<Reserved> {
    reserve_after(state, &[], items, admission, now)
}

/// The same in one step with the completion of `done`, whose ids and keys may be taken again.
///
/// # Errors
///
/// As [`reserve`].
pub(crate) fn reserve_after(
    state: &mut State<Body>,
    done: &[u64],
    items: &[NewItem],
    admission: Admission,
    now: Millis,
) -> Result<Reserved> {
    let mut entries = Vec::with_capacity(items.len());
    let news = items.iter().map(New::from);
    let reserved = reserve_each(state, done, news, admission, now, |state, at, new, seq| {
        // Shared with the slot; what is written is never empty where something was pushed.
        let body = state.body_mut(at).map_or_else(|| Body::of(new.body), |body| body.clone());
        let lane = new.partition.map(Into::into);
        entries.push(Entry::Push(Box::new(Push { lane, ..new.to_push(seq, now, body) })));
    })?;
    Ok(Reserved { entries, ..reserved })
}

/// The same, calling `taken` for each that is new, with where it is and its seq, instead of making steps.
///
/// # Errors
///
/// As [`reserve`]: then nothing is reserved, whatever `taken` was called for.
pub(crate) fn reserve_each<'a>(
    state: &mut State<Body>,
    done: &[u64],
    items: impl ExactSizeIterator<Item = New<'a>> + Clone,
    admission: Admission,
    now: Millis,
    mut taken: impl FnMut(&mut State<Body>, u32, &New<'a>, u64),
) -> Result<Reserved> {
    state.approach(items.clone().map(|item| item.id));
    let first = state.next_seq();
    let mut reserved = Reserved { told: Vec::with_capacity(items.len()), seqs: first..first, ..Reserved::default() };
    for item in items {
        let seq = reserved.seqs.end;
        let push = item.to_push(seq, now, Body::of(item.body));
        let refusal = if state.counts().live() >= admission.capacity {
            // A duplicate takes no room.
            state.refusal(&push, admission.unique_ids, done, now).unwrap_or(Refusal::Full)
        } else {
            match state.reserve_after(done, push, admission.unique_ids, now) {
                Ok((at, key_of)) => {
                    reserved.seqs.end += 1;
                    reserved.keys_of.extend(key_of);
                    reserved.told.push(Pushed::Inserted);
                    taken(state, at, &item, seq);
                    continue;
                }
                Err(refusal) => refusal,
            }
        };
        match refusal {
            Refusal::Duplicate { id } => reserved.told.push(Pushed::Duplicate { id: (&id).into() }),
            Refusal::Full => {
                give_back(state, &reserved);
                return Err(full(admission.capacity));
            }
        }
    }
    Ok(reserved)
}

/// Accepts items at once: all that are new, or nothing.
///
/// # Errors
///
/// As [`reserve`].
pub(crate) fn accept<'a>(
    state: &mut State<Body>,
    items: impl ExactSizeIterator<Item = New<'a>> + Clone,
    admission: Admission,
    now: Millis,
) -> Result<Vec<Pushed>> {
    let room = admission.capacity.saturating_sub(state.counts().live()).min(state.places_left());
    if items.len() as u64 <= room {
        // None will be refused for want of room: so nothing of it has to be given back.
        let accept = |state: &mut State<Body>, at: u32, new: &New<'a>, _: u64| state.accept(at, new.partition);
        return Ok(reserve_each(state, &[], items, admission, now, accept)?.told);
    }
    let reserved = reserve_each(state, &[], items.clone(), admission, now, |_, _, _, _| ())?;
    for (seq, new) in reserved.of(items) {
        if let Some(at) = state.reserved(seq) {
            state.accept(at, new.partition);
        }
    }
    Ok(reserved.told)
}

/// Gives back what was reserved.
pub(crate) fn give_back(state: &mut State<Body>, reserved: &Reserved) {
    for seq in reserved.seqs.clone() {
        state.release(seq);
    }
    for seq in &reserved.keys_of {
        state.retake_key(*seq);
    }
}

/// The cause that tells a queue without room from a disk without space.
#[derive(Debug)]
struct AtCapacity;

impl fmt::Display for AtCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its items live")
    }
}

impl std::error::Error for AtCapacity {}

fn full(capacity: u64) -> Error {
    let message = format!("the queue holds {capacity} items, its capacity");
    Error::new(ErrorKind::Full, message).with_source(AtCapacity)
}

/// Whether a push was refused for the capacity of the queue.
pub(crate) fn is_at_capacity(error: &Error) -> bool {
    error.source().is_some_and(|source| source.is::<AtCapacity>())
}

/// What a claim does.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// What is to be handed out, in order.
    pub(crate) items: Vec<Glimpse>,
    pub(crate) buried: Vec<Buried>,
}

/// Hands out what is next, step by step: a step is applied before the next one is looked for. The steps also bury what had
/// expired: whoever keeps them keeps all, or a later step is about an item that is dead here alone.
pub(crate) fn claim(
    state: &mut State<Body>,
    claim: Claim,
    now: Moment,
    time: Millis,
    mut keep: impl FnMut(Entry<Body>),
) -> Taken {
    let aging = claim.aging.map(|aging| u64::try_from(aging.as_millis()).unwrap_or(u64::MAX));
    let mut taken = Taken::default();
    state.allow_of_lane(claim.in_hand.of_lane);
    let most = claim
        .most
        .min(usize::try_from(state.room_in_hand(claim.in_hand.most)).unwrap_or(usize::MAX));
    state.reach(time);
    while taken.items.len() < most && taken.buried.len() < PASSED_MAX {
        let Some(slot) = state.next(time, aging) else { break };
        let seq = slot.seq;
        if slot.expires_at().is_some_and(|at| at <= time) {
            taken.buried.push(Buried { id: slot.id.to_string(), reason: DeadReason::Expired });
            let entry = Entry::Bury { seq, at: time, reason: DeadReason::Expired, error: EXPIRED.into() };
            state.apply(entry.clone());
            keep(entry);
            continue;
        }
        let entry = Entry::Claim { seq };
        state.apply(entry.clone());
        state.lease(seq, now.steady, now.steady + claim.lease);
        if let Some(slot) = state.of_seq(seq) {
            taken.items.push(glimpse_of(state, slot));
            keep(entry);
        }
    }
    taken
}

/// What [`claim`] would hand out first.
pub(crate) fn peek(state: &State<Body>, aging: Option<Duration>, time: Millis) -> Option<Sight<Stored>> {
    let aging = aging.map(|aging| u64::try_from(aging.as_millis()).unwrap_or(u64::MAX));
    stored(state, state.next(time, aging)?, time)
}

/// Comes near to what settlements are about, for who [settles](settle) one after the other.
pub(crate) fn approach(state: &State<Body>, settlements: &[Settlement]) {
    state.approach(settlements.iter().map(|settlement| &*settlement.lease.id));
}

/// The steps that end a lease, and what its holder is told. Follow-up pushes are for the caller to reserve.
pub(crate) fn settle(
    state: &State<Body>,
    lease: &Lease,
    outcome: &Outcome,
    time: Millis,
) -> (Verdict, Option<Entry<Body>>) {
    let seq = match state.hold(&lease.id, lease.token) {
        Hold::Held { seq } => seq,
        Hold::Lost => return (Settled::Lost.into(), None),
        Hold::Unknown => return (Settled::Unknown.into(), None),
    };
    let slot = state.of_seq(seq);
    let is_last = slot.is_some_and(Slot::is_exhausted);
    let (settled, entry) = match outcome {
        Outcome::Complete { .. } => (Settled::Completed, Entry::Complete { seq }),
        Outcome::Retry { error, .. } if is_last => {
            (Settled::Dead, Entry::Bury { seq, at: time, reason: DeadReason::Exhausted, error: short(error) })
        }
        Outcome::Retry { at, error } => {
            (Settled::Retried, Entry::Retry { seq, at: at.as_millis(), error: short(error) })
        }
        Outcome::Reject { error } => {
            (Settled::Dead, Entry::Bury { seq, at: time, reason: DeadReason::Rejected, error: short(error) })
        }
        Outcome::Release => (Settled::Released, Entry::Return { seq, counts: false }),
        Outcome::Defer { at } => (Settled::Released, Entry::Defer { seq, at: at.as_millis() }),
    };
    (Verdict { settled, attempt: slot.map(|slot| attempt_of(state, slot)) }, Some(entry))
}

/// The attempt that is under way on an item, by whose lease it is, or by any without a token.
pub(crate) fn attempt(state: &State<Body>, id: &str, token: Option<u64>) -> Option<Attempt> {
    match state.hold(id, token) {
        Hold::Held { seq } => state.of_seq(seq).map(|slot| attempt_of(state, slot)),
        Hold::Lost | Hold::Unknown => None,
    }
}

fn attempt_of(state: &State<Body>, slot: &Slot<Body>) -> Attempt {
    Attempt {
        number: slot.attempts,
        since: state.since(slot),
        eligible_at: WallTime::from_millis(slot.eligible_at),
    }
}

/// Takes back a lease that is over, or buries an item that is of no use any more; `None` when there is none.
pub(crate) fn reap(state: &State<Body>, now: Moment, time: Millis) -> Vec<Entry<Body>> {
    if let Some(seq) = state.expired_lease(now.steady) {
        return vec![returned(state, seq, time)];
    }
    let expired = state.expired(time).into_iter().take(REAP_MAX);
    expired
        .map(|seq| Entry::Bury { seq, at: time, reason: DeadReason::Expired, error: EXPIRED.into() })
        .collect()
}

/// Counts a step of [`reap`].
pub(crate) fn count(reaped: &mut Reaped, entry: &Entry<Body>) {
    match entry {
        Entry::Return { .. } => reaped.leases += 1,
        Entry::Bury { reason, .. } => {
            reaped.dead += 1;
            reaped.expired += u64::from(*reason == DeadReason::Expired);
        }
        _ => {}
    }
}

/// What becomes of an item whose lease ended without an outcome, by time or with its process.
pub(crate) fn returned(state: &State<Body>, seq: u64, time: Millis) -> Entry<Body> {
    if state.of_seq(seq).is_some_and(Slot::is_exhausted) {
        Entry::Bury { seq, at: time, reason: DeadReason::Exhausted, error: LEASE_ENDED.into() }
    } else {
        Entry::Return { seq, counts: true }
    }
}

/// Dead items that have been so for `older_than`, oldest first, without those that `is_taken` says somebody else has; and how
/// long until the next one has been.
pub(crate) fn expired_dead(
    state: &State<Body>,
    older_than: Duration,
    time: Millis,
    is_taken: impl Fn(u64) -> bool,
) -> (Vec<&Slot<Body>>, Option<Duration>) {
    let age = u64::try_from(older_than.as_millis()).unwrap_or(u64::MAX);
    let left = |slot: &Slot<Body>| slot.died().map(|(_, at)| at.saturating_add(age).saturating_sub(time));
    let mut dead = state.dead(None).filter(|slot| !is_taken(slot.seq)).peekable();
    let mut over = Vec::new();
    while over.len() < EXPIRED_DEAD_MAX
        && let Some(slot) = dead.next_if(|slot| left(slot) == Some(0))
    {
        over.push(slot);
    }
    (over, dead.peek().and_then(|slot| left(slot)).map(Duration::from_millis))
}

/// Where an item stands; `None` while its push is on the way to disk.
pub(crate) fn standing(slot: &Slot<Body>, time: Millis) -> Option<Standing> {
    Some(match slot.phase {
        Phase::Reserved => return None,
        Phase::Waiting if slot.eligible_at <= time => Standing::Ready,
        Phase::Waiting | Phase::Behind => Standing::Scheduled,
        Phase::Leased => Standing::Leased,
        Phase::Dead => Standing::Dead,
    })
}

/// An item as it is looked at.
pub(crate) fn stored(state: &State<Body>, slot: &Slot<Body>, time: Millis) -> Option<Sight<Stored>> {
    let standing = standing(slot, time)?;
    let dead = slot.died().map(|(reason, _)| reason);
    Some(claimed_of(state, slot).map(|item| Stored { standing, item, dead }))
}

fn claimed_of(state: &State<Body>, slot: &Slot<Body>) -> Sight<Claimed> {
    glimpse_of(state, slot).told()
}

fn glimpse_of(state: &State<Body>, slot: &Slot<Body>) -> Glimpse {
    let lane = state.lane_of(slot);
    Glimpse {
        seq: slot.seq,
        id: slot.id.clone(),
        token: slot.token,
        attempt: slot.attempts,
        max_attempts: slot.max_attempts,
        priority: slot.priority,
        eligible_at: WallTime::from_millis(slot.eligible_at),
        body: slot.body.clone(),
        texts: (lane.is_some() || slot.extra.is_some())
            .then(|| Box::new(Texts { partition: lane.map(str::to_owned), errors: errors_of(slot) })),
    }
}

/// What the last attempts of an item failed with.
pub(crate) fn errors_of(slot: &Slot<Body>) -> Vec<String> {
    let errors = slot.extra.as_ref().map_or(&[][..], |extra| &extra.errors);
    errors.iter().map(|error| error.as_ref().to_owned()).collect()
}

/// The beginning of an error, cut between characters.
pub(crate) fn short(error: &str) -> Box<str> {
    error.get(..error.floor_char_boundary(ERROR_BYTES_MAX)).unwrap_or_default().into()
}
