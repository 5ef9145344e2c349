//! Clocks that Syncline and governor both read, in the same way: neither gains by a cheaper one.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::nanos::Nanos;
use syncline_core::WallTime;
use syncline_resilience::time::{Clock, Instant, Sleep, SystemClock};

/// The machine's clock.
#[derive(Debug, Clone)]
pub(super) struct System;

impl governor::clock::Clock for System {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        SystemClock.now().since_origin().into()
    }
}

/// A clock that costs nothing: each look at it is a microsecond later than the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct Stepping(Arc<AtomicU64>);

impl Stepping {
    fn step_ns(&self) -> u64 {
        let now = self.0.load(Ordering::Relaxed) + 1_000;
        self.0.store(now, Ordering::Relaxed);
        now
    }
}

impl governor::clock::Clock for Stepping {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Clock::now(self).since_origin().into()
    }
}

/// The same for governor alone, without the detour over Syncline's instants.
#[derive(Debug, Clone, Default)]
pub(super) struct Direct(Stepping);

impl governor::clock::Clock for Direct {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.step_ns().into()
    }
}

impl Clock for Stepping {
    fn now(&self) -> Instant {
        Instant::from_origin(Duration::from_nanos(self.step_ns()))
    }

    fn wall(&self) -> WallTime {
        WallTime::from_millis(0)
    }

    fn sleep_until(&self, _at: Instant) -> Sleep {
        Box::pin(future::ready(()))
    }
}
