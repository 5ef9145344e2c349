//! Every state in which a crash may leave the disk is opened and judged; of some, what comes after is tried too.

use std::sync::Arc;

use bytes::Bytes;
use syncline_core::Result;
use syncline_journal::{
    Config, OnDamage, RecoveryReport,
    sim::{Log, Submission},
};
use syncline_testkit::{
    SeededRandom, SimDisk,
    disk::{Call, Effect, Fault},
};

use super::{
    Verdict, damage,
    heard::Heard,
    judge,
    model::{Model, Stream, View},
};

/// Images of one crash during recovery, and of one crash after a recovery that went on.
const NESTED_BOUND: usize = 3;

/// How many images were opened and judged, by what led to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Power lost at some operation.
    pub(super) power: u64,
    /// Process killed at some operation.
    pub(super) kill: u64,
    /// Power lost during recovery.
    pub(super) in_recovery: u64,
    /// Recovered once more.
    pub(super) again: u64,
    /// Power lost after the recovered journal went on.
    pub(super) went_on: u64,
    /// A call of the recovery failed.
    pub(super) failing: u64,
    /// Stored bytes were damaged.
    pub(super) damaged: u64,
}

impl Tally {
    pub(super) fn images(&self) -> u64 {
        let Self { power, kill, in_recovery, again, went_on, failing, damaged } = self;
        power + kill + in_recovery + again + went_on + failing + damaged
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.power += other.power;
        self.kill += other.kill;
        self.in_recovery += other.in_recovery;
        self.again += other.again;
        self.went_on += other.went_on;
        self.failing += other.failing;
        self.damaged += other.damaged;
    }
}

/// A journal that was opened, what was found, and what owners heard of it.
pub(super) struct Opened {
    pub(super) log: Log,
    pub(super) report: RecoveryReport,
    pub(super) heard: Heard,
}

/// Opens images of one history.
pub(super) struct Checker {
    pub(super) config: Config,
    pub(super) random: SeededRandom,
    /// Images of one crash; 0 judges none at all.
    pub(super) bound: usize,
    pub(super) tally: Tally,
    /// All outcomes, so that two runs can be compared.
    pub(super) trace: blake3::Hasher,
    /// Files as they were at some earlier moment.
    pub(super) stale: Vec<(String, Vec<u8>)>,
}

impl Checker {
    pub(super) fn open(&self, disk: &SimDisk, on_damage: OnDamage, streams: &[Stream]) -> Result<Opened> {
        let config = Config { on_damage, ..self.config.clone() };
        let heard = Heard::of(streams);
        let random = Arc::new(self.random.split(0));
        let (log, report) = Log::open_telling(Arc::new(disk.clone()), config, random, &heard.owners())?;
        Ok(Opened { log, report, heard })
    }

    /// One moment at which power may be lost or the process killed.
    pub(super) fn moment(&mut self, disk: &SimDisk, power: View<'_>, kill: View<'_>) -> Verdict {
        if self.bound == 0 {
            return Ok(());
        }
        for image in disk.crash_images(self.bound, &self.random) {
            self.tally.power += 1;
            self.image(&image, power, power)?;
        }
        if self.random.once_in(3) {
            self.tally.kill += 1;
            self.image(&disk.kill_image(), kill, power)
                .map_err(|what| format!("after a kill: {what}"))?;
        }
        Ok(())
    }

    /// One image. `power` is what must stand if power is lost before it was recovered.
    fn image(&mut self, image: &SimDisk, view: View<'_>, power: View<'_>) -> Verdict {
        let before = image.kill_image();
        let nested = self.random.once_in(256);
        image.collect_points(nested);
        let (log, next) = self.recover(image, view)?;
        self.trace.update(&next.to_le_bytes());
        if nested {
            self.crashes_in_recovery(image, power)?;
        }
        match self.random.below(32) {
            0..=1 => self.twice(image, log, View { must: next, end: next, ..view }),
            2..=3 => self.go_on(image, log, View { must: next, end: next, ..view }),
            4 => self.failing_recovery(&before, view, power),
            5..=6 => self.damaged(&before, next, view),
            _ => Ok(()),
        }
    }

    /// Opens and judges; returns the sequence number that comes next.
    fn recover(&mut self, disk: &SimDisk, view: View<'_>) -> Verdict<(Log, u64)> {
        let mut opened = match self.open(disk, OnDamage::Refuse, &view.model.streams) {
            Err(error) if error.kind() == syncline_core::ErrorKind::Full => {
                disk.set_capacity(None);
                self.open(disk, OnDamage::Refuse, &view.model.streams)
            }
            other => other,
        }
        .map_err(|error| format!("it does not open: {error:?}"))?;
        let next = judge::crash(&mut opened, view)?;
        Ok((opened.log, next))
    }

    fn crashes_in_recovery(&mut self, image: &SimDisk, view: View<'_>) -> Verdict {
        let points = image.take_points();
        image.collect_points(false);
        for (index, point) in points.iter().enumerate() {
            for image in point.crash_images(NESTED_BOUND, &self.random) {
                self.tally.in_recovery += 1;
                let recovered = self.recover(&image, view);
                recovered.map_err(|what| format!("after a crash at operation {index} of recovery: {what}"))?;
            }
        }
        Ok(())
    }

    /// What one recovery found, the next finds too, whether the process was killed or power was lost in between.
    fn twice(&mut self, image: &SimDisk, log: Log, view: View<'_>) -> Verdict {
        drop(log);
        for disk in [image.kill_image(), image.synced_image()] {
            self.tally.again += 1;
            self.recover(&disk, view).map_err(|what| format!("recovered once more: {what}"))?;
        }
        Ok(())
    }

    /// A recovered journal takes new records and keeps them and the old ones.
    fn go_on(&mut self, image: &SimDisk, mut log: Log, view: View<'_>) -> Verdict {
        let Some(stream) = view.model.streams.get(..view.streams).and_then(|streams| streams.first()) else {
            return Ok(());
        };
        let mut model = Model { timeline: Vec::new(), ..view.model.clone() };
        model
            .timeline
            .extend(view.model.timeline.iter().take(usize::try_from(view.end - 1).unwrap_or(0)).cloned());
        let records = vec![(stream.id, Bytes::from(self.random.word().to_le_bytes().to_vec())); 2];
        model.push(&records);
        let submission = Submission { records, essential: false };
        image.set_capacity(None);
        let written = log.write(&[submission]).and_then(|_| log.sync());
        let durable = written.map_err(|error| format!("it does not go on: {error:?}"))?;
        let view = View {
            model: &model,
            must: durable,
            end: model.next_seq(),
            streams: view.streams,
            closed: false,
        };
        if durable != view.end {
            return Err(format!("records up to {} were synced, it says {durable}", view.end));
        }
        for image in image.crash_images(NESTED_BOUND, &self.random) {
            self.tally.went_on += 1;
            self.recover(&image, view).map_err(|what| format!("after it went on: {what}"))?;
        }
        Ok(())
    }

    /// A call of the recovery fails: it says so, or it was not needed. Afterwards all is as before.
    fn failing_recovery(&mut self, disk: &SimDisk, view: View<'_>, power: View<'_>) -> Verdict {
        let skip = self.random.below(24);
        let call = if self.random.once_in(2) { Some(Call::Read) } else { None };
        disk.fail(Fault { call, skip, effect: Effect::Eio, lasts: self.random.once_in(4) });
        self.tally.failing += 1;
        let failed = |what| format!("call {skip} of the recovery failed: {what}");
        if let Ok(mut opened) = self.open(disk, OnDamage::Refuse, &view.model.streams) {
            disk.heal();
            return judge::crash(&mut opened, view).map(drop).map_err(failed);
        }
        disk.heal();
        let (disk, view) = if self.random.once_in(2) {
            (disk.kill_image(), view)
        } else {
            (disk.synced_image(), power)
        };
        self.recover(&disk, view).map(drop).map_err(failed)
    }

    /// Stored bytes change: opening refuses, or what is lost is reported, or nothing is. Without harm `next` comes next.
    fn damaged(&mut self, disk: &SimDisk, next: u64, view: View<'_>) -> Verdict {
        let Some(harm) = damage::draw(disk, &self.random, &self.stale, view.closed) else { return Ok(()) };
        self.tally.damaged += 1;
        let said = |what| format!("{harm}: {what}");
        let untouched = disk.kill_image();
        disk.collect_points(true);
        match self.open(disk, OnDamage::Refuse, &view.model.streams) {
            Ok(mut opened) => {
                disk.heal();
                let missing = judge::damage(&mut opened, view).map_err(said)?;
                self.trace.update(&missing.unwrap_or(0).to_le_bytes());
                match missing {
                    Some(seq) if harm.must_be_refused(seq, view.model.vouched(next), view.closed) => {
                        Err(said(format!("from record {seq} on, what is proven to be acknowledged is cut")))
                    }
                    _ => Ok(()),
                }
            }
            Err(error) if harm.is_transient() || error.kind() != syncline_core::ErrorKind::Corrupt => Ok(()),
            Err(error) if !disk.take_points().is_empty() => {
                Err(said(format!("it refuses ({error}) and changed the directory all the same")))
            }
            Err(_) => self.quarantined(&untouched, view).map_err(said),
        }
    }

    fn quarantined(&mut self, disk: &SimDisk, view: View<'_>) -> Verdict {
        self.tally.damaged += 1;
        let Ok(mut opened) = self.open(disk, OnDamage::Quarantine, &view.model.streams) else {
            return Ok(());
        };
        judge::damage(&mut opened, view).map(drop).map_err(|what| format!("quarantined: {what}"))
    }
}
