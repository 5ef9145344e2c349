//! The queue's time beside the steady clock: it is the calendar's, and never goes back.

use std::{cell::RefCell, time::Duration};

use syncline_core::port::Clock as _;
use syncline_queue::WallTime;
use syncline_testkit::MockClock;

/// Milliseconds of either clock.
pub(super) type Millis = u64;

pub(super) struct Time {
    pub(super) clock: MockClock,
    /// From when on, by the steady clock, the queue's time was so much ahead of it.
    ahead: RefCell<Vec<(Millis, Millis)>>,
}

impl Time {
    pub(super) fn of(clock: MockClock) -> Self {
        let time = Self { clock, ahead: RefCell::default() };
        time.ahead.borrow_mut().push((0, time.calendar() - time.steady()));
        time
    }

    pub(super) fn steady(&self) -> Millis {
        ms(self.clock.now().since_origin())
    }

    fn calendar(&self) -> Millis {
        self.clock.wall().as_millis()
    }

    /// The queue's time.
    pub(super) fn now(&self) -> Millis {
        self.steady() + self.ahead.borrow().last().unwrap().1
    }

    /// Sets the calendar.
    pub(super) fn set(&self, wall: WallTime) {
        self.clock.set_wall(wall);
        let (steady, mut ahead) = (self.steady(), self.ahead.borrow_mut());
        let by = self.calendar().saturating_sub(steady);
        if by > ahead.last().unwrap().1 {
            ahead.push((steady, by));
        }
    }

    /// When this time of the queue had come, by the steady clock.
    pub(super) fn reached(&self, at: Millis) -> Millis {
        let ahead = self.ahead.borrow();
        let ends = ahead.iter().skip(1).map(|(since, _)| *since).chain([Millis::MAX]);
        let mut reached = ahead.iter().zip(ends).map(|((since, by), end)| (at.saturating_sub(*by).max(*since), end));
        reached.find(|(reached, end)| reached < end).map_or(0, |(reached, _)| reached)
    }
}

pub(super) fn ms(of: Duration) -> Millis {
    u64::try_from(of.as_millis()).unwrap()
}
