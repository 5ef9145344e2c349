//! The whole state of a breaker in 64 bits.
//!
//! ```text
//! 63..62 kind         61..42 generation (+1 at every transition)         41..0 payload
//! 0 closed            failures in a row 32
//! 1 open              growth 4 | ends 38: milliseconds, counted around
//! 2 half-open         growth 4 | in flight 8 | successes 8 | admitted 22: units of the lease, counted around
//! 3 forced            how 2 | failures in a row 32
//! ```
//!
//! A late result is taken for one of now only when exactly 2^20 transitions lie between them, and then it is one result too
//! many. Moments are counted around too, so that no uptime is too long: the one before which something ends is at most
//! [`FINITE_MS_MAX`] away, and whatever looks further away than it can be has passed.

use super::CircuitState;

const PAYLOAD_BITS: u32 = 42;
const GENERATION_MASK: u64 = (1 << 20) - 1;
const KIND_SHIFT: u32 = 62;

const ENDS_BITS: u32 = 38;
const ENDS_MASK: u64 = (1 << ENDS_BITS) - 1;
const ADMITTED_BITS: u32 = 22;
const BYTE: u64 = 0xff;

/// Most times that the open time can grow.
pub(super) const GROWTH_MAX: u8 = 15;
/// Longest open time that ends: more than four years.
pub(super) const FINITE_MS_MAX: u64 = 1 << (ENDS_BITS - 1);
/// Moments of admission are counted around by this.
pub(super) const ADMITTED_MASK: u64 = (1 << ADMITTED_BITS) - 1;
/// The longest lease, in its units: a quarter of the circle, so that a passed one is mostly seen as such.
pub(super) const LEASE_UNITS_MAX: u64 = 1 << (ADMITTED_BITS - 2);

/// Which span between two transitions something belongs to, counted around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u32);

impl Generation {
    #[cfg(all(test, not(syncline_loom)))]
    pub(super) fn new(number: u32) -> Self {
        Self::from_bits(u64::from(number))
    }

    pub(super) fn get(self) -> u32 {
        self.0
    }

    pub(super) fn next(self) -> Self {
        Self::from_bits(u64::from(self.0) + 1)
    }

    fn from_bits(bits: u64) -> Self {
        Self(low_u32(bits & GENERATION_MASK))
    }
}

/// When an open state ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// In this millisecond, counted around.
    At(u64),
    /// Not by time.
    Never,
}

impl Ends {
    /// `open_ms` after `now_ms`.
    pub(super) fn after(now_ms: u64, open_ms: u64) -> Self {
        if open_ms > FINITE_MS_MAX {
            return Self::Never;
        }
        // The last number stands for never.
        Self::At((now_ms.wrapping_add(open_ms) & ENDS_MASK).min(ENDS_MASK - 1))
    }

    /// Milliseconds left of an open time of at most `longest_ms`; `None` when it has passed. A clock that was set back
    /// would leave more than that: then it has passed too.
    pub(super) fn left_ms(self, now_ms: u64, longest_ms: u64) -> Option<u64> {
        let Self::At(at) = self else { return Some(u64::MAX) };
        let left = at.wrapping_sub(now_ms) & ENDS_MASK;
        (1..=longest_ms).contains(&left).then_some(left)
    }
}

/// What a breaker does, and what it has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Closed {
        /// Failures in a row.
        failures: u32,
    },
    Open {
        /// Times that the open time has grown.
        growth: u8,
        ends: Ends,
    },
    HalfOpen {
        growth: u8,
        /// Probes under way.
        in_flight: u8,
        successes: u8,
        /// When the last probe was admitted, in units of the lease, counted around.
        admitted: u32,
    },
    /// Refuses all, whatever the time.
    ForcedOpen,
    /// Admits all and counts, but does not open.
    ForcedClosed { failures: u32 },
    /// Admits all and counts nothing.
    Disabled,
}

impl State {
    /// As everyone else sees it.
    pub(super) fn public(self) -> CircuitState {
        match self {
            Self::Closed { .. } | Self::ForcedClosed { .. } | Self::Disabled => CircuitState::Closed,
            Self::Open { .. } | Self::ForcedOpen => CircuitState::Open,
            Self::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Whether time matters to it.
    pub(super) fn is_timed(self) -> bool {
        matches!(self, Self::Open { .. } | Self::HalfOpen { .. })
    }

    /// Whether only a hand can change it.
    pub(super) fn is_forced(self) -> bool {
        matches!(self, Self::ForcedOpen | Self::ForcedClosed { .. } | Self::Disabled)
    }
}

/// A state and its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) generation: Generation,
    pub(super) state: State,
}

impl Word {
    /// The first of all.
    pub(super) const CLOSED: Self = Self { generation: Generation(0), state: State::Closed { failures: 0 } };

    /// The same generation in another state.
    pub(super) fn with(self, state: State) -> Self {
        Self { state, ..self }
    }

    /// The next generation, in `state`.
    pub(super) fn step(self, state: State) -> Self {
        Self { generation: self.generation.next(), state }
    }

    pub(super) fn encode(self) -> u64 {
        let (kind, payload) = match self.state {
            State::Closed { failures } => (0, u64::from(failures)),
            State::Open { growth, ends } => {
                let ends = match ends {
                    Ends::At(at) => at & ENDS_MASK,
                    Ends::Never => ENDS_MASK,
                };
                (1, u64::from(growth.min(GROWTH_MAX)) << ENDS_BITS | ends)
            }
            State::HalfOpen { growth, in_flight, successes, admitted } => {
                let growth = u64::from(growth.min(GROWTH_MAX)) << 38;
                let counts = u64::from(in_flight) << 30 | u64::from(successes) << 22;
                (2, growth | counts | u64::from(admitted) & ADMITTED_MASK)
            }
            State::ForcedOpen => (3, 0),
            State::ForcedClosed { failures } => (3, 1 << 32 | u64::from(failures)),
            State::Disabled => (3, 2 << 32),
        };
        kind << KIND_SHIFT | u64::from(self.generation.0) << PAYLOAD_BITS | payload
    }

    pub(super) fn decode(bits: u64) -> Self {
        let state = match (bits >> KIND_SHIFT, bits >> 32 & 3) {
            (0, _) => State::Closed { failures: low_u32(bits) },
            (1, _) => {
                let ends = if bits & ENDS_MASK == ENDS_MASK {
                    Ends::Never
                } else {
                    Ends::At(bits & ENDS_MASK)
                };
                State::Open { growth: growth(bits), ends }
            }
            (2, _) => State::HalfOpen {
                growth: growth(bits),
                in_flight: low_u8(bits >> 30),
                successes: low_u8(bits >> 22),
                admitted: low_u32(bits & ADMITTED_MASK),
            },
            (_, 0) => State::ForcedOpen,
            (_, 1) => State::ForcedClosed { failures: low_u32(bits) },
            _ => State::Disabled,
        };
        Self { generation: generation_of(bits), state }
    }
}

/// The generation of an encoded word, if it is closed. It is all that a closed breaker is asked.
pub(super) fn closed_generation(bits: u64) -> Option<Generation> {
    (bits >> KIND_SHIFT == 0).then(|| generation_of(bits))
}

/// The encoded word that is closed in `generation` without a failure.
pub(super) fn spotless(generation: Generation) -> u64 {
    u64::from(generation.0) << PAYLOAD_BITS
}

fn generation_of(bits: u64) -> Generation {
    Generation::from_bits(bits >> PAYLOAD_BITS)
}

/// Both states that grow keep it above bit 38.
fn growth(bits: u64) -> u8 {
    low_u8(bits >> ENDS_BITS) & GROWTH_MAX
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
fn low_u32(bits: u64) -> u32 {
    bits as u32
}

fn low_u8(bits: u64) -> u8 {
    (bits & BYTE) as u8
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn states() -> impl Strategy<Value = State> {
        let ends = prop_oneof![(0..ENDS_MASK).prop_map(Ends::At), Just(Ends::Never)];
        prop_oneof![
            any::<u32>().prop_map(|failures| State::Closed { failures }),
            (0..=GROWTH_MAX, ends).prop_map(|(growth, ends)| State::Open { growth, ends }),
            (0..=GROWTH_MAX, any::<u8>(), any::<u8>(), 0..1_u32 << ADMITTED_BITS).prop_map(
                |(growth, in_flight, successes, admitted)| State::HalfOpen { growth, in_flight, successes, admitted }
            ),
            Just(State::ForcedOpen),
            any::<u32>().prop_map(|failures| State::ForcedClosed { failures }),
            Just(State::Disabled),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(generation in 0..1_u32 << 20, state in states()) {
            let word = Word { generation: Generation::new(generation), state };
            prop_assert_eq!(Word::decode(word.encode()), word);
            let closed = matches!(state, State::Closed { .. }).then_some(word.generation);
            prop_assert_eq!(closed_generation(word.encode()), closed);
        }

        #[test]
        fn every_bit_pattern_is_some_state(bits in any::<u64>()) {
            let word = Word::decode(bits);
            prop_assert_eq!(Word::decode(word.encode()), word);
        }

        #[test]
        fn an_end_is_as_far_away_as_it_was_set(now in any::<u64>(), open in 1..FINITE_MS_MAX, waited in 0..FINITE_MS_MAX) {
            let left = Ends::after(now, open).left_ms(now.wrapping_add(waited), open);
            // One millisecond of the circle means never, so that an end on it is moved.
            let expected = open.saturating_sub(waited);
            prop_assert!(left.unwrap_or(0).abs_diff(expected) <= 1, "{left:?} {expected}");
        }
    }

    #[test]
    fn generations_are_counted_around() {
        assert_eq!(Generation::new((1 << 20) - 1).next(), Generation::new(0));
    }

    #[test]
    fn the_longest_open_time_does_not_end() {
        let ends = Ends::after(5, FINITE_MS_MAX + 1);
        assert_eq!((ends, ends.left_ms(u64::MAX, 1)), (Ends::Never, Some(u64::MAX)));
    }

    #[test]
    fn an_end_further_away_than_it_can_be_has_passed() {
        let ends = Ends::after(7_200_000, 60_000);
        assert_eq!(ends.left_ms(7_200_000, 60_000), Some(60_000));
        assert_eq!(ends.left_ms(3_600_000, 60_000), None);
    }
}
