//! Which settings make sense.

use std::{fmt, time::Duration};

use super::{
    Durability, QueueConfig,
    encryption::{KEY_BYTES, is_zero},
};
use crate::{QueueError, QueueResult};

/// Highest level of compression.
pub(super) const LEVEL_MAX: u32 = 9;

impl QueueConfig {
    /// Whether a queue can be made of it.
    ///
    /// # Errors
    ///
    /// [`QueueError::InvalidConfig`] naming the first setting that makes no sense and what was given; never a key.
    pub fn validate(&self) -> QueueResult<()> {
        above_zero("max_capacity", self.max_capacity)?;
        above_zero("batch_size", self.batch_size)?;
        if self.batch_size > self.max_capacity {
            return refuse("batch_size", self.batch_size, format_args!("above max_capacity, {}", self.max_capacity));
        }
        if self.compression_level > LEVEL_MAX {
            return refuse("compression_level", self.compression_level, format_args!("above {LEVEL_MAX}"));
        }
        above_zero("heap_cleanup_threshold", self.heap_cleanup_threshold)?;
        above_zero("partition_count", self.partition_count)?;
        self.validate_limits()?;
        for (name, duration) in [
            ("base_retry_delay", self.base_retry_delay),
            ("max_retry_delay", self.max_retry_delay),
            ("cleanup_interval", self.cleanup_interval),
            ("lease_duration", self.lease_duration),
        ] {
            lasts(name, duration)?;
        }
        if self.durability == Durability::Interval {
            lasts("persistence_interval", self.persistence_interval)?;
        }
        for (name, duration) in [("aging", self.aging), ("dead_letter_ttl", self.dead_letter_ttl)] {
            duration.map_or(Ok(()), |duration| lasts(name, duration))?;
        }
        self.validate_key()
    }

    fn validate_limits(&self) -> QueueResult<()> {
        self.max_in_flight.map_or(Ok(()), |most| above_zero("max_in_flight", most))?;
        let of_key = self.max_in_flight_per_key;
        above_zero("max_in_flight_per_key", of_key.into())?;
        if of_key > 1 && !self.enable_partitioning {
            return refuse("max_in_flight_per_key", of_key, format_args!("without enable_partitioning keys are notes"));
        }
        let rates = [("max_rate", &self.max_rate), ("max_rate_per_key", &self.max_rate_per_key)];
        for (name, rate) in rates.into_iter().filter_map(|(name, rate)| Some((name, rate.as_ref()?))) {
            above_zero(&format!("{name}.items"), rate.items as usize)?;
            above_zero(&format!("{name}.burst"), rate.burst as usize)?;
            lasts(&format!("{name}.per"), rate.per)?;
        }
        if self.max_rate_per_key.is_some() && (of_key > 1 || !self.enable_partitioning) {
            let message = "max_rate_per_key needs enable_partitioning, and max_in_flight_per_key 1";
            return Err(QueueError::InvalidConfig(message.to_owned()));
        }
        if let Some(breaker) = &self.job_breaker {
            above_zero("job_breaker.failures", breaker.failures as usize)?;
            lasts("job_breaker.pause", breaker.pause)?;
        }
        Ok(())
    }

    fn validate_key(&self) -> QueueResult<()> {
        let refuse = |message: &str| Err(QueueError::InvalidConfig(message.to_owned()));
        match &self.encryption_key {
            None if self.enable_encryption => refuse("enable_encryption needs a key: set encryption_key"),
            None => Ok(()),
            Some(key) if key.len() != KEY_BYTES => {
                refuse(&format!("encryption_key has {} bytes, it needs {KEY_BYTES}", key.len()))
            }
            Some(key) if self.require_strong_key && is_zero(key) => refuse("encryption_key is all zeros"),
            Some(_) => Ok(()),
        }
    }
}

fn above_zero(name: &str, value: usize) -> QueueResult<()> {
    if value == 0 {
        refuse(name, value, format_args!("it must be above 0"))
    } else {
        Ok(())
    }
}

/// Times are kept in whole milliseconds.
fn lasts(name: &str, value: Duration) -> QueueResult<()> {
    if value < Duration::from_millis(1) {
        return refuse(name, format!("{value:?}"), format_args!("it must be 1ms at least"));
    }
    Ok(())
}

fn refuse(name: &str, value: impl fmt::Display, why: fmt::Arguments<'_>) -> QueueResult<()> {
    Err(QueueError::InvalidConfig(format!("{name} is {value}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JobBreaker, Rate};

    fn refused(change: impl FnOnce(&mut QueueConfig)) -> String {
        let mut config = QueueConfig::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_named_with_what_was_given() {
        let said = |text: &str| format!("invalid configuration: {text}");
        assert_eq!(refused(|c| c.max_capacity = 0), said("max_capacity is 0: it must be above 0"));
        assert_eq!(refused(|c| c.batch_size = 0), said("batch_size is 0: it must be above 0"));
        assert_eq!(refused(|c| c.batch_size = 10_001), said("batch_size is 10001: above max_capacity, 10000"));
        assert_eq!(refused(|c| c.compression_level = 10), said("compression_level is 10: above 9"));
        assert_eq!(refused(|c| c.heap_cleanup_threshold = 0), said("heap_cleanup_threshold is 0: it must be above 0"));
        assert_eq!(refused(|c| c.partition_count = 0), said("partition_count is 0: it must be above 0"));
        assert_eq!(refused(|c| c.max_in_flight = Some(0)), said("max_in_flight is 0: it must be above 0"));
        assert_eq!(refused(|c| c.max_in_flight_per_key = 0), said("max_in_flight_per_key is 0: it must be above 0"));
        assert!(refused(|c| c.max_in_flight_per_key = 2).contains("without enable_partitioning"));
        let rate = Rate { items: 1, per: Duration::from_secs(1), burst: 1 };
        assert!(refused(|c| c.max_rate = Some(Rate { items: 0, ..rate })).contains("max_rate.items is 0"));
        assert!(refused(|c| c.max_rate = Some(Rate { burst: 0, ..rate })).contains("max_rate.burst is 0"));
        assert!(refused(|c| c.max_rate = Some(Rate { per: Duration::ZERO, ..rate })).contains("max_rate.per is 0ns"));
        assert!(refused(|c| c.max_rate_per_key = Some(rate)).contains("needs enable_partitioning"));
        assert!(
            refused(|c| c.max_rate_per_key = Some(Rate { items: 0, ..rate })).contains("max_rate_per_key.items is 0")
        );
        let breaker = JobBreaker::default();
        let never = JobBreaker { failures: 0, ..breaker };
        assert!(refused(|c| c.job_breaker = Some(never)).contains("job_breaker.failures is 0"));
        let short = JobBreaker { pause: Duration::ZERO, ..breaker };
        assert!(refused(|c| c.job_breaker = Some(short)).contains("job_breaker.pause is 0ns"));
        assert_eq!(
            refused(|c| c.base_retry_delay = Duration::ZERO),
            said("base_retry_delay is 0ns: it must be 1ms at least")
        );
        assert!(refused(|c| c.max_retry_delay = Duration::ZERO).contains("max_retry_delay"));
        assert!(refused(|c| c.cleanup_interval = Duration::ZERO).contains("cleanup_interval"));
        assert!(refused(|c| c.lease_duration = Duration::from_micros(999)).contains("999µs"));
        assert!(refused(|c| c.aging = Some(Duration::ZERO)).contains("aging"));
        assert!(refused(|c| c.dead_letter_ttl = Some(Duration::ZERO)).contains("dead_letter_ttl is 0ns"));
    }

    /// What went wrong: the preset for security failed its own check without saying what to do.
    #[test]
    fn a_key_that_is_missing_or_no_key_is_refused_without_repeating_it() {
        assert!(refused(|c| *c = QueueConfig::high_security()).contains("set encryption_key"));
        assert!(refused(|c| c.encryption_key = Some(vec![7; 31])).contains("31 bytes, it needs 32"));
        assert!(refused(|c| *c = QueueConfig::high_security_with_key(vec![0; 32])).contains("all zeros"));
        assert!(QueueConfig::high_security_with_key(vec![7; 32]).validate().is_ok());
        let weak = QueueConfig { enable_encryption: true, encryption_key: Some(vec![0; 32]), ..Default::default() };
        assert!(weak.validate().is_ok(), "it is taken, with a warning");
    }

    /// What went wrong: the key stood in logs and dumps.
    #[test]
    fn a_key_is_never_printed_or_written() {
        let config = QueueConfig::high_security_with_key(vec![0xab; 32]);
        assert!(format!("{config:?}").contains("Some(\"redacted\")"));
        let json = serde_json::to_string(&config).unwrap();
        assert!(!json.contains("encryption_key") && !json.contains("171"), "{json}");
        assert!(!format!("{config:?}").contains("171"));
    }

    #[test]
    fn settings_come_back_from_a_file_and_an_unknown_one_is_refused() {
        let config = QueueConfig {
            aging: Some(Duration::from_secs(90)),
            dead_letter_ttl: Some(Duration::from_hours(36)),
            max_rate: Some(Rate { items: 3, per: Duration::from_secs(1), burst: 2 }),
            job_breaker: Some(JobBreaker::default()),
            persistence_path: Some("/tmp/q".into()),
            ..QueueConfig::high_performance()
        };
        assert_eq!(toml::from_str::<QueueConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(serde_json::from_str::<QueueConfig>("{}").unwrap(), QueueConfig::default());
        let read: QueueConfig = toml::from_str("max_retry_delay = \"2h\"").unwrap();
        assert_eq!(read.max_retry_delay, Duration::from_hours(2));
        assert!(toml::from_str::<QueueConfig>("max_capacitee = 3").is_err());
    }
}
