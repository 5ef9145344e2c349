//! What operators are told.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use syncline_core::rt;
use syncline_resilience::MockClock;
use tracing::Level;

use crate::support::{Memory, three_attempts};

/// Carries out an operation that fails twice and blocks its thread for its delays, while another one steps the clock.
fn block_twice() -> Memory {
    let clock = MockClock::new();
    let is_over = Arc::new(AtomicBool::new(false));
    let stepper = {
        let (clock, is_over) = (clock.clone(), is_over.clone());
        rt::thread("step", move || {
            while !is_over.load(Ordering::Acquire) {
                clock.advance_to_next();
                std::thread::yield_now();
            }
        })
        .unwrap()
    };
    let mut failures = 2;
    let (memory, result) = Memory::of(|| {
        three_attempts(&clock).execute_sync(|| {
            failures -= 1;
            if failures >= 0 { Err("down") } else { Ok(()) }
        })
    });
    is_over.store(true, Ordering::Release);
    stepper.join().unwrap();
    assert_eq!(result, Ok(()));
    memory
}

fn warnings(memory: &Memory) -> usize {
    let events = memory.events();
    events
        .iter()
        .filter(|event| event.level == Level::WARN && event.target == "syncline::resilience")
        .count()
}

/// Trap 13: a sleep that blocks a thread of the runtime is warned of in a comment alone.
#[tokio::test]
async fn a_sleep_that_blocks_a_thread_of_a_runtime_is_warned_of() {
    assert_eq!(warnings(&block_twice()), 2);
}

#[test]
fn a_sleep_that_blocks_a_thread_of_its_own_is_not() {
    assert_eq!(warnings(&block_twice()), 0);
}
