//! Where in a segment to look for a record.

/// Bytes of frames between two marks: what a look-up reads in vain at most, beside the frame that it looks for.
const SPACING: u64 = 64 * 1_024;

/// Marks of the frames of one segment: the first, and from each on the first that is far enough behind it. So it takes a few
/// bytes for each 64 KiB, however small the records are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// First sequence number and offset of each, both growing.
    marks: Vec<(u64, u64)>,
}

impl Index {
    /// A frame whose records begin with `first_seq` stands at `offset`, behind all that were noted before.
    pub(crate) fn note(&mut self, first_seq: u64, offset: u64) {
        if self.marks.last().is_none_or(|(_, last)| offset >= last + SPACING) {
            self.marks.push((first_seq, offset));
        }
    }

    /// Where the frames begin among which that of the record `seq` is, and where those begin that come later; `None` for
    /// the segment's end.
    pub(crate) fn span(&self, seq: u64) -> Option<(u64, Option<u64>)> {
        let behind = self.marks.partition_point(|(first, _)| *first <= seq);
        let (_, from) = self.marks.get(behind.checked_sub(1)?)?;
        Some((*from, self.marks.get(behind).map(|(_, offset)| *offset)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_for_all_that_follows_it_up_to_the_next() {
        let mut index = Index::default();
        assert_eq!(index.span(7), None);
        for frame in 0..4_000 {
            index.note(10 + frame * 3, 160 + frame * 100);
        }
        assert_eq!(index.marks.len() as u64, 4_000_u64.div_ceil(SPACING.div_ceil(100)));
        assert_eq!(index.span(9), None);
        let second = SPACING.div_ceil(100);
        let border = 10 + second * 3;
        assert_eq!(index.span(border - 1), Some((160, Some(160 + second * 100))));
        assert_eq!(index.span(border), Some((160 + second * 100, Some(160 + 2 * second * 100))));
        assert_eq!(index.span(u64::MAX).unwrap().1, None);
    }
}
