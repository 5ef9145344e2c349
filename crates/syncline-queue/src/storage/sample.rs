//! Items for the tests of the storages.

use std::time::Duration;

use syncline_core::{
    Instant, Priority, WallTime,
    port::{Moment, NewItem},
};

/// An item of normal priority with three attempts and a body of one byte.
pub(crate) fn item(id: &str) -> NewItem {
    NewItem {
        id: id.to_owned(),
        priority: Priority::Normal,
        due: None,
        max_attempts: 3,
        partition: None,
        dedup: None,
        expires_at: None,
        body: "x".into(),
    }
}

/// The moment at which both clocks stand at so many milliseconds.
pub(crate) const fn at(ms: u64) -> Moment {
    Moment {
        wall: WallTime::from_millis(ms),
        steady: Instant::from_origin(Duration::from_millis(ms)),
    }
}
