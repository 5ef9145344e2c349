//! A record of pushes alone, written while it is decided which of them there are.

use bytes::Bytes;
use syncline_core::WallTime;

use super::{
    PUSH,
    write::{Step, put_head, put_push, put_step},
};
use crate::{state::Millis, storage::New};

/// The record, as far as it is written.
#[derive(Debug)]
pub(crate) struct Pushes {
    out: Vec<u8>,
    time: Millis,
    /// Bytes of the head, which says how many there would be if none was a duplicate.
    head: usize,
    most: u64,
    count: u64,
}

impl Pushes {
    /// An empty record. `bytes` are those of the ids of its items and of what they carry; there are `most` of them at most.
    pub(crate) fn new(time: Millis, most: usize, bytes: usize) -> Self {
        let mut out = Vec::with_capacity(HEAD_BYTES + bytes + most * ITEM_BYTES);
        let most = most as u64;
        put_head(&mut out, false, time, most);
        Self { head: out.len(), out, time, most, count: 0 }
    }

    /// Adds the push of an item that was accepted as `seq`.
    pub(crate) fn add(&mut self, seq: u64, new: &New<'_>) {
        self.count += 1;
        let step = Step {
            priority: new.priority,
            eligible_at: new.eligible_at(self.time),
            max_attempts: new.max_attempts,
            id: new.id,
            lane: new.partition,
            dedup: new.key_until(self.time),
            expires_at: new.expires_at.map(WallTime::as_millis),
            content: new.body.as_slice(),
        };
        put_step(&mut self.out, PUSH, seq);
        put_push(&mut self.out, &step);
    }

    /// The record; `None` where nothing was added.
    pub(crate) fn finish(self) -> Option<Bytes> {
        if self.count == self.most {
            return (self.count > 0).then(|| self.out.into());
        }
        let steps = self.out.get(self.head..).unwrap_or_default();
        let mut out = Vec::with_capacity(HEAD_BYTES + steps.len());
        put_head(&mut out, false, self.time, self.count);
        out.extend_from_slice(steps);
        (self.count > 0).then(|| out.into())
    }
}

/// Bytes that the head of a record has at most, and about the numbers of an item.
const HEAD_BYTES: usize = 22;
const ITEM_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use syncline_core::Priority;

    use super::{
        super::{Record, decode, encode},
        *,
    };
    use crate::{
        state::{Entry, Push},
        storage::{body::Body, new::Content},
    };

    fn new(number: u64) -> New<'static> {
        New {
            id: "an id",
            priority: Priority::High,
            due: Some(WallTime::from_millis(number * 500)),
            max_attempts: 3,
            partition: number.is_multiple_of(2).then_some("lane"),
            dedup: number.is_multiple_of(3).then_some(("key", Duration::from_millis(5))),
            expires_at: number.is_multiple_of(5).then_some(WallTime::from_millis(7)),
            body: Content::Bytes(b"content"),
        }
    }

    /// With and without duplicates, which the head was not written for.
    #[test]
    fn it_is_what_the_steps_are_written_as() {
        for (most, count) in [(10, 10), (200, 200), (200, 9), (1, 1)] {
            let mut pushes = Pushes::new(1_000, most, 0);
            (0..count).for_each(|number| pushes.add(70 + number, &new(number)));
            let entries = (0..count).map(|number| {
                let (new, lane) = (new(number), new(number).partition.map(Into::into));
                Entry::Push(Box::new(Push { lane, ..new.to_push(70 + number, 1_000, Body::new(new.body.as_slice())) }))
            });
            let record = Record { is_ahead: false, time: 1_000, entries: entries.collect() };
            let bytes = pushes.finish().unwrap();
            assert_eq!(bytes, encode(&record).unwrap());
            assert_eq!(decode(&bytes, 0).unwrap().entries.len() as u64, count);
        }
        assert_eq!(Pushes::new(1_000, 3, 0).finish(), None);
    }
}
