//! How often an operation allocates, in the build that counts.

/// Operations over which they are counted, after as many that are not.
const OPERATIONS: u64 = 1_000;

/// Allocations of one operation, of which `turn` carries out as many as it is told; nothing in a build that does not count.
pub(super) fn count(turn: impl Fn(u64)) -> Option<f64> {
    turn(OPERATIONS);
    Some(counted(|| turn(OPERATIONS))? as f64 / OPERATIONS as f64)
}

/// Allocations of this thread while it does `work`.
#[cfg(feature = "allocations")]
fn counted(work: impl FnOnce()) -> Option<u64> {
    Some(allocation_counter::measure(work).count_total)
}

#[cfg(not(feature = "allocations"))]
fn counted(_work: impl FnOnce()) -> Option<u64> {
    None
}

/// Does `work` and counts nothing, which is what makes an allocation dearer.
#[cfg(feature = "allocations")]
pub(super) fn uncounted(work: impl FnOnce()) {
    allocation_counter::opt_out(work);
}

#[cfg(not(feature = "allocations"))]
pub(super) fn uncounted(work: impl FnOnce()) {
    work();
}
