//! The judgement: what a recovery found, held against the model.

use bytes::Bytes;
use syncline_journal::{
    Entry, RecoveryReport,
    sim::{Log, replay},
};

use super::{
    Verdict,
    check::Opened,
    model::{Stream, View},
};

/// Checks a recovery after a crash without damage; returns the sequence number that comes next.
///
/// All that was acknowledged stands, once, in order and byte for byte; of the rest whole transactions stand, in order,
/// and nothing else does.
pub(super) fn crash(opened: &mut Opened, view: View<'_>) -> Verdict<u64> {
    let Opened { log, report, heard } = opened;
    let next = log.next_seq();
    if !report.lost.is_empty() {
        return Err(format!("a crash was taken for damage: {:?}", report.lost));
    }
    if next < view.must {
        return Err(format!("acknowledged records {next} to {} are lost", view.must - 1));
    }
    if next > view.end {
        return Err(format!("it goes on at {next}, only {} records can stand", view.end - 1));
    }
    if !view.model.is_boundary(next) {
        return Err(format!("the transaction that holds record {} stands in part", next - 1));
    }
    if log.durable() != next {
        return Err(format!("what was recovered up to {next} counts as durable up to {}", log.durable()));
    }
    for stream in view.model.streams.iter().take(view.streams) {
        let from = low_water(log, stream)?;
        let entries = compare(log, stream, from, view.model.records(stream.id, from, next))?;
        heard.check(stream, &entries)?;
    }
    Ok(next)
}

fn low_water(log: &mut Log, stream: &Stream) -> Verdict<u64> {
    let (id, from) = log
        .register(&stream.name)
        .map_err(|error| format!("stream {} is gone: {error:?}", stream.name))?;
    if id != stream.id {
        return Err(format!("stream {} had the number {}, now it has {id}", stream.name, stream.id));
    }
    if from > stream.low_water {
        return Err(format!(
            "stream {} was truncated below {}, now it begins at {from}",
            stream.name, stream.low_water
        ));
    }
    Ok(from)
}

fn compare<'a>(
    log: &Log,
    stream: &Stream,
    from: u64,
    expected: impl Iterator<Item = (u64, &'a Bytes)>,
) -> Verdict<Vec<Entry>> {
    let entries = replay(log, stream.id, from).map_err(|error| format!("replay fails: {error:?}"))?;
    let mut found = entries.iter().map(|entry| (entry.seq.get(), &entry.payload));
    for (seq, payload) in expected {
        match found.next() {
            Some((found, _)) if found != seq => {
                return Err(format!("stream {} has {found} where {seq} belongs", stream.name));
            }
            Some((_, bytes)) if bytes != payload => return Err(format!("record {seq} has other bytes")),
            Some(_) => {}
            None => return Err(format!("record {seq} of stream {} is lost", stream.name)),
        }
    }
    if let Some((seq, _)) = found.next() {
        return Err(format!("record {seq} of stream {} is nobody's", stream.name));
    }
    Ok(entries)
}

/// Checks a recovery from a damaged directory that opened all the same: what stands is right, and every acknowledged
/// record that does not is reported. Returns the first that is missing.
pub(super) fn damage(opened: &mut Opened, view: View<'_>) -> Verdict<Option<u64>> {
    let Opened { log, report, heard } = opened;
    let mut missing = None::<u64>;
    for stream in view.model.streams.iter().take(view.streams) {
        // The manifest of before may not know the stream yet; then no record of it may be there or needed.
        let from = if report.manifest_fell_back {
            stream.low_water
        } else {
            low_water(log, stream)?
        };
        let entries = replay(log, stream.id, from).map_err(|error| format!("replay fails: {error:?}"))?;
        if !report.manifest_fell_back {
            heard.check(stream, &entries)?;
        }
        let mut found = entries.iter().peekable();
        for (seq, payload) in view.model.records(stream.id, from, view.end) {
            match found.next_if(|entry| entry.seq.get() == seq) {
                Some(entry) if entry.payload != *payload => return Err(format!("record {seq} has other bytes")),
                Some(_) => {}
                None if seq >= view.must || seq < stream.low_water => {}
                None if is_reported(report, seq) => missing = Some(missing.unwrap_or(seq).min(seq)),
                None => {
                    let Stream { name, .. } = stream;
                    return Err(format!("record {seq} of stream {name} is lost and not reported: {report:?}"));
                }
            }
        }
        if let Some(entry) = found.next() {
            return Err(format!("record {} of stream {} is nobody's", entry.seq, stream.name));
        }
    }
    Ok(missing)
}

fn is_reported(report: &RecoveryReport, seq: u64) -> bool {
    let lost = report.lost.iter().any(|range| (range.first.get()..=range.last.get()).contains(&seq));
    lost || report.torn.is_some_and(|torn| torn.possibly_acknowledged && torn.from.get() <= seq)
}
