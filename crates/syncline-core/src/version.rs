//! The order of writes to one key.

use std::fmt;

use crate::{Error, ErrorKind, Result, WallTime};

/// Who stamped a version: drawn once per directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeId(u64);

impl NodeId {
    /// The node with this number.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// The order of one key's writes: hybrid logical time, then node.
///
/// Of two writes to a key the one with the greater version wins, on every node and in every tier. As bytes it is 16,
/// big-endian, so that bytes sort like versions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version {
    /// Milliseconds since 1970 in the upper 48 bits, a counter within the millisecond below.
    time: u64,
    node: NodeId,
}

impl Version {
    /// Less than every version that a clock stamps.
    pub const ZERO: Self = Self { time: 0, node: NodeId::new(0) };

    /// The version of `node` at `wall`, the `counter`-th within that millisecond.
    pub const fn new(wall: WallTime, counter: u16, node: NodeId) -> Self {
        Self { time: (wall.as_millis() << 16) | counter as u64, node }
    }

    pub(crate) const fn from_time(time: u64, node: NodeId) -> Self {
        Self { time, node }
    }

    pub(crate) const fn time(self) -> u64 {
        self.time
    }

    /// The wall time inside it: when it was stamped, or the latest version its node had seen.
    pub const fn wall(self) -> WallTime {
        WallTime::from_millis(self.time >> 16)
    }

    /// Who stamped it.
    pub const fn node(self) -> NodeId {
        self.node
    }

    /// Sixteen bytes that sort like versions.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.time) << 64) | u128::from(self.node.get())).to_be_bytes()
    }

    /// The version that [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let word = u128::from_be_bytes(bytes);
        let (time, node) = ((word >> 64) as u64, word as u64);
        Self { time, node: NodeId::new(node) }
    }

    /// The version in a slice that must be 16 bytes long.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] when it has another length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        match <[u8; 16]>::try_from(bytes) {
            Ok(bytes) => Ok(Self::from_bytes(bytes)),
            Err(_) => {
                let message = format!("a version has 16 bytes, this one {}", bytes.len());
                Err(Error::new(ErrorKind::Corrupt, message))
            }
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:05}@{}", self.wall(), self.time & 0xffff, self.node)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_sort_like_versions(a in any::<(u64, u64)>(), b in any::<(u64, u64)>()) {
            let [a, b] = [a, b].map(|(time, node)| Version::from_time(time, NodeId::new(node)));
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            prop_assert_eq!(Version::from_bytes(a.to_bytes()), a);
        }
    }

    #[test]
    fn a_slice_of_another_length_is_corrupt() {
        assert_eq!(Version::from_slice(&[0; 15]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
