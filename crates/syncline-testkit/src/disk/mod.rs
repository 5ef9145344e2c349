//! A disk that fails as real ones do, and that can be found, after loss of power, in every state it may be in.
//!
//! - `blocks`: shared bytes; `inode`: one file; `names`: the directory; `core`: all of it at one moment
//! - `image`: what may be found after loss of power
//! - `fault`: calls that are to fail; `trace`: what was asked and answered
//! - `port`: the disk port itself

mod blocks;
mod core;
mod fault;
mod image;
mod inode;
mod names;
mod port;
mod trace;

use std::{
    collections::BTreeMap,
    fmt, io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use fault::{Call, Effect, Fault};
pub use image::CrashImages;
pub use trace::Event;

use self::{
    core::Core,
    inode::{Fate, Inode},
    names::FileId,
    trace::Trace,
};
use crate::SeededRandom;

/// A simulated directory, shared by its clones. The same seed and calls give the same answers.
///
/// What is written is read back at once, and survives [loss of power](Self::crash_images) only once synced. Calls
/// [fail](Self::fail) when told to, and after a failed sync the pages are lost as they are on real systems.
///
/// # Examples
///
/// ```
/// use syncline_core::port::{Disk as _, OpenMode};
/// use syncline_testkit::{SeededRandom, SimDisk};
///
/// let disk = SimDisk::new(1);
/// let file = disk.open("a", OpenMode::Create)?;
/// disk.sync_dir()?;
/// file.write_at(b"synced", 0)?;
/// file.sync()?;
/// file.write_at(b"!", 6)?;
/// for image in disk.crash_images(64, &SeededRandom::new(2)) {
///     assert!(image.contents("a").unwrap().starts_with(b"synced"));
/// }
/// assert_eq!(disk.synced_image().contents("a").unwrap(), b"synced");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct SimDisk {
    shared: Arc<Mutex<State>>,
}

struct State {
    core: Core,
    random: SeededRandom,
    faults: Vec<Fault>,
    trace: Trace,
    /// The disk after each call that changed it, while somebody collects them.
    points: Option<Vec<Core>>,
    /// Open handles of each file.
    open: BTreeMap<FileId, u32>,
    holder: Option<String>,
}

impl SimDisk {
    /// An empty disk; `seed` decides what faults leave behind.
    pub fn new(seed: u64) -> Self {
        Self::from_core(Core::default(), SeededRandom::new(seed))
    }

    fn from_core(core: Core, random: SeededRandom) -> Self {
        let state = State {
            core,
            random,
            faults: Vec::new(),
            trace: Trace::default(),
            points: None,
            open: BTreeMap::new(),
            holder: None,
        };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans a failure, beside those planned before.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Forgets the planned failures. What they broke stays broken.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Whether a planned failure has not struck yet.
    pub fn has_faults(&self) -> bool {
        !self.state().faults.is_empty()
    }

    /// Bounds the space, in bytes; `None` removes the bound. Files take whole blocks of 4 KiB.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().core.capacity = bytes;
    }

    /// Bytes that files take of the space: with those that were removed while somebody has them open.
    pub fn used(&self) -> u64 {
        let state = self.state();
        state.core.used(|id| state.open.contains_key(&id))
    }

    /// What may be found if power were lost now: all of it where that is at most `bound` images, else `bound` samples,
    /// among them what was synced alone and all that was written.
    pub fn crash_images(&self, bound: usize, random: &SeededRandom) -> CrashImages {
        let core = self.state().core.clone();
        CrashImages::new(core, bound, SeededRandom::new(random.word()))
    }

    /// What is certain to be found if power were lost now: what was synced, and nothing else.
    #[must_use]
    pub fn synced_image(&self) -> Self {
        self.image(Fate::Dropped)
    }

    /// What is found if power were lost now and all had just been written out. What a failed sync lost stays lost.
    #[must_use]
    pub fn written_image(&self) -> Self {
        self.image(Fate::Kept)
    }

    fn image(&self, fate: Fate) -> Self {
        let state = self.state();
        let names = state.core.names.after_power_loss(|_| fate == Fate::Kept);
        let core = state.core.rebuilt(names, |_, inode| {
            if inode.is_settled() {
                return Arc::clone(inode);
            }
            let mut after = inode.after_power_loss();
            inode.pieces(usize::MAX).iter().for_each(|piece| after.settle(piece, fate));
            after.restart();
            Arc::new(after)
        });
        Self::from_core(core, state.random.split(u64::from(fate == Fate::Kept)))
    }

    /// What the next process finds if this one were killed now: all it wrote is still in the cache, and as little
    /// synced as before.
    #[must_use]
    pub fn kill_image(&self) -> Self {
        let state = self.state();
        let core = state.core.clone();
        Self::from_core(core, state.random.split(2))
    }

    /// Begins or stops to keep the state of the disk after every call that changes it.
    pub fn collect_points(&self, collect: bool) {
        self.state().points = collect.then(Vec::new);
    }

    /// The disk after each changing call since the last time, oldest first: every moment at which power may be lost.
    pub fn take_points(&self) -> Vec<Self> {
        let mut state = self.state();
        let points = state.points.as_mut().map(mem::take).unwrap_or_default();
        let random = SeededRandom::new(state.random.word());
        points
            .into_iter()
            .map(|core| Self::from_core(core, SeededRandom::new(random.word())))
            .collect()
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.state().trace.calls
    }

    /// A hash of all calls, what they wrote, and their answers.
    pub fn trace_hash(&self) -> [u8; 32] {
        self.state().trace.hash()
    }

    /// Begins to keep calls for people to read.
    pub fn record(&self) {
        self.state().trace.events.get_or_insert_default();
    }

    /// The calls since [`record`](Self::record), up to a bound.
    pub fn events(&self) -> Vec<Event> {
        self.state().trace.events.clone().unwrap_or_default()
    }

    /// The bytes of the file `name` as programs read them; `None` where there is no such file.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.core.named(name)?;
        let mut bytes = vec![0; usize::try_from(inode.len()).ok()?];
        inode.read(&mut bytes, 0);
        Some(bytes)
    }

    /// Makes `bytes` the durable contents of `name`, whatever was there: a file restored from elsewhere, or cut.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        state.core.create(name, Inode::of(bytes));
        state.core.names.sync();
    }

    /// Turns over one bit of the file `name` where it is stored, counting from its first byte's lowest bit. Returns
    /// whether there is such a bit.
    pub fn flip_bit(&self, name: &str, bit: u64) -> bool {
        let mut state = self.state();
        let Some(id) = state.core.names.get(name) else { return false };
        let Some(inode) = state.core.file_mut(id).filter(|inode| bit / 8 < inode.len()) else {
            return false;
        };
        inode.flip(bit);
        true
    }

    /// The names and lengths of all files, as programs see them.
    pub fn files(&self) -> Vec<(String, u64)> {
        let state = self.state();
        let len = |id| state.core.file(id).map_or(0, Inode::len);
        state.core.names.list().map(|(name, id)| (name.to_string(), len(id))).collect()
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("files", &self.files()).finish_non_exhaustive()
    }
}

impl State {
    /// How the planned faults have `call` fail.
    fn strike(&mut self, call: Call) -> Option<Effect> {
        if self.faults.is_empty() {
            return None;
        }
        let mut effect = None;
        self.faults.retain_mut(|fault| {
            let strikes = fault.strikes(call);
            if strikes {
                effect = effect.or(Some(fault.effect));
            }
            !strikes || fault.lasts
        });
        effect
    }

    /// Notes a call that has ended, and the moment after it.
    fn note<T>(&mut self, event: Event, bytes: &[u8], result: io::Result<T>) -> io::Result<T> {
        let event = Event { error: result.as_ref().err().map(io::Error::kind), ..event };
        if let Some(points) = self.points.as_mut().filter(|_| event.call.changes()) {
            points.push(self.core.clone());
        }
        self.trace.add(event, bytes);
        result
    }
}
