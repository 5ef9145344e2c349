//! What a disk holds at one moment: cheap to copy, so that a simulation can keep every moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    blocks::BLOCK,
    inode::Inode,
    names::{FileId, Names},
};

/// Names and files.
#[derive(Debug, Clone, Default)]
pub(super) struct Core {
    pub(super) names: Names,
    files: BTreeMap<FileId, Arc<Inode>>,
    next_id: FileId,
    pub(super) capacity: Option<u64>,
}

impl Core {
    /// The disk after loss of power or a restart, with these names and files. Only files with a name are left.
    pub(super) fn rebuilt(&self, names: Names, settle: impl Fn(FileId, &Arc<Inode>) -> Arc<Inode>) -> Self {
        let inodes = names.list().filter_map(|(_, id)| Some((id, self.files.get(&id)?)));
        let files = inodes.map(|(id, inode)| (id, settle(id, inode))).collect();
        Self { names, files, next_id: self.next_id, capacity: self.capacity }
    }

    pub(super) fn file(&self, id: FileId) -> Option<&Inode> {
        self.files.get(&id).map(Arc::as_ref)
    }

    pub(super) fn file_mut(&mut self, id: FileId) -> Option<&mut Inode> {
        self.files.get_mut(&id).map(Arc::make_mut)
    }

    pub(super) fn named(&self, name: &str) -> Option<&Inode> {
        self.file(self.names.get(name)?)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (FileId, &Inode)> {
        self.files.iter().map(|(id, inode)| (*id, inode.as_ref()))
    }

    /// A new file called `name`.
    pub(super) fn create(&mut self, name: &str, inode: Inode) -> FileId {
        let id = self.next_id;
        self.next_id += 1;
        self.files.insert(id, Arc::new(inode));
        self.names.create(name, id);
        id
    }

    /// Forgets `id` when neither a name nor a handle stands for it.
    pub(super) fn forget(&mut self, id: FileId) {
        if !self.names.mentions(id) {
            self.files.remove(&id);
        }
    }

    /// Forgets all files that neither a name nor a handle stands for.
    pub(super) fn sweep(&mut self, is_open: impl Fn(FileId) -> bool) {
        let names = &self.names;
        self.files.retain(|id, _| is_open(*id) || names.mentions(*id));
    }

    /// Bytes that all files take that a name or a handle stands for.
    pub(super) fn used(&self, is_open: impl Fn(FileId) -> bool) -> u64 {
        let named: BTreeSet<FileId> = self.names.list().map(|(_, id)| id).collect();
        let counted = self.files().filter(|(id, _)| named.contains(id) || is_open(*id));
        counted.map(|(_, inode)| whole_blocks(inode.len())).sum()
    }

    /// Bytes left for a file that grows from `from` to `to` bytes; `Err` holds how long it can become.
    pub(super) fn reserve(&self, from: u64, to: u64, is_open: impl Fn(FileId) -> bool) -> Result<(), u64> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let used = self.used(is_open);
        let grown = used.saturating_sub(whole_blocks(from)).saturating_add(whole_blocks(to));
        if to <= from || grown <= capacity {
            return Ok(());
        }
        let room = whole_blocks(from) + capacity.saturating_sub(used) / BLOCK as u64 * BLOCK as u64;
        Err(room.max(from))
    }
}

fn whole_blocks(len: u64) -> u64 {
    len.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64)
}
