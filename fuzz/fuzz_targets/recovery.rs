//! A good directory, damaged: the same data, a clear error, or a reported range. Never silent loss, never a wrong byte.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use syncline_fuzz::{Directory, Layout, Opened, open};
use syncline_journal::OnDamage;

static DIRECTORIES: LazyLock<Vec<(Layout, Directory)>> = LazyLock::new(|| {
    let layout = |bits: u8| Layout { compressed: bits & 1 != 0, encrypted: bits & 2 != 0, closed: bits & 4 != 0 };
    (0..8).map(layout).map(|layout| (layout, Directory::written(layout))).collect()
});

/// What befalls one file.
#[derive(Debug, Arbitrary)]
enum Harm {
    /// One bit turns.
    Flip { at: u32, bit: u8 },
    /// The file ends early.
    Cut { at: u32 },
    /// Bytes of elsewhere in the file are found here.
    Misplaced { from: u32, to: u32, len: u8 },
    /// Other bytes are found here.
    Overwritten { at: u32, bytes: [u8; 8] },
}

impl Harm {
    fn befall(&self, file: &mut Vec<u8>) {
        let place = |at: u32, file: &[u8]| at as usize % file.len();
        if file.is_empty() {
            return;
        }
        match *self {
            Self::Flip { at, bit } => {
                let at = place(at, file);
                file[at] ^= 1 << (bit % 8);
            }
            Self::Cut { at } => file.truncate(place(at, file)),
            Self::Misplaced { from, to, len } => {
                let (from, to) = (place(from, file), place(to, file));
                let len = usize::from(len).min(file.len() - from).min(file.len() - to);
                file.copy_within(from..from + len, to);
            }
            Self::Overwritten { at, bytes } => {
                let at = place(at, file);
                let len = bytes.len().min(file.len() - at);
                file[at..at + len].copy_from_slice(&bytes[..len]);
            }
        }
    }
}

fuzz_target!(|input: (Layout, Vec<(u8, Harm)>)| {
    let (layout, harms) = input;
    let (_, good) = DIRECTORIES.iter().find(|(one, _)| *one == layout).expect("every layout is there");
    let mut directory = good.clone();
    let names: Vec<String> = directory.files.keys().cloned().collect();
    for (file, harm) in &harms {
        let name = &names[usize::from(*file) % names.len()];
        harm.befall(directory.files.get_mut(name).expect("the name was listed"));
    }
    for on_damage in [OnDamage::Refuse, OnDamage::Quarantine] {
        match open(&directory.disk(), &directory.config(on_damage)) {
            Ok(opened) => judge(&opened, good, &directory),
            Err(error) => assert!(!harms.is_empty() && !error.to_string().is_empty(), "{error}"),
        }
    }
});

/// Every record is one that was written, and every other is in what was reported.
fn judge(opened: &Opened, good: &Directory, damaged: &Directory) {
    for (seq, payload) in &opened.records {
        let written = usize::try_from(*seq - 1).ok().and_then(|index| good.written.get(index));
        assert_eq!(Some(payload), written, "record {seq} was never written so");
    }
    let torn_from = opened.report.torn.filter(|torn| torn.possibly_acknowledged).map(|torn| torn.from.get());
    let reported = |seq: u64| {
        let lost = opened.report.lost.iter().any(|range| range.first.get() <= seq && seq <= range.last.get());
        lost || torn_from.is_some_and(|from| seq >= from)
    };
    let present: std::collections::BTreeSet<u64> = opened.records.iter().map(|(seq, _)| *seq).collect();
    let missing = (1..=good.written.len() as u64).find(|seq| !present.contains(seq) && !reported(*seq));
    let Some(seq) = missing else { return };
    assert!(wiped_behind(good, damaged), "record {seq} is gone and nothing says so: {:?}", opened.report);
}

/// Whether the newest segment has zeros where its last bytes were: that looks as if they had never been written.
fn wiped_behind(good: &Directory, damaged: &Directory) -> bool {
    let name = good.newest_segment();
    let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let (before, after) = (&good.files[&name], &damaged.files[&name]);
    before.len() == after.len() && used(after) < used(before)
}
