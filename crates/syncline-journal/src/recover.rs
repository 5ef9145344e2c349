//! What a directory says after a crash. Reads only; `repair` writes, and only where the caller chose it.
//!
//! The rule at the first place where no good frame stands: look on. Nothing good follows: a torn tail, cut and reported.
//! A later frame has the number that belongs here: what stood between held no record, and is passed over. A later frame says
//! that this place was on disk: acknowledged data is damaged, and opening refuses. A later frame that does not say so may
//! have been written out of order, before any sync covered either: cut, and reported. A segment that has a successor must
//! reach the successor's first record, because a successor is only made once all before it is on disk.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::Arc,
};

use syncline_core::{
    Error, ErrorKind, Result,
    port::{Disk, DiskFile, OpenMode},
};

use crate::{
    Owner, Seq,
    config::{Config, OnDamage, planted},
    frame::{self, Kind, Records, Scratch},
    handing::{Handing, Hearer},
    index::Index,
    manifest::Manifest,
    names, repair,
    report::{LostRange, RecoveryReport, Torn},
    segment::{self, Codec},
    walk::{Found, Tail, Walk},
    windows::Windows,
};

/// What is known of one segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) codec: Arc<Codec>,
    /// The sequence number after its last record; what stands behind belongs to its successor.
    pub(crate) end_seq: u64,
    pub(crate) end_offset: u64,
    /// Bytes of its file.
    pub(crate) file_len: u64,
    /// The last record of each stream in it.
    pub(crate) last_of: BTreeMap<u32, u64>,
    /// Damaged places where no record stood: where each begins, and where its frames go on.
    pub(crate) holes: BTreeMap<u64, u64>,
    /// Where its records are found.
    pub(crate) index: Index,
}

/// What stands in a directory.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) manifest: Manifest,
    pub(crate) segments: BTreeMap<u64, Segment>,
    pub(crate) next_seq: u64,
    pub(crate) next_segment: u64,
    /// What the last segment holds without proof that it is on disk: sequence number and offset where it begins.
    pub(crate) unproven: Option<(u64, u64)>,
    /// Files that a removal left behind.
    pub(crate) stale: Vec<String>,
    pub(crate) report: RecoveryReport,
    /// Owners that are told of the records, where some were given.
    pub(crate) handing: Option<Handing>,
}

/// One segment, read through.
#[derive(Debug)]
struct Survey {
    segment: Segment,
    frames: u64,
    records: u64,
    lost: Vec<(u64, u64)>,
    closed: bool,
    /// Sequence number and offset from which nothing proves that the bytes are on disk.
    unproven: (u64, u64),
    trouble: Option<Tail>,
}

/// Owners of streams, by the names of those.
pub(crate) type Named<'a> = &'a [(&'a str, Arc<dyn Owner>)];

/// Reads the whole directory, and tells these owners of the records of their streams on the way. What they were told counts
/// only once the directory was judged and opened: where that fails, they are to be thrown away.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`] naming the range when acknowledged data is damaged; [`ErrorKind::Denied`] for a wrong key;
/// [`ErrorKind::Invalid`] for a newer format; [`ErrorKind::Unavailable`] when the disk does not answer. Nothing is changed then.
pub(crate) fn recover(disk: &dyn Disk, config: &Config, owners: Named<'_>) -> Result<Option<Recovered>> {
    let files = disk.list().map_err(|source| unreadable("the directory", source))?;
    let manifest = match Manifest::load(disk, &files) {
        Err(_) if planted!(config, StartEmpty) => return Ok(None),
        other => other?,
    };
    let on_disk: Vec<u64> = files.iter().filter_map(|name| names::segment_id(name)).collect();
    let Some(manifest) = manifest else {
        return match on_disk.first() {
            None => Ok(None),
            Some(_) => Err(Error::new(ErrorKind::Corrupt, "there are segments but no manifest")),
        };
    };
    let newest = files.iter().filter_map(|name| names::manifest_generation(name)).max();
    let fell_back = newest != Some(manifest.generation);
    let (live, stale) = belonging(&manifest, &on_disk)?;
    let mut headers = Vec::new();
    for id in live {
        headers.push(read_header(disk, config, &manifest, id)?);
    }
    let mut found = Recovered {
        handing: handing(&manifest, owners),
        next_segment: headers.last().map_or(manifest.next_segment, |(header, ..)| header.segment_id + 1),
        manifest,
        segments: BTreeMap::new(),
        next_seq: 1,
        unproven: None,
        stale: stale.into_iter().map(names::segment).collect(),
        report: RecoveryReport { manifest_fell_back: fell_back, ..RecoveryReport::default() },
    };
    read_segments(disk, config, &headers, &mut found)?;
    check_streams(&found)?;
    Ok(Some(found))
}

/// The way to these owners. A stream that the manifest does not know has no records.
fn handing(manifest: &Manifest, owners: Named<'_>) -> Option<Handing> {
    let hearers = manifest.streams.iter().filter_map(|(id, entry)| {
        let (_, owner) = owners.iter().find(|(name, _)| *name == entry.name)?;
        Some((*id, Hearer { owner: Arc::clone(owner), from: entry.low_water }))
    });
    let hearers: BTreeMap<_, _> = hearers.collect();
    (!hearers.is_empty()).then(|| Handing::new(hearers))
}

/// Without its file: there may be more segments than a process may have open.
type Opened = (segment::Header, Arc<Codec>);

/// Which of the segments on disk belong to the journal, and which are leftovers of a removal.
fn belonging(manifest: &Manifest, on_disk: &[u64]) -> Result<(Vec<u64>, Vec<u64>)> {
    if let Some(id) = manifest.segments.keys().find(|id| !on_disk.contains(id)) {
        let name = names::segment(*id);
        return Err(Error::new(ErrorKind::Corrupt, format!("the segment {name} is missing; restore it or a backup")));
    }
    let stale = on_disk
        .iter()
        .copied()
        .filter(|id| *id < manifest.next_segment && !manifest.segments.contains_key(id));
    let mut live: Vec<u64> = manifest.segments.keys().copied().collect();
    live.extend(on_disk.iter().copied().filter(|id| *id >= manifest.next_segment));
    Ok((live, stale.collect()))
}

fn read_header(disk: &dyn Disk, config: &Config, manifest: &Manifest, id: u64) -> Result<Opened> {
    let name = names::segment(id);
    let file = open_segment(disk, id)?;
    let mut bytes = [0; segment::HEADER_LEN];
    let read = file.read_at(&mut bytes, 0).map_err(|source| unreadable(&name, source))?;
    let header =
        segment::Header::decode(bytes.get(..read).unwrap_or_default()).map_err(|error| error.context(&name))?;
    if header.journal_id != manifest.journal_id || header.segment_id != id {
        let message = format!("{name} belongs to another journal or place");
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    let codec = header.codec(&config.keys).map_err(|error| error.context(&name))?;
    Ok((header, Arc::new(codec)))
}

fn open_segment(disk: &dyn Disk, id: u64) -> Result<Box<dyn DiskFile>> {
    let name = names::segment(id);
    disk.open(&name, OpenMode::Read).map_err(|source| unreadable(&name, source))
}

fn read_segments(disk: &dyn Disk, config: &Config, headers: &[Opened], found: &mut Recovered) -> Result<()> {
    let mut windows = Windows::default();
    for (index, (header, codec)) in headers.iter().enumerate() {
        let id = header.segment_id;
        check_follows(found, header)?;
        let listed = found.manifest.segments.get(&id).copied().filter(|end| *end != 0);
        let end = listed.or(headers.get(index + 1).map(|(next, ..)| next.first_seq));
        let mut reader = Reader { codec, end, config, windows: &mut windows, handing: found.handing.as_mut() };
        let mut survey = reader.survey(&*open_segment(disk, id)?, header)?;
        // Each turn puts a gap over one damaged place and reads on behind it.
        while let Some(tail) = survey.trouble.filter(|tail| is_damage(tail, survey.segment.end_seq, end, config)) {
            let range = repair::Range::of(&survey.segment, &tail, end);
            if config.on_damage == OnDamage::Refuse {
                return Err(range.refusal());
            }
            repair::quarantine(disk, &survey.segment, &tail, &range)?;
            let before = survey.segment.end_offset;
            survey = reader.survey(&*open_segment(disk, id)?, header)?;
            if survey.segment.end_offset <= before {
                return Err(range.refusal());
            }
        }
        found.take(survey, index + 1 == headers.len(), end.is_some());
    }
    Ok(())
}

/// Before a segment that no manifest lists, no record may be missing. A number may be: that of a segment whose name never
/// became durable, and from which nothing was acknowledged.
fn check_follows(found: &Recovered, header: &segment::Header) -> Result<()> {
    if header.segment_id < found.manifest.next_segment || header.first_seq <= found.next_seq {
        return Ok(());
    }
    let (next, name) = (found.next_seq, names::segment(header.segment_id));
    let message =
        format!("records {next} to {} are missing, before {name}; restore them or a backup", header.first_seq - 1);
    Err(Error::new(ErrorKind::Corrupt, message))
}

/// Whether the bad place at `expected` held acknowledged data.
fn is_damage(tail: &Tail, expected: u64, end: Option<u64>, config: &Config) -> bool {
    if planted!(config, IgnoreDurableSeq) {
        return false;
    }
    end.is_some() || tail.durable > expected
}

impl Recovered {
    /// `has_end`: where the segment ends is known from elsewhere, and it was read up to there.
    fn take(&mut self, survey: Survey, is_last: bool, has_end: bool) {
        let (report, segment) = (&mut self.report, survey.segment);
        report.segments += 1;
        report.frames += survey.frames;
        report.records += survey.records;
        report.bytes += segment.end_offset.saturating_sub(segment::HEADER_LEN as u64);
        for (first, end) in survey.lost {
            report.lost.push(LostRange {
                first: Seq::new(first),
                last: Seq::new(end.saturating_sub(1)),
                segment: segment.id,
                quarantined_as: names::quarantined(segment.id, first),
            });
        }
        if is_last {
            report.clean_close = survey.closed || has_end;
            report.torn = survey.trouble.filter(|tail| tail.bytes > 0).map(|tail| Torn {
                segment: segment.id,
                offset: segment.end_offset,
                bytes: tail.bytes,
                from: Seq::new(segment.end_seq),
                // Later frames that call it not yet durable prove nothing: one sync may have covered it and them.
                possibly_acknowledged: tail.durable <= segment.end_seq,
            });
            self.unproven = (!has_end && survey.unproven.0 < segment.end_seq).then_some(survey.unproven);
        }
        self.next_seq = segment.end_seq.max(self.next_seq);
        self.segments.insert(segment.id, segment);
    }
}

/// What it takes to read a segment.
struct Reader<'a> {
    codec: &'a Arc<Codec>,
    /// The sequence number after its last record, where that is known from elsewhere.
    end: Option<u64>,
    config: &'a Config,
    windows: &'a mut Windows,
    handing: Option<&'a mut Handing>,
}

impl Reader<'_> {
    /// Reads one segment up to its end, or to its last good frame.
    fn survey(&mut self, file: &dyn DiskFile, header: &segment::Header) -> Result<Survey> {
        let (codec, end) = (self.codec, self.end);
        let name = names::segment(header.segment_id);
        let failed = |source| unreadable(&name, source);
        let mut walk = Walk::new(file, codec.crc_seed, self.windows)
            .map_err(failed)?
            .through()
            .without_checks(planted!(self.config, SkipChecksum));
        let mut survey = Survey {
            segment: Segment {
                id: header.segment_id,
                codec: Arc::clone(codec),
                end_seq: header.first_seq,
                end_offset: segment::HEADER_LEN as u64,
                file_len: file.len().map_err(failed)?,
                last_of: BTreeMap::new(),
                holes: BTreeMap::new(),
                index: Index::default(),
            },
            frames: 0,
            records: 0,
            lost: Vec::new(),
            closed: false,
            unproven: (header.first_seq, segment::HEADER_LEN as u64),
            trouble: None,
        };
        let (reserved, mut scratch) = (header.reserved, Scratch::default());
        // Frames that no later frame has yet proven: first sequence number and offset.
        let mut open_frames: VecDeque<(u64, u64)> = VecDeque::new();
        loop {
            let (seq, offset) = (survey.segment.end_seq, survey.segment.end_offset);
            // A close frame ends the last segment alone: what is known to follow must be there.
            if end.map_or(survey.closed, |end| seq >= end) {
                break;
            }
            let header = match walk.frame_at(offset).map_err(failed)? {
                Found::Frame(header, body) if header.first_seq == seq && header.durable <= seq => {
                    let plain = frame::open(codec, offset, &header, &body, &mut scratch).ok();
                    let plain = plain.filter(|plain| survey.note(&header, plain).is_ok());
                    if let (Some(plain), Some(handing)) = (plain, &mut self.handing) {
                        handing.take(&header, &body, plain)?;
                    }
                    plain.map(|_| header)
                }
                _ => None,
            };
            let Some(header) = header else {
                let mut tail = walk.tail(offset, seq).map_err(failed)?;
                if let Some((at, _)) = tail.next.filter(|(_, first)| *first == seq) {
                    tracing::warn!(target: crate::TRACING_TARGET, %name, offset, "a place that held no record is damaged");
                    survey.segment.holes.insert(offset, at);
                    survey.segment.end_offset = at;
                    continue;
                }
                if survey.segment.file_len < reserved {
                    tail.bytes = tail.bytes.max(reserved.saturating_sub(offset));
                }
                survey.trouble = Some(tail);
                break;
            };
            open_frames.push_back((seq, offset));
            let proven = if header.kind == Kind::Close { header.end_seq() } else { header.durable };
            while open_frames.front().is_some_and(|(first, _)| *first < proven) {
                open_frames.pop_front();
            }
        }
        let end = (survey.segment.end_seq, survey.segment.end_offset);
        survey.unproven = match open_frames.front() {
            Some(first) if !survey.closed => *first,
            _ => end,
        };
        Ok(survey)
    }
}

impl Survey {
    /// Counts one frame in; fails, having changed nothing, when its records do not add up.
    fn note(&mut self, header: &frame::Header, plain: &[u8]) -> Result<()> {
        let mut records = Records::new(plain);
        let last_seq = header.end_seq();
        let mut seq = header.first_seq;
        if matches!(header.kind, Kind::Witness | Kind::Close) && header.count != 0 {
            return Err(Error::new(ErrorKind::Corrupt, "a frame without records counts some"));
        }
        if header.kind == Kind::Data {
            let whole = { records.by_ref().count() == header.count as usize && records.is_done() };
            if !whole {
                return Err(Error::new(ErrorKind::Corrupt, "a frame does not hold what its header says"));
            }
            for (stream, _) in Records::new(plain) {
                self.segment.last_of.insert(stream, seq);
                seq += 1;
            }
            self.segment.index.note(header.first_seq, self.segment.end_offset);
            self.frames += 1;
            self.records += u64::from(header.count);
        }
        if header.kind == Kind::Gap {
            self.lost.push((header.first_seq, last_seq));
        }
        self.closed = header.kind == Kind::Close;
        self.segment.end_seq = last_seq;
        self.segment.end_offset += header.frame_len();
        Ok(())
    }
}

/// A record of a stream that the manifest does not know would be handed to the wrong owner one day.
fn check_streams(found: &Recovered) -> Result<()> {
    let known = &found.manifest.streams;
    let unknown = found
        .segments
        .values()
        .flat_map(|segment| segment.last_of.keys())
        .find(|id| !known.contains_key(id));
    match unknown {
        None => Ok(()),
        Some(id) => {
            let message = format!("there are records of stream {id}, which the manifest does not name");
            Err(Error::new(ErrorKind::Corrupt, message))
        }
    }
}

pub(crate) fn unreadable(what: &str, source: io::Error) -> Error {
    let kind = match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::NotFound => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{what} cannot be read")).with_source(source)
}
