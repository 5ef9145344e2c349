//! How much goes through, over the last minute.

use std::time::Duration;

use syncline_core::Instant;

/// Seconds that are looked back on.
const SECONDS: u64 = 60;

/// Items per second, over the last minute or since the queue was made, whichever is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Throughput {
    /// Pushed.
    pub enqueue_per_sec: f64,
    /// Handed out.
    pub dequeue_per_sec: f64,
    /// Completed.
    pub complete_per_sec: f64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Enqueued,
    Dequeued,
    Completed,
}

/// A ring of seconds. Pure: the time is passed in.
#[derive(Debug)]
pub(crate) struct Ring {
    born: Instant,
    seconds: [Second; SECONDS as usize],
}

/// What happened in one second, which `number` names.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    flows: [u64; 3],
}

impl Ring {
    pub(crate) fn new(born: Instant) -> Self {
        Self { born, seconds: [Second::default(); SECONDS as usize] }
    }

    /// `count` more at `now`.
    pub(crate) fn add(&mut self, flow: Flow, count: u64, now: Instant) {
        let number = self.number(now);
        let Some(second) = self.seconds.get_mut((number % SECONDS) as usize) else { return };
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        if let Some(sum) = second.flows.get_mut(flow as usize) {
            *sum = sum.saturating_add(count);
        }
    }

    /// The rates at `now`.
    pub(crate) fn rates(&self, now: Instant) -> Throughput {
        let number = self.number(now);
        let age = now.saturating_since(self.born).as_secs_f64();
        // The second that has just begun counts for as much as there is of it.
        let span = age.min((SECONDS - 1) as f64 + age.fract()).max(1.0);
        let recent = self.seconds.iter().filter(|second| second.number.saturating_add(SECONDS) > number);
        let mut sums = [0_u64; 3];
        for second in recent {
            for (sum, count) in sums.iter_mut().zip(second.flows) {
                *sum = sum.saturating_add(count);
            }
        }
        let [enqueue_per_sec, dequeue_per_sec, complete_per_sec] = sums.map(|sum| sum as f64 / span);
        Throughput { enqueue_per_sec, dequeue_per_sec, complete_per_sec }
    }

    fn number(&self, now: Instant) -> u64 {
        now.saturating_since(self.born).as_secs()
    }
}

/// The mean of `sum` over `count`; zero of none.
pub(crate) fn mean(sum: Duration, count: u64) -> Duration {
    let nanos = sum.as_nanos().checked_div(u128::from(count)).unwrap_or(0);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(5_000 + ms))
    }

    /// What went wrong: the rate was the total over a minute more than the queue had been idle.
    #[test]
    fn a_young_queue_is_measured_over_its_age() {
        let mut ring = Ring::new(at(0));
        assert_eq!(ring.rates(at(0)), Throughput::default());
        ring.add(Flow::Dequeued, 20, at(500));
        assert_eq!(ring.rates(at(500)).dequeue_per_sec, 20.0);
        assert_eq!(ring.rates(at(10_000)).dequeue_per_sec, 2.0);
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let mut ring = Ring::new(at(0));
        for second in 0..200 {
            ring.add(Flow::Enqueued, 3, at(second * 1_000));
            ring.add(Flow::Completed, 1, at(second * 1_000 + 999));
        }
        let rates = ring.rates(at(199_999));
        assert!((rates.enqueue_per_sec - 3.0).abs() < 0.01, "{rates:?}");
        assert!((rates.complete_per_sec - 1.0).abs() < 0.01, "{rates:?}");
        assert_eq!(ring.rates(at(260_000)), Throughput::default());
    }
}
