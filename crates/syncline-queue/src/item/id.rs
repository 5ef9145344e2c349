//! Names of items.

use syncline_core::{limits::KEY_BYTES_MAX, port::Random as _, rt::SystemRandom};

use crate::{QueueError, QueueResult};

/// A name that nobody else draws: 122 random bits, written as a UUID of version 4.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    let bits = u128::from_be_bytes(bytes);
    let version = bits & !(0xf << 76) | 0x4 << 76;
    let hex = format!("{:032x}", version & !(0x3 << 62) | 0x2 << 62);
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// Whether it can be a name.
pub(crate) fn check(id: &str) -> QueueResult<()> {
    match id.len() {
        0 => Err(QueueError::InvalidItem("its id is empty".into())),
        bytes if bytes > KEY_BYTES_MAX => {
            Err(QueueError::InvalidItem(format!("its id has {bytes} bytes, the most is {KEY_BYTES_MAX}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_name_is_a_uuid_and_no_two_are_the_same() {
        let (a, b) = (random(), random());
        assert_ne!(a, b);
        let dashes: Vec<_> = a.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((a.len(), dashes), (36, vec![8, 13, 18, 23]));
        assert_eq!(a.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&a.as_bytes()[19]));
    }
}
