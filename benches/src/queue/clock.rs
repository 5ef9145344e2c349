//! Time that was had on cores, which other work on the machine does not add to.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Of this thread.
pub(super) fn of_thread() -> Duration {
    of(ClockId::ThreadCPUTime)
}

/// Of all threads of this process.
pub(super) fn of_process() -> Duration {
    of(ClockId::ProcessCPUTime)
}

fn of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
