//! Items as they stand, a page at a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline::{
    WallTime,
    queue::{DeadReason, ItemFilter, ItemInfo, ItemStatus, ListCursor, QueueError, SyncQueue, priority_of},
};

use super::{Job, Told};

/// Most items of one answer: with all their errors they fit into one message.
const ITEMS_MAX: usize = 200;

/// Which items are meant: those that fit all that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// `pending`, `scheduled`, `processing` or `failed`.
    pub(crate) status: String,
    /// 0 is critical, 4 background.
    pub(crate) priority: Option<u8>,
    pub(crate) partition: Option<String>,
    /// `exhausted`, `rejected`, `expired` or `corrupt`.
    pub(crate) reason: Option<String>,
    /// A part of an error.
    pub(crate) error: Option<String>,
    pub(crate) min_age_ms: Option<u64>,
}

const STATUSES: [(&str, ItemStatus); 4] = [
    ("pending", ItemStatus::Pending),
    ("scheduled", ItemStatus::Scheduled),
    ("processing", ItemStatus::Processing),
    ("failed", ItemStatus::Failed),
];

const REASONS: [(&str, DeadReason); 4] = [
    ("exhausted", DeadReason::Exhausted),
    ("rejected", DeadReason::Rejected),
    ("expired", DeadReason::Expired),
    ("corrupt", DeadReason::Corrupt),
];

pub(super) async fn page(
    queue: &SyncQueue,
    filter: &Filter,
    after: Option<&str>,
    limit: usize,
) -> Result<Told, QueueError> {
    let after = after.map(str::parse::<ListCursor>).transpose();
    let after = after.map_err(|error| QueueError::InvalidState(error.to_string()))?;
    let page = queue.list(&filter.item_filter()?, after, limit.clamp(1, ITEMS_MAX)).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(Told::Listed { jobs: page.items.into_iter().map(job).collect(), next })
}

impl Filter {
    fn item_filter(&self) -> Result<ItemFilter, QueueError> {
        let unknown = |word: &str| QueueError::InvalidState(format!("there is no status or reason {word:?}"));
        let status = named(STATUSES, &self.status).ok_or_else(|| unknown(&self.status))?;
        let reason = match &self.reason {
            Some(word) => Some(named(REASONS, word).ok_or_else(|| unknown(word))?),
            None => None,
        };
        Ok(ItemFilter {
            priority: self.priority.map(priority_of).transpose()?,
            partition_key: self.partition.clone(),
            reason,
            error: self.error.clone(),
            min_age: self.min_age_ms.map(Duration::from_millis),
            ..ItemFilter::of(status)
        })
    }
}

fn named<T: Copy>(words: [(&str, T); 4], word: &str) -> Option<T> {
    words.into_iter().find(|(name, _)| *name == word).map(|(_, one)| one)
}

/// An item without what a list does not tell.
fn job(info: ItemInfo) -> Job {
    let is_held = info.lease_token.is_some();
    Job {
        id: info.id,
        status: info.status.to_string().to_lowercase(),
        priority: info.priority.number(),
        attempts: info.attempts.saturating_sub(u32::from(is_held)),
        max_attempts: info.max_attempts,
        due_at_ms: Some(info.eligible_at.as_millis()).filter(|at| *at > 0),
        partition: info.partition_key,
        lease_token: info.lease_token,
        dead: info
            .reason
            .and_then(|reason| REASONS.into_iter().find(|(_, one)| *one == reason))
            .map(|(name, _)| name.to_owned()),
        died_at_ms: info.died_at.map(WallTime::as_millis),
        errors: info.errors,
        ..Job::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_understood_by_its_words() {
        let filter = Filter {
            status: "failed".into(),
            priority: Some(1),
            reason: Some("rejected".into()),
            error: Some("x".into()),
            min_age_ms: Some(5),
            ..Filter::default()
        };
        let told = filter.item_filter().unwrap();
        assert_eq!((told.status, told.reason), (ItemStatus::Failed, Some(DeadReason::Rejected)));
        assert_eq!((told.error.as_deref(), told.min_age), (Some("x"), Some(Duration::from_millis(5))));
        for broken in [
            Filter { status: "completed".into(), ..filter.clone() },
            Filter { reason: Some("?".into()), ..filter.clone() },
            Filter { priority: Some(9), ..filter },
        ] {
            assert!(broken.item_filter().is_err(), "{broken:?}");
        }
    }
}
