//! What a command may fail with: a sentence for the person at the terminal.

/// Result of a developer command. The error is a sentence; nobody matches on it.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
