//! What a storage of this crate knows of the attempts that outcomes end.

use syncline_core::{Instant, WallTime, port::Settled};

/// An attempt that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// 1 is the first.
    pub(crate) number: u16,
    pub(crate) since: Instant,
    /// From when on it could have been made: a time that the storage has seen.
    pub(crate) eligible_at: WallTime,
}

/// What became of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) settled: Settled,
    /// What it ended; `None` where nothing was in hand, and where the storage does not know.
    pub(crate) attempt: Option<Attempt>,
}

impl From<Settled> for Verdict {
    fn from(settled: Settled) -> Self {
        Self { settled, attempt: None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use syncline_core::port::{Admission, Claim, InHand, Lease, Moment, QueueOutcome, QueueStorage as _, Settlement};

    use super::*;
    use crate::{MemoryQueueStorage, storage::sample::item};

    fn at(ms: u64) -> Moment {
        Moment {
            wall: WallTime::from_millis(ms),
            steady: Instant::from_origin(Duration::from_millis(ms) + Duration::from_nanos(7)),
        }
    }

    #[tokio::test]
    async fn an_attempt_began_when_its_lease_was_taken_however_often_that_was_extended() {
        let queue = MemoryQueueStorage::new();
        queue
            .push(&[item("a")], Admission { capacity: 9, unique_ids: true }, at(1))
            .await
            .unwrap();
        let claim = Claim { most: 1, lease: Duration::from_secs(60), aging: None, in_hand: InHand::default() };
        let token = queue.claim_now(claim, at(5)).items[0].token;
        let lease = Lease { id: "a".to_owned(), token: Some(token) };
        queue.extend(std::slice::from_ref(&lease), Duration::from_secs(60), at(9)).await.unwrap();

        let attempt = Attempt { number: 1, since: at(5).steady, eligible_at: at(1).wall };
        assert_eq!(queue.attempt("a", None), Some(attempt));
        assert_eq!(queue.attempt("a", Some(token)), Some(attempt));
        assert_eq!(queue.attempt("a", Some(token + 1)), None);

        let done = Settlement { lease, outcome: QueueOutcome::Complete { push: Vec::new() } };
        let done = [done.clone(), done];
        let told = queue.settle_now(&done, at(11)).unwrap();
        assert_eq!(told, [Verdict { settled: Settled::Completed, attempt: Some(attempt) }, Settled::Unknown.into()]);
        assert_eq!((queue.attempt("a", None), queue.live()), (None, 0));
    }
}
