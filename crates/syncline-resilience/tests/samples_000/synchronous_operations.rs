//! Synchronous operations.

use std::{env, fs, path::Path};

use syncline_resilience::RetryStrategy;

#[test]
fn synchronous_operations() -> Result<(), Box<dyn std::error::Error>> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples_000");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("config.toml"), "key = 1")?;
    env::set_current_dir(dir)?;

    // WARNING: Do not use in async context - will block the runtime
    let strategy = RetryStrategy::new();

    let result = strategy.execute_sync(|| {
        // Blocking operation
        std::fs::read_to_string("config.toml")
    })?;

    assert_eq!(result, "key = 1");

    // With metrics
    let (result, metrics) =
        strategy.execute_sync_with_metrics("read_config", || std::fs::read_to_string("config.toml"));

    assert_eq!((result?.as_str(), metrics.attempts), ("key = 1", 1));
    Ok(())
}
