//! The manifest: which segments and streams a journal has. Written whole, renamed into place; the one before is kept.

use std::{collections::BTreeMap, io};

use syncline_core::{
    Error, ErrorKind, Result,
    port::{Disk, OpenMode},
};

use crate::{
    config::{Config, planted},
    names, segment,
    seq::NUMBER_MAX,
    wire::{Reader, put_bytes, put_varint},
};

const MAGIC: [u8; 8] = *b"SYNCLMAN";
/// Far above what streams, segments and marks of any journal take.
const BYTES_MAX: u64 = 16 * 1_024 * 1_024;
const HEADER_LEN: usize = 16;

/// What a journal's directory holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) journal_id: [u8; 16],
    pub(crate) generation: u64,
    /// Segments from this id on belong to the journal though this manifest does not list them.
    pub(crate) next_segment: u64,
    /// Segments below `next_segment` that were there: id and the sequence number after the last record, 0 if not known.
    pub(crate) segments: BTreeMap<u64, u64>,
    pub(crate) streams: BTreeMap<u32, StreamEntry>,
    /// Small facts of the journal's users.
    pub(crate) marks: BTreeMap<String, Vec<u8>>,
}

/// A registered stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamEntry {
    pub(crate) name: String,
    /// Records before this one are not needed any more.
    pub(crate) low_water: u64,
}

impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend_from_slice(&self.journal_id);
        body.extend_from_slice(&self.generation.to_le_bytes());
        body.extend_from_slice(&self.next_segment.to_le_bytes());
        put_varint(&mut body, count(self.segments.len()));
        for (id, end_seq) in &self.segments {
            body.extend_from_slice(&id.to_le_bytes());
            body.extend_from_slice(&end_seq.to_le_bytes());
        }
        put_varint(&mut body, count(self.streams.len()));
        for (id, stream) in &self.streams {
            put_varint(&mut body, *id);
            put_bytes(&mut body, stream.name.as_bytes());
            body.extend_from_slice(&stream.low_water.to_le_bytes());
        }
        put_varint(&mut body, count(self.marks.len()));
        for (name, value) in &self.marks {
            put_bytes(&mut body, name.as_bytes());
            put_bytes(&mut body, value);
        }
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&segment::FORMAT.to_le_bytes());
        out.extend_from_slice(&count(body.len()).to_le_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a newer format, [`ErrorKind::Corrupt`] for anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let corrupt = || Error::new(ErrorKind::Corrupt, "the manifest fails its checksum");
        let crc_at = bytes.len().checked_sub(4).ok_or_else(corrupt)?;
        let (checked, crc) = bytes.split_at_checked(crc_at).ok_or_else(corrupt)?;
        if crc != crc32c::crc32c(checked).to_le_bytes() {
            return Err(corrupt());
        }
        let malformed = || Error::new(ErrorKind::Corrupt, "the manifest is malformed");
        let (header, body) = checked.split_at_checked(HEADER_LEN).ok_or_else(malformed)?;
        let mut reader = Reader::new(header);
        if reader.array() != Some(MAGIC) {
            return Err(malformed());
        }
        segment::check_format(reader.u32().ok_or_else(malformed)?)?;
        if reader.u32() != Some(count(body.len())) {
            return Err(malformed());
        }
        Self::decode_body(&mut Reader::new(body)).filter(Self::is_sane).ok_or_else(malformed)
    }

    /// Whether its numbers are such as a journal reaches, so that counting on from them is safe.
    fn is_sane(&self) -> bool {
        let segments = self.segments.iter().flat_map(|(id, end_seq)| [*id, *end_seq]);
        let numbers = segments.chain(self.streams.values().map(|stream| stream.low_water));
        numbers.chain([self.generation, self.next_segment]).all(|number| number <= NUMBER_MAX)
            && self.streams.last_key_value().is_none_or(|(id, _)| *id < u32::MAX)
    }

    fn decode_body(reader: &mut Reader<'_>) -> Option<Self> {
        let mut manifest = Self {
            journal_id: reader.array()?,
            generation: reader.u64()?,
            next_segment: reader.u64()?,
            ..Self::default()
        };
        for _ in 0..reader.varint()? {
            manifest.segments.insert(reader.u64()?, reader.u64()?);
        }
        for _ in 0..reader.varint()? {
            let id = reader.varint()?;
            let name = text(reader.bytes()?)?;
            manifest.streams.insert(id, StreamEntry { name, low_water: reader.u64()? });
        }
        for _ in 0..reader.varint()? {
            let name = text(reader.bytes()?)?;
            manifest.marks.insert(name, reader.bytes()?.to_vec());
        }
        reader.is_empty().then_some(manifest)
    }

    /// Forgets all that was truncated from `seq` on.
    pub(crate) fn lower_marks(&mut self, seq: u64) {
        for stream in self.streams.values_mut() {
            stream.low_water = stream.low_water.min(seq);
        }
    }

    /// Makes this the manifest of `disk`, under the next generation: stages it and publishes it.
    pub(crate) fn store(&mut self, disk: &dyn Disk, config: &Config) -> io::Result<()> {
        self.stage(disk)?;
        self.publish(disk, config)
    }

    /// 1. Write a temporary file and sync it. Where that fails, the manifest of before stands and nothing was promised.
    pub(crate) fn stage(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.generation += 1;
        let temporary = names::temporary(&names::manifest(self.generation));
        let staged = remove_if_there(disk, &temporary).and_then(|()| write_whole(disk, &temporary, &self.encode()));
        if staged.is_err() {
            self.generation -= 1;
        }
        staged
    }

    /// 2. Rename the staged file into place. 3. Sync the directory. 4. Remove all but the one before; those that stay for now
    /// do no harm.
    pub(crate) fn publish(&self, disk: &dyn Disk, config: &Config) -> io::Result<()> {
        let name = names::manifest(self.generation);
        disk.rename(&names::temporary(&name), &name)?;
        if !planted!(config, SkipDirSyncOnManifest) {
            disk.sync_dir()?;
        }
        if let Err(error) = self.remove_below(self.generation.saturating_sub(1), disk) {
            tracing::warn!(target: crate::TRACING_TARGET, %error, "an old manifest could not be removed yet");
        }
        Ok(())
    }

    /// Removes the manifests of generations below `generation`, which must not be above this one's.
    pub(crate) fn remove_below(&self, generation: u64, disk: &dyn Disk) -> io::Result<()> {
        let names = disk.list()?;
        let generations = names.iter().filter_map(|name| names::manifest_generation(name));
        let below = generations.filter(|old| *old < generation.min(self.generation));
        below.into_iter().try_for_each(|old| disk.remove(&names::manifest(old)))
    }

    /// The newest manifest of `names` that can be read; `None` where there is none at all.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] when there are some and none can be read.
    pub(crate) fn load(disk: &dyn Disk, names: &[String]) -> Result<Option<Self>> {
        let mut generations: Vec<u64> = names.iter().filter_map(|name| names::manifest_generation(name)).collect();
        generations.sort_unstable_by(|a, b| b.cmp(a));
        let mut first_error = None;
        for generation in generations {
            match Self::load_one(disk, &names::manifest(generation)) {
                Ok(manifest) => return Ok(Some(manifest)),
                // Only rot is a reason to fall back: a newer program's manifest, or a disk that does not answer, is not.
                Err(error) if error.kind() == ErrorKind::Corrupt => first_error = first_error.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        first_error.map_or(Ok(None), Err)
    }

    fn load_one(disk: &dyn Disk, name: &str) -> Result<Self> {
        let unreadable =
            |source| Error::new(ErrorKind::Unavailable, format!("{name} cannot be read")).with_source(source);
        let file = disk.open(name, OpenMode::Read).map_err(unreadable)?;
        let len = file.len().map_err(unreadable)?;
        if len > BYTES_MAX {
            return Err(Error::new(ErrorKind::Corrupt, format!("{name} has {len} bytes, the most is {BYTES_MAX}")));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        let read = file.read_at(&mut bytes, 0).map_err(unreadable)?;
        bytes.truncate(read);
        Self::decode(&bytes).map_err(|error| error.context(name))
    }
}

fn write_whole(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    if bytes.len() as u64 > BYTES_MAX {
        // It could not be read again.
        let message = format!("a manifest of {} bytes, the most is {BYTES_MAX}", bytes.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let file = disk.open(name, OpenMode::Create)?;
    file.write_at(bytes, 0)?;
    file.sync()
}

/// Whether it failed for want of space, and nothing else is wrong.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Removes `name`, unless it is not there.
pub(crate) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use syncline_core::memory::MemoryDisk;

    use super::*;

    fn sample() -> Manifest {
        Manifest {
            journal_id: [7; 16],
            generation: 0,
            next_segment: 9,
            segments: BTreeMap::from([(3, 40), (4, 0)]),
            streams: BTreeMap::from([(1, StreamEntry { name: "engine".into(), low_water: 12 })]),
            marks: BTreeMap::from([("hlc".into(), vec![1, 2, 3])]),
        }
    }

    #[test]
    fn a_manifest_comes_back_and_every_flipped_bit_is_seen() {
        let bytes = sample().encode();
        assert_eq!(Manifest::decode(&bytes).unwrap(), sample());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    /// Counting on from such numbers overflowed.
    #[test]
    fn numbers_that_no_journal_reaches_are_refused() {
        let refuse = |spoil: fn(&mut Manifest)| {
            let mut manifest = sample();
            spoil(&mut manifest);
            assert_eq!(Manifest::decode(&manifest.encode()).unwrap_err().kind(), ErrorKind::Corrupt, "{manifest:?}");
        };
        refuse(|manifest| manifest.generation = u64::MAX);
        refuse(|manifest| manifest.next_segment = u64::MAX);
        refuse(|manifest| manifest.segments = BTreeMap::from([(4, u64::MAX)]));
        refuse(|manifest| manifest.segments = BTreeMap::from([(u64::MAX, 1)]));
        refuse(|manifest| {
            let last = StreamEntry { name: "last".into(), low_water: 1 };
            manifest.streams = BTreeMap::from([(u32::MAX, last)]);
        });
    }

    #[test]
    fn the_one_before_serves_when_the_newest_is_damaged() {
        let (disk, config) = (MemoryDisk::new(), Config::default());
        let mut manifest = sample();
        for _ in 0..3 {
            manifest.store(&disk, &config).unwrap();
        }
        let names = disk.list().unwrap();
        assert_eq!(names, [names::manifest(2), names::manifest(3)]);
        disk.open(&names[1], OpenMode::Write).unwrap().write_at(b"rot", 20).unwrap();
        assert_eq!(Manifest::load(&disk, &names).unwrap().unwrap().generation, 2);
        disk.open(&names[0], OpenMode::Write).unwrap().write_at(b"rot", 20).unwrap();
        assert_eq!(Manifest::load(&disk, &names).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(Manifest::load(&disk, &[]).unwrap(), None);
    }
}
