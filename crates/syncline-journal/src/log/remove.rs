//! Giving back the space of records that nobody needs any more.

use std::{collections::BTreeMap, io};

use syncline_core::{ErrorKind, Result};

use super::Log;
use crate::{config::planted, names, recover::Segment};

impl Log {
    /// Records of `stream` before `seq` are not needed any more. It is kept in memory until the manifest is next written.
    pub fn truncate(&mut self, stream: u32, seq: u64) {
        if let Some(entry) = self.manifest.streams.get_mut(&stream) {
            entry.low_water = entry.low_water.max(seq.min(self.next_seq));
        }
    }

    /// Whether some sealed segment holds nothing that is needed.
    pub fn has_dead(&self) -> bool {
        self.sealed.values().any(|segment| self.is_dead(segment))
    }

    pub(crate) fn is_dead(&self, segment: &Segment) -> bool {
        let slack = u64::from(planted!(self.config, RemoveLive));
        segment.last_of.iter().all(|(stream, last)| {
            self.manifest.streams.get(stream).is_some_and(|entry| *last < entry.low_water + slack)
        })
    }

    /// Removes the segments that hold nothing that is needed, at leisure.
    ///
    /// # Errors
    ///
    /// As a failed write of the manifest. A file that cannot be removed, and a full disk, are only logged: they cost space,
    /// not truth, and the next removal tries again.
    pub fn remove_dead(&mut self) -> Result<()> {
        match self.give_back_dead() {
            Err(error) if error.kind() == ErrorKind::Full => {
                tracing::warn!(target: crate::TRACING_TARGET, %error, "dead segments could not be given back yet");
                Ok(())
            }
            other => other,
        }
    }

    /// The same for who needs the space now.
    ///
    /// 1. Sync: what made them needless may be written and not yet on disk. 2. Write a manifest that does not list them, twice,
    /// so that the one to fall back to does not either. 3. Only then remove the files; those that a crash leaves are removed
    /// at the next opening.
    ///
    /// # Errors
    ///
    /// As a failed write of the manifest. [`ErrorKind::Full`] when there is no space for it: then they are there as before.
    pub(super) fn give_back_dead(&mut self) -> Result<()> {
        self.check()?;
        if !self.has_dead() {
            return Ok(());
        }
        if !planted!(self.config, UnlinkBeforeCopy) {
            self.sync()?;
        }
        let sealed = std::mem::take(&mut self.sealed);
        let (dead, live): (BTreeMap<_, _>, _) = sealed.into_iter().partition(|(_, segment)| self.is_dead(segment));
        self.sealed = live;
        if planted!(self.config, RemoveBeforeManifest) {
            self.remove_files(dead.keys());
        }
        let stored = self.store_manifest_at_all_costs().and_then(|()| self.store_manifest_again());
        match &stored {
            Ok(()) if planted!(self.config, RemoveBeforeManifest) => {}
            Ok(()) => self.remove_files(dead.keys()),
            Err(_) => self.sealed.extend(dead),
        }
        // The manifest may have had its space.
        if !self.spare && self.poisoned.is_none() {
            self.make_spare(self.config.segment_bytes);
        }
        stored
    }

    fn remove_files<'a>(&self, mut dead: impl Iterator<Item = &'a u64>) {
        let removed: io::Result<()> = dead.try_for_each(|id| self.disk.remove(&names::segment(*id)));
        if let Err(error) = removed {
            tracing::warn!(target: crate::TRACING_TARGET, %error, "a dead segment could not be removed yet");
        }
    }
}
