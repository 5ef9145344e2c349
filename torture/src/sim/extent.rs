//! How far a run of histories goes.

/// A run has at least one history for so many images: 200 of 60 steps and 10 of 300 for half a million.
const IMAGES_PER_HISTORY: u64 = 500_000 / 210;

/// How far a run of histories goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extent {
    /// The history with this number alone, with all its images.
    One(u64),
    /// So many histories, without images.
    Histories(u64),
    /// As many histories as lead to so many images.
    Images(u64),
}

impl Extent {
    pub(crate) fn of(one: Option<u64>, histories: Option<u64>, images: u64) -> Self {
        match (one, histories) {
            (Some(history), _) => Self::One(history),
            (None, Some(histories)) => Self::Histories(histories),
            (None, None) => Self::Images(images),
        }
    }

    /// The number of the first history.
    pub(crate) fn first(self) -> u64 {
        if let Self::One(history) = self { history } else { 0 }
    }

    /// Whether there is more to come after so many histories and images.
    pub(crate) fn has_more(self, histories: u64, images: u64) -> bool {
        match self {
            Self::One(_) => histories == 0,
            Self::Histories(most) => histories < most,
            Self::Images(most) => images < most || histories < most.div_ceil(IMAGES_PER_HISTORY),
        }
    }

    /// Images of one crash, of which there are at most `most`: none where a run has none at all.
    pub(crate) fn bound(self, most: usize) -> usize {
        if matches!(self, Self::Histories(_)) { 0 } else { most }
    }
}
