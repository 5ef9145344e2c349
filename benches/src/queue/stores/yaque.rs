//! yaque, made to sync: it never does so by itself. After each send the newest segment is synced; after each receive its
//! place is saved and synced. It has one sender and one receiver, which clients share.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use yaque::{Receiver, ReceiverBuilder, Sender, TryRecvError};

use super::super::{
    jobs::{BATCH_MAX, Jobs},
    store::{Client, Kind, Store, Wait, Way, done},
};
use crate::Result;

/// yaque.
pub(in super::super) const YAQUE: Kind = Kind {
    name: "yaque",
    way: Way::Threads,
    open: |dir, jobs| done(open(dir, jobs).map(|yaque| Box::new(yaque) as Box<dyn Store>)),
    left: |dir, jobs| done(left(dir, jobs)),
};

/// How its segments are named, and where the receiver's place is.
const SEGMENT_ENDING: &str = "q";
const PLACE: &str = "recv-metadata";

#[derive(Clone)]
struct Yaque {
    dir: PathBuf,
    sending: Arc<Mutex<Sending>>,
    receiver: Arc<Mutex<Receiver>>,
    jobs: Arc<Jobs>,
}

struct Sending {
    sender: Sender,
    /// The newest segment and its number.
    newest: (u64, File),
}

fn open(dir: &Path, jobs: &Arc<Jobs>) -> Result<Yaque> {
    let sender = Sender::open(dir)?;
    // What is received is saved once it is completed, and not at its own times.
    let receiver = ReceiverBuilder::new().save_every_nth(None).save_every(None).open(dir)?;
    let newest = newest(dir)?;
    let segment = OpenOptions::new().append(true).open(segment(dir, newest))?;
    let sending = Sending { sender, newest: (newest, segment) };
    Ok(Yaque {
        dir: dir.to_owned(),
        sending: Arc::new(Mutex::new(sending)),
        receiver: Arc::new(Mutex::new(receiver)),
        jobs: Arc::clone(jobs),
    })
}

fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(number.to_string()).with_extension(SEGMENT_ENDING)
}

fn newest(dir: &Path) -> Result<u64> {
    let mut newest = 0;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if path.extension().is_some_and(|ending| ending == SEGMENT_ENDING) {
            newest = newest.max(number.unwrap_or(0));
        }
    }
    Ok(newest)
}

impl Sending {
    fn sync(&mut self, dir: &Path) -> Result {
        self.newest.1.sync_data()?;
        // A segment that is full is closed by the send that begins the next one.
        let next = segment(dir, self.newest.0 + 1);
        if next.exists() {
            self.newest = (self.newest.0 + 1, OpenOptions::new().append(true).open(next)?);
            self.newest.1.sync_data()?;
            File::open(dir)?.sync_all()?;
        }
        Ok(())
    }
}

impl Yaque {
    /// Number and text: it keeps no keys.
    fn record(&self, number: u64) -> Vec<u8> {
        [&number.to_be_bytes()[..], self.jobs.text(number).as_bytes()].concat()
    }

    fn push_all(&self, first: u64, count: usize) -> Result {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let records = (first..).take(count).map(|number| self.record(number));
        // Without a bound of its size it is never full.
        sending
            .sender
            .try_send_batch(records.collect::<Vec<_>>())
            .map_err(|_| "yaque did not take a job")?;
        sending.sync(&self.dir)
    }

    fn receiver(&self) -> MutexGuard<'_, Receiver> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives up to `most`, and saves its place: nobody else receives until then.
    fn receive(&self, most: usize) -> Result<Vec<u64>> {
        let mut receiver = self.receiver();
        let records = match receiver.try_recv_batch_up_to(most) {
            Ok(guard) => guard.try_into_inner()?,
            Err(TryRecvError::QueueEmpty) => return Ok(Vec::new()),
            Err(TryRecvError::Io(error)) => return Err(error.into()),
        };
        receiver.save()?;
        File::open(self.dir.join(PLACE))?.sync_data()?;
        records.iter().map(|record| number_of(record, &self.jobs)).collect()
    }
}

fn number_of(record: &[u8], jobs: &Jobs) -> Result<u64> {
    let (number, text) = record.split_first_chunk().ok_or("yaque gave a short record back")?;
    let number = u64::from_be_bytes(*number);
    jobs.check(number, text)?;
    Ok(number)
}

impl Store for Yaque {
    fn client(&self) -> Wait<'_, Box<dyn Client>> {
        done(Ok(Box::new(self.clone()) as Box<dyn Client>))
    }

    fn close(&self) -> Wait<'_, ()> {
        done(Ok(()))
    }
}

impl Client for Yaque {
    fn push(&mut self, first: u64, count: usize) -> Wait<'_, ()> {
        done(self.push_all(first, count))
    }

    fn work(&mut self, most: usize) -> Wait<'_, usize> {
        done(self.receive(most).map(|numbers| numbers.len()))
    }
}

fn left(dir: &Path, jobs: &Arc<Jobs>) -> Result<Vec<u64>> {
    let yaque = open(dir, jobs)?;
    let mut numbers = Vec::new();
    loop {
        let received = yaque.receive(BATCH_MAX)?;
        if received.is_empty() {
            return Ok(numbers);
        }
        numbers.extend(received);
    }
}
