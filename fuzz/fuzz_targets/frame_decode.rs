//! Frames with right checksums and arbitrary contents: what decodes is kept, what does not is refused or cut, never a panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use syncline_fuzz::{Directory, Frame, open};
use syncline_journal::OnDamage;

static EMPTY: LazyLock<Directory> = LazyLock::new(Directory::empty);

/// Where the frames of a segment begin.
const FIRST_FRAME: usize = 160;

fuzz_target!(|frames: Vec<Frame>| {
    let mut directory = EMPTY.clone();
    let name = directory.newest_segment();
    let segment = directory.files.get_mut(&name).expect("the newest segment is there");
    let (mut at, mut seq) = (FIRST_FRAME, 1);
    for frame in &frames {
        let Some(next) = frame.put(segment, at, &mut seq) else { break };
        at = next;
    }
    for on_damage in [OnDamage::Refuse, OnDamage::Quarantine] {
        if let Err(error) = open(&directory.disk(), &directory.config(on_damage)) {
            assert!(!error.to_string().is_empty(), "a refusal says why");
        }
    }
});
