//! Settings of queues: the library's own, but for what the directory decides for all that stands in it.

use serde::Deserialize;
use syncline::queue::{QueueConfig, QueueError};

/// Why a setting of the library is none of the command.
const DIRECTORY: &str = "the directory decides that for all that stands in it";
const LEASE: &str = "a command says that with --lease";
const NOBODY: &str = "no command asks for it";

/// What cannot be set here, and why.
const ELSEWHERE: [(&str, &str); 10] = [
    ("persistence_path", DIRECTORY),
    ("durability", DIRECTORY),
    ("persistence_interval", DIRECTORY),
    ("enable_compression", DIRECTORY),
    ("compression_level", DIRECTORY),
    ("enable_encryption", DIRECTORY),
    ("encryption_key", DIRECTORY),
    ("require_strong_key", DIRECTORY),
    ("lease_duration", LEASE),
    ("partition_count", NOBODY),
];

/// Settings that every queue is opened with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Table")]
pub(crate) struct Queue {
    config: QueueConfig,
    /// What was set that cannot be set here, and why.
    elsewhere: Option<(&'static str, &'static str)>,
}

impl Queue {
    /// The library's form of these settings.
    pub(super) fn config(&self) -> QueueConfig {
        self.config.clone()
    }

    /// Whether they make sense; otherwise what does not, by its key.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some((name, why)) = self.elsewhere {
            return Err(format!("queue.{name} is no setting here: {why}"));
        }
        self.config.validate().map_err(|error| match error {
            QueueError::InvalidConfig(message) => format!("queue.{message}"),
            error => format!("queue: {error}"),
        })
    }
}

impl Default for Queue {
    fn default() -> Self {
        // With partitions: items without a partition are treated as ever.
        let config = QueueConfig { enable_partitioning: true, ..QueueConfig::default() };
        Self { config, elsewhere: None }
    }
}

impl TryFrom<toml::Table> for Queue {
    type Error = toml::de::Error;

    fn try_from(mut table: toml::Table) -> Result<Self, toml::de::Error> {
        let elsewhere = ELSEWHERE.into_iter().find(|(name, _)| table.remove(*name).is_some());
        table.entry("enable_partitioning").or_insert(true.into());
        Ok(Self { config: table.try_into()?, elsewhere })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use syncline::queue::{JobBreaker, Rate};

    use super::super::{Config, EXAMPLE};
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(&format!("[queue]\n{text}")).unwrap_err()
    }

    #[test]
    fn what_the_example_leaves_out_is_read_too() {
        let (_, section) = EXAMPLE.split_once("[queue]").unwrap();
        let all = section.replace("\n# dead_letter_ttl", "\ndead_letter_ttl").replace("\n# max_", "\nmax_");
        let all = all.replace("\n# job_breaker =", "\njob_breaker =").replace("\n# aging =", "\naging =");
        let config = Config::parse(&format!("[queue]{all}")).unwrap().queue();
        let rate = |items| Some(Rate { items, per: Duration::from_secs(1), burst: items });
        let expected = QueueConfig {
            dead_letter_ttl: Some(Duration::from_hours(30 * 24)),
            max_in_flight: Some(100),
            max_rate: rate(100),
            max_rate_per_key: rate(1),
            job_breaker: config.job_breaker,
            aging: Some(Duration::from_mins(10)),
            ..Queue::default().config()
        };
        assert_eq!(config, expected);
        assert!(matches!(config.job_breaker, Some(JobBreaker { failures: 5, .. })));
    }

    #[test]
    fn a_value_that_makes_no_sense_is_named_by_its_key() {
        assert!(refused("max_capacity = 0").contains("queue.max_capacity is 0: it must be above 0"));
        assert!(refused("aging = \"0s\"").contains("queue.aging is 0ns"));
        assert!(
            refused("dead_letter_ttl = \"soon\"").contains("dead_letter_ttl"),
            "{}",
            refused("dead_letter_ttl = \"soon\"")
        );
        assert!(refused("max_capacitee = 3").contains("max_capacitee"));
        for (name, why) in ELSEWHERE {
            assert!(refused(&format!("{name} = 1")).contains(&format!("queue.{name} is no setting here: {why}")));
        }
    }
}
