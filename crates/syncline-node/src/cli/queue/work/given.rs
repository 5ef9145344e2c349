//! What a command is given of its items.

use std::io;

use super::super::record;
use crate::store::Job;

/// The content of the one item, or a line for each of a batch.
pub(super) fn input(is_batch: bool, jobs: &[Job]) -> io::Result<Vec<u8>> {
    let broken = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
    match (is_batch, jobs) {
        (false, [job]) => job.content().map_err(|error| broken(error.to_string())),
        _ => {
            let mut lines = Vec::new();
            for job in jobs {
                lines.extend(record::line(job).map_err(|failure| broken(failure.message().to_owned()))?);
            }
            Ok(lines)
        }
    }
}

/// What it finds in its environment.
pub(super) fn environment(queue: &str, is_batch: bool, jobs: &[Job]) -> Vec<(&'static str, String)> {
    let queue = ("SYNCLINE_QUEUE", queue.to_owned());
    match (is_batch, jobs) {
        (false, [job]) => vec![
            queue,
            ("SYNCLINE_ITEM_ID", job.id.clone()),
            ("SYNCLINE_ATTEMPT", (job.attempts + 1).to_string()),
            ("SYNCLINE_MAX_ATTEMPTS", job.max_attempts.to_string()),
            ("SYNCLINE_PRIORITY", record::level(job.priority).to_owned()),
            ("SYNCLINE_LEASE_TOKEN", job.lease_token.unwrap_or_default().to_string()),
        ],
        _ => vec![queue, ("SYNCLINE_COUNT", jobs.len().to_string())],
    }
}

/// Ids and leases.
pub(super) fn leases(jobs: &[Job]) -> impl Iterator<Item = (String, u64)> {
    jobs.iter().map(|job| (job.id.clone(), job.lease_token.unwrap_or_default()))
}
