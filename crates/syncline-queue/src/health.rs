//! Whether a queue does its work.

use std::time::Duration;

use syncline_resilience::breaker::CircuitState;

/// What a queue says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthReport {
    /// Whether a push and a pop would be tried now.
    pub ready: bool,
    /// Whether it can become ready without being opened again.
    pub live: bool,
    /// Why it is not ready.
    pub reasons: Vec<Reason>,
    /// The breaker around its storage.
    pub breaker: CircuitState,
    /// The breaker of its [jobs](crate::QueueConfig::job_breaker), where there is one.
    pub jobs: Option<CircuitState>,
    /// For how long the item that waits longest could have been handed out; `None` where none could. It grows where nobody
    /// works, or too few do: the number to be alarmed by.
    pub oldest_age: Option<Duration>,
}

/// Why a queue is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Its storage failed often of late, and is not asked for now.
    BreakerOpen,
    /// Its jobs failed often of late, and none are handed out for now but a probe.
    JobsFailing,
    /// It is locked for maintenance.
    Locked,
    /// It is shutting down, or was shut down.
    ShuttingDown,
    /// An earlier write failed: only opening it again helps.
    Poisoned,
}

impl HealthReport {
    pub(crate) fn of(
        (breaker, jobs): (CircuitState, Option<CircuitState>),
        reasons: Vec<Reason>,
        oldest_age: Option<Duration>,
    ) -> Self {
        let is_over = |reason: &Reason| matches!(reason, Reason::ShuttingDown | Reason::Poisoned);
        Self {
            ready: reasons.is_empty(),
            live: !reasons.iter().any(is_over),
            reasons,
            breaker,
            jobs,
            oldest_age,
        }
    }
}
