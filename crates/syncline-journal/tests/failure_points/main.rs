//! What must happen at each point where a journal can fail, one test a fact.
//!
//! | point | tests |
//! |---|---|
//! | a sync fails | `failing_calls::a_failed_sync_…` |
//! | a write fails, or writes less | `failing_calls::a_failed_write_…` |
//! | the disk is full | `full_disk` |
//! | torn frame at the tail | `power_loss::a_tail_…` |
//! | unsynced frames written out of order | `power_loss::frames_written_out_of_order_…` |
//! | bit rot in frames, headers and manifests | `rot` and `rot_sealed` (test binaries of their own) |
//! | misdirected or stale segment | `strangers::a_segment_…` |
//! | new segment, rename, removal, directory sync | `power_loss::no_moment_of_…`, `failing_calls::a_failed_sync_of_the_directory_…` |
//! | loss of power after a write | `power_loss::no_moment_of_…` |
//! | the process is killed | `power_loss::a_killed_process_…` |
//! | second opener | `strangers::a_second_opener_…` |
//! | future format, wrong key, other options | `strangers` |
//! | huge lengths and bombs | `forged` |
//! | size after a sync | `power_loss::the_first_sync_of_a_segment_…` |
//! | shutdown | `failing_calls::a_close_that_fails_…` |
//! | panic in a thread of the journal | `panics` |

mod failing_calls;
mod forged;
mod full_disk;
mod panics;
mod power_loss;
#[path = "../story/mod.rs"]
mod story;
mod strangers;
