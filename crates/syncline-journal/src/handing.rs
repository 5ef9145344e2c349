//! Records on their way from who reads a directory to the owners of their streams.
//!
//! An owner takes note of records on a thread of its own, while the next are read and checked. What is told is lent: the
//! window that was read from the file goes to the thread as it is, and comes back.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use syncline_core::{Error, ErrorKind, Result, rt};

use crate::{
    Owner, Seq,
    frame::{Header, Kind, Records},
    walk::Body,
    windows::{Window, Windows},
};

/// Most blocks that wait for the thread.
const WAITING_MAX: usize = 8;
/// So much is told without a thread, which would take longer to start.
const UNTHREADED_BYTES: usize = 1_024 * 1_024;
const UNTHREADED_BLOCKS: usize = 8;
/// Bytes of a block of frames that had to be copied, unless one alone is larger.
const COPIED_BYTES: usize = 1_024 * 1_024;

/// Who hears of the records of a stream.
pub(crate) struct Hearer {
    pub(crate) owner: Arc<dyn Owner>,
    /// Records before this one are not needed.
    pub(crate) from: u64,
}

/// By stream.
pub(crate) type Hearers = BTreeMap<u32, Hearer>;

/// The way to the owners. Once it is dropped it tells of nothing any more.
pub(crate) struct Handing {
    hearers: Arc<Hearers>,
    /// Records before this one are on their way.
    told: u64,
    /// The frames that are collected for the next block, and the window that they stand in.
    frames: Vec<Frame>,
    window: Option<Window>,
    /// Where frames are copied to that stand in no window.
    copies: Windows,
    /// What waits for a thread to be worth it.
    waiting: Vec<Block>,
    waiting_bytes: usize,
    thread: Option<(SyncSender<Block>, rt::Thread)>,
}

/// The records of one frame in a window.
struct Frame {
    first_seq: u64,
    /// Records before this one were told already.
    from: u64,
    range: Range<usize>,
}

struct Block {
    window: Window,
    frames: Vec<Frame>,
}

impl Block {
    fn tell(&self, hearers: &Hearers) {
        for frame in &self.frames {
            let plain = self.window.get(frame.range.clone()).unwrap_or_default();
            for (seq, (stream, record)) in (frame.first_seq..).zip(Records::new(plain)) {
                if let Some(hearer) = hearers.get(&stream).filter(|hearer| seq >= hearer.from.max(frame.from)) {
                    hearer.owner.recover(Seq::new(seq), record);
                }
            }
        }
    }
}

impl Handing {
    pub(crate) fn new(hearers: Hearers) -> Self {
        Self {
            hearers: Arc::new(hearers),
            told: 0,
            frames: Vec::new(),
            window: None,
            copies: Windows::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            thread: None,
        }
    }

    /// Tells of the records of a good frame, unless they were told of before: a segment may be read twice. `plain` is what it
    /// holds, `body` what stands in the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Poisoned`] where an owner panicked on the thread, [`ErrorKind::Unavailable`] without a thread.
    pub(crate) fn take(&mut self, header: &Header, body: &Body<'_>, plain: &[u8]) -> Result<()> {
        if header.kind != Kind::Data || header.end_seq() <= self.told {
            return Ok(());
        }
        let range = if std::ptr::eq::<[u8]>(&**body, plain) {
            self.lend(body)?
        } else {
            self.copy(plain)?
        };
        self.frames.push(Frame { first_seq: header.first_seq, from: self.told, range });
        self.told = header.end_seq();
        Ok(())
    }

    fn lend(&mut self, body: &Body<'_>) -> Result<Range<usize>> {
        let (window, range) = body.lend();
        if self.window.as_ref().is_none_or(|before| !Arc::ptr_eq(before, &window)) {
            self.flush()?;
            self.window = Some(window);
        }
        Ok(range)
    }

    fn copy(&mut self, plain: &[u8]) -> Result<Range<usize>> {
        if self.window.is_some() || self.copies.bytes().len() >= COPIED_BYTES {
            self.flush()?;
        }
        let copies = self.copies.writable();
        let start = copies.len();
        copies.extend_from_slice(plain);
        Ok(start..copies.len())
    }

    /// Sends what was collected on its way.
    fn flush(&mut self) -> Result<()> {
        let lent = self.window.take();
        if self.frames.is_empty() {
            return Ok(());
        }
        let frames = std::mem::take(&mut self.frames);
        let window = lent.unwrap_or_else(|| {
            let window = self.copies.lend();
            self.copies.writable().clear();
            window
        });
        self.waiting_bytes += frames.iter().map(|frame| frame.range.len()).sum::<usize>();
        self.waiting.push(Block { window, frames });
        if self.thread.is_none() {
            if self.waiting_bytes < UNTHREADED_BYTES && self.waiting.len() < UNTHREADED_BLOCKS {
                return Ok(());
            }
            self.thread = Some(start(Arc::clone(&self.hearers))?);
        }
        self.send()
    }

    /// Sends what waits to the thread. Blocks while it has enough to do.
    fn send(&mut self) -> Result<()> {
        let Some((way, _)) = &self.thread else { return Ok(()) };
        if self.waiting.drain(..).try_for_each(|block| way.send(block)).is_err() {
            // It ended before its time, and says why.
            return self.join();
        }
        Ok(())
    }

    /// Tells of all that is left, and waits until the owners have taken note of it.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.waiting.drain(..).for_each(|block| block.tell(&self.hearers));
        self.join()
    }

    fn join(&mut self) -> Result<()> {
        let Some((way, thread)) = self.thread.take() else { return Ok(()) };
        drop(way);
        thread.join()
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        if let Err(error) = self.join() {
            tracing::warn!(target: crate::TRACING_TARGET, %error, "an owner did not hear of all records");
        }
    }
}

impl fmt::Debug for Handing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handing").field("told", &self.told).finish_non_exhaustive()
    }
}

fn start(hearers: Arc<Hearers>) -> Result<(SyncSender<Block>, rt::Thread)> {
    let (way, blocks): (_, Receiver<Block>) = sync_channel(WAITING_MAX);
    let thread = rt::thread("syncline-journal-hand", move || blocks.iter().for_each(|block| block.tell(&hearers)));
    let no_thread = |source| Error::new(ErrorKind::Unavailable, "no thread to hand records over").with_source(source);
    Ok((way, thread.map_err(no_thread)?))
}
