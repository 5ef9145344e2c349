//! Settings of a queue: plain data.

use std::{fmt, str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;
use syncline_core::{Error, ErrorKind, Result};

use super::error::failed;

/// Longest name of a queue, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// How much longer than a call a transaction may be idle before the server ends it: then its client is gone.
const IDLE_FACTOR: u32 = 2;

/// Settings of a [`PostgresQueueStorage`](super::PostgresQueueStorage). [`Default`] is right for most, but for the URL.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresQueueConfig {
    /// The database, `postgres://user:password@host/database`. It is never printed whole. Default: the server of this machine.
    pub url: String,
    /// The queue in it, which is made where it is missing; 1 to 255 bytes. Default `default`.
    pub queue: String,
    /// Most connections at once, beside one that listens. Default 8.
    pub connections: u32,
    /// Longest that a call may take in all before it is `Unavailable`, or `Unknown` where it may have happened. The server
    /// ends each statement at it, too. Default 30 s.
    pub deadline: Duration,
    /// How often those who wait look again although nobody told them to: notices are lost with a connection. Default 5 s.
    pub poll: Duration,
    /// Whose time it is. Default the server's.
    pub time: QueueTime,
}

/// Whose time a queue goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueTime {
    /// The server's: the same for workers on all machines. A retry comes as long after the server's time as it was asked to
    /// come after the caller's; times of the calendar stand as they are.
    #[default]
    Server,
    /// The one that each call passes: for tests, and where all callers share a clock.
    Caller,
}

impl Default for PostgresQueueConfig {
    fn default() -> Self {
        Self {
            url: "postgres://localhost".to_owned(),
            queue: "default".to_owned(),
            connections: 8,
            deadline: Duration::from_secs(30),
            poll: Duration::from_secs(5),
            time: QueueTime::Server,
        }
    }
}

impl fmt::Debug for PostgresQueueConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresQueueConfig")
            .field("url", &self.place())
            .field("queue", &self.queue)
            .field("connections", &self.connections)
            .field("deadline", &self.deadline)
            .field("poll", &self.poll)
            .field("time", &self.time)
            .finish()
    }
}

impl PostgresQueueConfig {
    /// The URL without its user and password, and without parameters, which may hold one.
    fn place(&self) -> &str {
        let (_, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        host.split('?').next().unwrap_or_default()
    }

    /// Says of an error which queue it is about.
    pub(super) fn named(&self, error: Error) -> Error {
        error.context(format_args!("queue {:?} in {:?}", self.queue, self.place()))
    }

    /// What each connection is opened with.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a URL or a name that cannot be one.
    pub(super) fn options(&self) -> Result<PgConnectOptions> {
        if self.queue.is_empty() || self.queue.len() > NAME_BYTES_MAX || self.queue.contains('\0') {
            let message = format!("a queue's name has 1 to {NAME_BYTES_MAX} bytes and no zero among them");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        // What cannot be read may hold a password: the source is left out.
        let url = PgConnectOptions::from_str(&self.url)
            .map_err(|_| Error::new(ErrorKind::Invalid, "the URL is none of a PostgreSQL database"))?;
        let millis = |time: Duration| time.as_millis().clamp(1, i32::MAX as u128).to_string();
        Ok(url.application_name("syncline").options([
            ("statement_timeout", millis(self.deadline)),
            ("idle_in_transaction_session_timeout", millis(self.deadline.saturating_mul(IDLE_FACTOR))),
            // What a call answered is on the server's disk, whatever the database or the role says.
            ("synchronous_commit", "on".to_owned()),
            // Every question has its index, and a queue that was empty a moment ago has statistics of an empty one.
            ("enable_seqscan", "off".to_owned()),
        ]))
    }

    /// Checks that the server syncs what it commits.
    pub(super) async fn check(&self, connection: &mut sqlx::PgConnection) -> Result<()> {
        for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
            let value: String = sqlx::query_scalar("select current_setting($1)")
                .bind(setting)
                .fetch_one(&mut *connection)
                .await
                .map_err(failed("the settings cannot be read"))?;
            if value != "on" {
                let message = format!("PostgreSQL answers {setting}={value}, it must be on");
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_user_and_no_password_is_printed() {
        let url = "postgres://ada:se@cret@db.example:5432/jobs?password=hidden".to_owned();
        let config = PostgresQueueConfig { url, ..PostgresQueueConfig::default() };
        let text = format!("{config:?} {}", config.named(Error::new(ErrorKind::Full, "full")));
        assert!(text.contains("db.example:5432/jobs"), "{text}");
        assert!(["ada", "se@", "cret", "hidden"].iter().all(|secret| !text.contains(secret)), "{text}");
    }

    #[test]
    fn a_name_or_a_url_that_is_none_is_refused() {
        let of = |url: &str, queue: &str| {
            let config = PostgresQueueConfig { url: url.into(), queue: queue.into(), ..PostgresQueueConfig::default() };
            config.options().map(drop).map_err(|error| error.kind())
        };
        assert_eq!(of("postgres://localhost/x", "jobs"), Ok(()));
        for (url, queue) in [("postgres://localhost/x", ""), ("postgres://localhost/x", "a\0b"), ("nonsense", "jobs")] {
            assert_eq!(of(url, queue), Err(ErrorKind::Invalid), "{url:?} {queue:?}");
        }
    }
}
