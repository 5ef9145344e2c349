//! Keys that may not be pushed again for a while.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::{entry::Dedup, slot::Millis};

/// Keys by text and by the end of their time. A key is taken while its item lives and while its time lasts.
#[derive(Debug, Default)]
pub(crate) struct Dedups {
    keys: HashMap<Box<str>, Holder>,
    ends: BTreeMap<(Millis, u64), Box<str>>,
}

#[derive(Debug)]
struct Holder {
    seq: u64,
    until: Millis,
    lives: bool,
}

impl Dedups {
    /// The seq that holds `key` at `now`.
    pub(crate) fn holder(&self, key: &str, now: Millis) -> Option<u64> {
        self.keys
            .get(key)
            .filter(|holder| holder.lives || now < holder.until)
            .map(|holder| holder.seq)
    }

    /// Whether the item that holds `key` lives.
    pub(crate) fn lives(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(|holder| holder.lives)
    }

    /// The key that `seq` left behind until `until`.
    pub(crate) fn left(&self, until: Millis, seq: u64) -> Option<&str> {
        self.ends.get(&(until, seq)).map(|key| &**key)
    }

    /// Until when `seq` holds `key` at least.
    pub(crate) fn until(&self, key: &str, seq: u64) -> Option<Millis> {
        self.keys.get(key).filter(|holder| holder.seq == seq).map(|holder| holder.until)
    }

    /// `seq` holds the key from now on.
    pub(crate) fn take(&mut self, dedup: &Dedup, seq: u64) {
        let holder = Holder { seq, until: dedup.until, lives: true };
        if let Some(before) = self.keys.insert(dedup.key.clone(), holder) {
            self.ends.remove(&(before.until, before.seq));
        }
    }

    /// The item of `seq` lives no more: its key is free when its time is over.
    pub(crate) fn release(&mut self, key: &str, seq: u64) {
        let Some(holder) = self.keys.get_mut(key).filter(|holder| holder.seq == seq) else { return };
        holder.lives = false;
        self.ends.insert((holder.until, seq), key.into());
    }

    /// `seq` never held the key.
    pub(crate) fn forget(&mut self, key: &str, seq: u64) {
        if self.keys.get(key).is_some_and(|holder| holder.seq == seq) {
            self.keys.remove(key);
        }
    }

    /// Forgets keys whose time is over, up to `most`; returns how many.
    pub(crate) fn sweep(&mut self, now: Millis, most: usize) -> usize {
        let mut swept = 0;
        while swept < most
            && let Some(first) = self.ends.first_entry()
            && first.key().0 <= now
        {
            let ((_, seq), key) = first.remove_entry();
            if self.keys.get(&key).is_some_and(|holder| holder.seq == seq && !holder.lives) {
                self.keys.remove(&key);
            }
            swept += 1;
        }
        swept
    }

    /// When the next key is free.
    pub(crate) fn next_end(&self) -> Option<Millis> {
        self.ends.first_key_value().map(|((until, _), _)| *until)
    }
}
