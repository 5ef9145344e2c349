//! Names of the files in a journal's directory.

/// A preallocated file that will be the next segment.
pub(crate) const SPARE: &str = "spare.seg";

const SEGMENT_SUFFIX: &str = ".seg";
const MANIFEST_PREFIX: &str = "MANIFEST-";
const TEMPORARY_SUFFIX: &str = ".tmp";

pub(crate) fn segment(id: u64) -> String {
    format!("{id:016x}{SEGMENT_SUFFIX}")
}

pub(crate) fn segment_id(name: &str) -> Option<u64> {
    hex(name.strip_suffix(SEGMENT_SUFFIX)?)
}

pub(crate) fn manifest(generation: u64) -> String {
    format!("{MANIFEST_PREFIX}{generation:016x}")
}

pub(crate) fn manifest_generation(name: &str) -> Option<u64> {
    hex(name.strip_prefix(MANIFEST_PREFIX)?)
}

pub(crate) fn temporary(name: &str) -> String {
    format!("{name}{TEMPORARY_SUFFIX}")
}

pub(crate) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY_SUFFIX)
}

/// Where a damaged segment is kept aside; the first record lost tells two incidents apart.
pub(crate) fn quarantined(id: u64, first_lost: u64) -> String {
    format!("quarantine-{id:016x}-{first_lost:016x}")
}

/// Sixteen lower-case hexadecimal digits, and nothing else.
fn hex(text: &str) -> Option<u64> {
    let canonical = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    canonical.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_strangers_are_left_alone() {
        assert_eq!(segment_id(&segment(0xab)), Some(0xab));
        assert_eq!(manifest_generation(&manifest(3)), Some(3));
        for stranger in ["spare.seg", "00ab.seg", "00000000000000AB.seg", "MANIFEST-3", "notes.txt"] {
            assert_eq!((segment_id(stranger), manifest_generation(stranger)), (None, None), "{stranger}");
        }
    }
}
