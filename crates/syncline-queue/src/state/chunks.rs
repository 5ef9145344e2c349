//! A vector that never moves what it holds: it grows by chunks, so that no push copies millions of values.

/// Values of a chunk.
const CHUNK: usize = 1_024;

/// Values by number.
#[derive(Debug)]
pub(crate) struct Chunks<T> {
    /// All but the last are full.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Chunks<T> {
    pub(crate) fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * CHUNK + last
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.chunks.get(at as usize / CHUNK)?.get(at as usize % CHUNK)
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.chunks.get_mut(at as usize / CHUNK)?.get_mut(at as usize % CHUNK)
    }

    /// Adds a value and returns its number; `None` when there is none left.
    pub(crate) fn push(&mut self, value: T) -> Option<u32> {
        let at = u32::try_from(self.len()).ok()?;
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(value),
            None => {
                // The first one grows as it is filled: a small queue takes little.
                let room = if self.chunks.is_empty() { 1 } else { CHUNK };
                let mut chunk = Vec::with_capacity(room);
                chunk.push(value);
                self.chunks.push(chunk);
            }
        }
        Some(at)
    }

    /// The values from this number on.
    pub(crate) fn iter_from(&self, at: u32) -> impl Iterator<Item = &T> {
        let rest = self.chunks.get(at as usize / CHUNK..).unwrap_or_default();
        rest.iter().flatten().skip(at as usize % CHUNK)
    }

    /// Bytes that are taken.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let values: usize = self.chunks.iter().map(Vec::capacity).sum();
        values * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_there_by_its_number() {
        let mut chunks = Chunks::default();
        for number in 0..5_000 {
            assert_eq!(chunks.push(number), Some(number));
        }
        *chunks.get_mut(2_047).unwrap() = 7;
        assert_eq!(
            (chunks.len(), chunks.get(2_047), chunks.get(2_048), chunks.get(5_000)),
            (5_000, Some(&7), Some(&2_048), None)
        );
        assert_eq!(chunks.iter_from(2_046).take(3).collect::<Vec<_>>(), [&2_046, &7, &2_048]);
        assert_eq!(
            (chunks.iter_from(0).count(), chunks.iter_from(4_999).count(), chunks.iter_from(9_000).count()),
            (5_000, 1, 0)
        );
    }
}
