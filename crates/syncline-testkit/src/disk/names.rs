//! The names of a directory: those programs see, those that survive loss of power, and what was done in between.

use std::{collections::BTreeMap, sync::Arc};

/// Stands for a file, whatever its names.
pub(super) type FileId = u64;

type Map = Arc<BTreeMap<Arc<str>, FileId>>;

/// Names of files.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    seen: Map,
    durable: Map,
    pending: Vec<DirOp>,
    /// A sync failed: `seen` holds names that no later sync makes durable.
    lost: bool,
}

/// Something done to names that no sync of the directory covers.
#[derive(Debug, Clone)]
pub(super) enum DirOp {
    Create(Arc<str>, FileId),
    Rename(Arc<str>, Arc<str>, FileId),
    Remove(Arc<str>),
}

impl Names {
    pub(super) fn get(&self, name: &str) -> Option<FileId> {
        self.seen.get(name).copied()
    }

    pub(super) fn list(&self) -> impl Iterator<Item = (&Arc<str>, FileId)> {
        self.seen.iter().map(|(name, id)| (name, *id))
    }

    pub(super) fn create(&mut self, name: &str, id: FileId) {
        self.apply(DirOp::Create(Arc::from(name), id));
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> Option<FileId> {
        let id = self.get(from)?;
        self.apply(DirOp::Rename(Arc::from(from), Arc::from(to), id));
        Some(id)
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<FileId> {
        let id = self.get(name)?;
        self.apply(DirOp::Remove(Arc::from(name)));
        Some(id)
    }

    fn apply(&mut self, op: DirOp) {
        keep(&mut self.seen, &op);
        self.pending.push(op);
    }

    /// Makes all names durable.
    pub(super) fn sync(&mut self) {
        if self.lost {
            self.settle(|_| true);
        } else {
            self.durable = Arc::clone(&self.seen);
            self.pending.clear();
        }
    }

    /// A sync that failed: of what is pending, what `kept` names was written, and the rest never will be.
    pub(super) fn fail_sync(&mut self, kept: impl Fn(usize) -> bool) {
        self.settle(kept);
        self.lost = true;
    }

    fn settle(&mut self, kept: impl Fn(usize) -> bool) {
        for (index, op) in std::mem::take(&mut self.pending).iter().enumerate() {
            if kept(index) {
                keep(&mut self.durable, op);
            }
        }
    }

    /// How many operations no sync covers.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The names after loss of power: of the pending operations, in order, those for which `kept` says so.
    pub(super) fn after_power_loss(&self, kept: impl Fn(usize) -> bool) -> Self {
        let mut durable = Arc::clone(&self.durable);
        for (_, op) in self.pending.iter().enumerate().filter(|(index, _)| kept(*index)) {
            keep(&mut durable, op);
        }
        Self { seen: Arc::clone(&durable), durable, pending: Vec::new(), lost: false }
    }

    /// Whether any name, seen or durable or on its way, stands for `id`.
    pub(super) fn mentions(&self, id: FileId) -> bool {
        let pending = |op: &DirOp| matches!(op, DirOp::Create(_, other) | DirOp::Rename(_, _, other) if *other == id);
        self.seen.values().chain(self.durable.values()).any(|other| *other == id) || self.pending.iter().any(pending)
    }
}

/// A rename is one step, and it holds though the creation of what it renames was lost.
fn keep(map: &mut Map, op: &DirOp) {
    let map = Arc::make_mut(map);
    match op {
        DirOp::Create(name, id) => {
            map.insert(Arc::clone(name), *id);
        }
        DirOp::Rename(from, to, id) => {
            if map.get(from) == Some(id) {
                map.remove(from);
            }
            map.insert(Arc::clone(to), *id);
        }
        DirOp::Remove(name) => {
            map.remove(name);
        }
    }
}
