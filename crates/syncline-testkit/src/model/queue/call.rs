//! Calls and their answers.

use std::{fmt, time::Duration};

use syncline_core::{
    Error,
    port::{
        Admission, Claim, ExpiredDead, Handed, Lease, Moment, NewItem, Pushed, QueueOutcome, QueueStorage, Reaped,
        Settled, Settlement,
    },
};

/// A call that changes something.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Push(Vec<NewItem>, Admission),
    Claim(Claim),
    Settle(Vec<Settlement>),
    Extend(Vec<Lease>, Duration),
    Cancel(Vec<String>),
    Redrive(Vec<String>),
    Purge(Vec<String>),
    ExpireDead(Duration),
    Reap,
}

/// What was answered.
#[derive(Debug)]
pub(super) enum Answer {
    Pushed(Result<Vec<Pushed>, Error>),
    Claimed(Handed),
    Settled(Vec<Settled>),
    Told(Vec<bool>),
    Expired(ExpiredDead),
    Reaped(Reaped),
}

impl Call {
    pub(super) async fn make(&self, storage: &dyn QueueStorage, now: Moment) -> Result<Answer, Error> {
        Ok(match self {
            Self::Push(items, admission) => Answer::Pushed(storage.push(items, *admission, now).await),
            Self::Claim(claim) => Answer::Claimed(storage.claim(*claim, now).await?),
            Self::Settle(settlements) => Answer::Settled(storage.settle(settlements, now).await?),
            Self::Extend(leases, lease) => Answer::Told(storage.extend(leases, *lease, now).await?),
            Self::Cancel(ids) => Answer::Told(storage.cancel(ids, now).await?),
            Self::Redrive(ids) => Answer::Told(storage.redrive(ids, now).await?),
            Self::Purge(ids) => Answer::Told(storage.purge(ids, now).await?),
            Self::ExpireDead(older_than) => Answer::Expired(storage.expire_dead(*older_than, now).await?),
            Self::Reap => Answer::Reaped(reap_all(storage, now).await?),
        })
    }
}

/// Reaps until nothing is left to do.
async fn reap_all(storage: &dyn QueueStorage, now: Moment) -> Result<Reaped, Error> {
    let mut sum = Reaped { more: true, ..Reaped::default() };
    for _ in 0..100 {
        let reaped = storage.reap(now).await?;
        sum = Reaped {
            leases: sum.leases + reaped.leases,
            dead: sum.dead + reaped.dead,
            expired: sum.expired + reaped.expired,
            more: reaped.more,
        };
        if !sum.more {
            break;
        }
    }
    Ok(sum)
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Push(items, admission) => {
                write!(f, "push into {}", admission.capacity)?;
                items.iter().try_for_each(|item| write!(f, " {}", Brief(item)))
            }
            Self::Claim(claim) => {
                let Claim { most, lease, aging, in_hand } = claim;
                write!(f, "claim {most} for {lease:?}, aging {aging:?}, {} of a lane", in_hand.of_lane)
            }
            Self::Settle(settlements) => {
                f.write_str("settle")?;
                settlements.iter().try_for_each(|one| {
                    let token = one.lease.token;
                    match &one.outcome {
                        QueueOutcome::Complete { push } => {
                            write!(f, " {}/{token:?} complete", one.lease.id)?;
                            push.iter().try_for_each(|item| write!(f, " then {}", Brief(item)))
                        }
                        other => write!(f, " {}/{token:?} {other:?}", one.lease.id),
                    }
                })
            }
            Self::Extend(leases, lease) => {
                write!(f, "extend by {lease:?}")?;
                leases.iter().try_for_each(|lease| write!(f, " {}/{:?}", lease.id, lease.token))
            }
            other => write!(f, "{other:?}"),
        }
    }
}

/// An item in few words.
struct Brief<'a>(&'a NewItem);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = self.0;
        write!(f, "({} {:?} max {}", item.id, item.priority, item.max_attempts)?;
        if let Some(due) = item.due {
            write!(f, " due {}", due.as_millis())?;
        }
        if let Some(at) = item.expires_at {
            write!(f, " expires {}", at.as_millis())?;
        }
        if let Some(lane) = &item.partition {
            write!(f, " lane {lane}")?;
        }
        if let Some(dedup) = &item.dedup {
            write!(f, " key {} {:?}", dedup.key, dedup.window)?;
        }
        write!(f, ")")
    }
}
