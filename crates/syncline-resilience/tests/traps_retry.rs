//! Traps of retrying that cross several rooms.

use std::{
    fmt, fs, io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use syncline_core::{Instant, WallTime};
use syncline_resilience::{
    CircuitBreaker, MockClock, RetryError, RetryStrategy,
    breaker::BreakerRegistry,
    time::{Clock, Sleep},
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::with_default,
};

/// A clock on which blocking is nothing but time that passes.
#[derive(Debug, Clone)]
struct Skipping(MockClock);

impl Clock for Skipping {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn wall(&self) -> WallTime {
        self.0.wall()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        self.0.sleep_until(at)
    }

    fn block_until(&self, at: Instant) {
        self.0.advance(at.saturating_since(self.now()));
    }
}

/// Collects the messages of warnings.
#[derive(Debug, Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Those while `run` runs on this thread.
    fn of(run: impl FnOnce()) -> Vec<String> {
        let warnings = Self::default();
        with_default(warnings.clone(), run);
        let messages = warnings.0.lock().unwrap();
        messages.clone()
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Takes the message of an event.
struct Message<'a>(&'a mut Vec<String>);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.push(format!("{value:?}"));
        }
    }
}

/// An operation that is retried once, and blocks before that.
fn retried_once() {
    let strategy = RetryStrategy::with_clock(Skipping(MockClock::new()));
    let mut answers = [Err(io::ErrorKind::TimedOut), Ok(7)].into_iter();
    let answer = strategy.execute_sync(|| answers.next().unwrap().map_err(io::Error::from));
    assert_eq!(answer.unwrap(), 7);
}

/// Trap 13: a blocking sleep that stops the tasks of a runtime, and a comment that says not to.
#[tokio::test]
async fn a_blocking_sleep_on_a_thread_of_a_runtime_is_warned_of() {
    let warnings = Warnings::of(retried_once);
    assert!(matches!(&warnings[..], [one] if one.contains("execute_sync sleeps")), "{warnings:?}");

    let strategy = RetryStrategy::new();
    let at_once = Warnings::of(|| assert!(strategy.execute_sync(|| Ok::<_, io::Error>(7)).is_ok()));
    assert!(at_once.is_empty(), "it did not sleep: {at_once:?}");
}

#[test]
fn a_blocking_sleep_elsewhere_is_nothing_to_warn_of() {
    assert_eq!(Warnings::of(retried_once), [""; 0]);
}

/// Trap 56: one breaker for all of a service, so that a part that is down takes the rest with it.
#[tokio::test(start_paused = true)]
async fn a_part_that_is_down_opens_its_own_breaker_alone() {
    let breakers = BreakerRegistry::new(|_: &&str| CircuitBreaker::new());
    let call = async |shard: &'static str| {
        let strategy = RetryStrategy::new().with_circuit_breaker(breakers.get(&shard));
        let operation = || async move { if shard == "down" { Err(io::ErrorKind::TimedOut) } else { Ok(shard) } };
        strategy.execute(operation).await
    };
    for _ in 0..3 {
        assert!(call("down").await.is_err());
        assert_eq!(call("up").await.unwrap(), "up");
    }
    assert!(matches!(call("down").await, Err(RetryError::CircuitBreakerOpen)));
    assert_eq!(breakers.get(&"up").stats().rejected_total, 0);
    assert!(
        breakers
            .get(&"down")
            .retry_after()
            .is_some_and(|open_for| open_for <= Duration::from_secs(60))
    );
}

/// The text of all files of Rust below `dir`.
fn sources(dir: &Path) -> String {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => sources(&path),
            Some("rs") => fs::read_to_string(path).unwrap(),
            _ => String::new(),
        })
        .collect()
}

#[test]
fn the_table_of_traps_names_tests_that_exist() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(home.join("../../docs/resilience-traps.md")).unwrap();
    let sources = sources(&home.join("src")) + &sources(&home.join("tests"));
    for trap in 1..=65 {
        let row = table.lines().find(|line| line.starts_with(&format!("| {trap:02} |")));
        let proof = row
            .and_then(|row| row.split('|').nth(3))
            .unwrap_or_else(|| panic!("trap {trap} has no row"));
        for path in proof.split('`').filter(|path| path.contains("::")) {
            let name = path.rsplit("::").next().unwrap();
            assert!(sources.contains(&format!("fn {name}(")), "trap {trap}: there is no {path}");
        }
    }
}
