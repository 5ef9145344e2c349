//! What happens on a queue, for those who watch it.

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use syncline::queue::{QueueEvent, QueueEvents};

/// Most events of one message.
const EVENTS_MAX: usize = 256;

/// Something that happened, as it is sent and printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Happened {
    /// What: `pushed`, `claimed`, `completed`, `retried`, `dead`, `released`, `cancelled`, `redriven`,
    /// `purged`, `dead_expired`, `expired`, `missed`.
    pub(crate) event: String,
    /// To which item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The number of the attempt that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<u32>,
    /// Leases that ended without an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leases: Option<u64>,
    /// Items that died of it, or of their age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead: Option<u64>,
    /// Events that the watcher was too slow for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<u64>,
}

/// A subscription in this process.
#[derive(Debug)]
pub(crate) struct Events {
    events: QueueEvents,
}

impl Events {
    pub(super) fn new(events: QueueEvents) -> Self {
        Self { events }
    }

    /// What happened, all of it that was told by now; `None` once nothing more can happen.
    pub(crate) async fn next(&mut self) -> Option<Vec<Happened>> {
        let mut some = vec![Happened::from(self.events.next().await?)];
        while some.len() < EVENTS_MAX {
            match self.events.next().now_or_never() {
                Some(Some(event)) => some.push(event.into()),
                // The end comes again.
                Some(None) | None => break,
            }
        }
        Some(some)
    }
}

impl From<QueueEvent> for Happened {
    fn from(event: QueueEvent) -> Self {
        let of = |event: &str, id: String| Self { event: event.to_owned(), id: Some(id), ..Self::default() };
        match event {
            QueueEvent::Pushed { id } => of("pushed", id),
            QueueEvent::Claimed { id, attempt } => Self { attempt: Some(attempt), ..of("claimed", id) },
            QueueEvent::Completed { id } => of("completed", id),
            QueueEvent::Retried { id } => of("retried", id),
            QueueEvent::Dead { id } => of("dead", id),
            QueueEvent::Released { id } => of("released", id),
            QueueEvent::Cancelled { id } => of("cancelled", id),
            QueueEvent::Redriven { id } => of("redriven", id),
            QueueEvent::Purged { id } => of("purged", id),
            QueueEvent::DeadLetterExpired { id } => of("dead_expired", id),
            QueueEvent::Expired { leases, dead } => Self {
                event: "expired".to_owned(),
                leases: Some(leases),
                dead: Some(dead),
                ..Self::default()
            },
            QueueEvent::Missed { events } => {
                Self { event: "missed".to_owned(), events: Some(events), ..Self::default() }
            }
            // One that this program has no word for.
            _ => Self { event: "other".to_owned(), ..Self::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_object_with_what_matters() {
        for (event, json) in [
            (QueueEvent::Pushed { id: "a".into() }, r#"{"event":"pushed","id":"a"}"#),
            (QueueEvent::Claimed { id: "a".into(), attempt: 2 }, r#"{"event":"claimed","id":"a","attempt":2}"#),
            (QueueEvent::Purged { id: "a".into() }, r#"{"event":"purged","id":"a"}"#),
            (QueueEvent::DeadLetterExpired { id: "a".into() }, r#"{"event":"dead_expired","id":"a"}"#),
            (QueueEvent::Expired { leases: 1, dead: 0 }, r#"{"event":"expired","leases":1,"dead":0}"#),
            (QueueEvent::Missed { events: 7 }, r#"{"event":"missed","events":7}"#),
        ] {
            assert_eq!(serde_json::to_string(&Happened::from(event)).unwrap(), json);
        }
    }
}
