//! Traps of retrying that cross several rooms, and the table of all of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use syncline_resilience::{CircuitBreaker, RetryError, RetryStrategy, breaker::BreakerRegistry};

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

#[test]
fn each_trap_of_the_table_names_tests_that_exist() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(home.join("../../docs/resilience-traps.md")).unwrap();
    for trap in 1..=65 {
        let row = table.lines().find(|line| line.starts_with(&format!("| {trap:02} |")));
        let proof = row.and_then(|row| row.split('|').nth(3)).unwrap_or_default().trim();
        assert!(proof.len() > 3, "trap {trap} is not proved, and nothing says why");
        for path in proof.split('`').filter(|path| path.contains("::")) {
            let (module, name) = path.rsplit_once("::").unwrap();
            let source = file_of(home, module).and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
            assert!(source.contains(&format!("fn {name}(")), "trap {trap}: there is no {path}");
        }
    }
}

/// The file that holds `module`, which may be a part of it.
fn file_of(home: &Path, module: &str) -> Option<PathBuf> {
    let root = if module.starts_with("tests::") { home.to_owned() } else { home.join("src") };
    let mut path = root.join(module.replace("::", "/"));
    while path != root {
        let candidates = [path.with_extension("rs"), path.join("mod.rs")];
        if let Some(file) = candidates.into_iter().find(|file| file.is_file()) {
            return Some(file);
        }
        path.pop();
    }
    None
}
