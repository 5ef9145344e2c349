//! A queue by scripts on a Redis that syncs before it answers: five levels of what is ready, what is delayed, leases.
//!
//! The server is started for each turn, on a socket in its directory. All that its configuration allows is done for speed:
//! no TCP, no snapshots, no rewriting of the log inside a turn.

mod scripts;
mod server;
mod wire;

use std::{path::Path, sync::Arc};

use self::{
    scripts::{CLAIM, COMPLETE, PUSH},
    server::Server,
    wire::{Connection, Reply},
};
use super::super::{
    jobs::Jobs,
    store::{Client, Kind, Store, Wait, Way},
};
use crate::Result;

/// Redis.
pub(in super::super) const REDIS: Kind = Kind {
    name: "redis",
    way: Way::Tasks,
    open: |dir, jobs| Box::pin(open(dir, jobs)),
    left: |dir, jobs| Box::pin(left(dir, jobs)),
};

pub(super) use server::missing;

struct Redis {
    server: Server,
    jobs: Arc<Jobs>,
}

async fn open(dir: &Path, jobs: &Arc<Jobs>) -> Result<Box<dyn Store>> {
    let server = Server::start(dir).await?;
    Ok(Box::new(Redis { server, jobs: Arc::clone(jobs) }))
}

impl Store for Redis {
    fn client(&self) -> Wait<'_, Box<dyn Client>> {
        Box::pin(async {
            let mut connection = self.server.connect().await?;
            // Once for each connection; then they are called by their digests.
            let mut digests = Vec::new();
            for script in [PUSH, CLAIM, COMPLETE] {
                digests.push(connection.call(&[b"SCRIPT", b"LOAD", script.as_bytes()]).await?.bytes()?);
            }
            let digests = digests.try_into().map_err(|_| "redis loaded other scripts than it was given")?;
            Ok(Box::new(Hand { connection, digests, jobs: Arc::clone(&self.jobs) }) as Box<dyn Client>)
        })
    }

    fn close(&self) -> Wait<'_, ()> {
        Box::pin(self.server.stop())
    }
}

struct Hand {
    connection: Connection,
    /// Of the scripts that push, claim and complete.
    digests: [Vec<u8>; 3],
    jobs: Arc<Jobs>,
}

impl Hand {
    /// Calls the script of this digest on all keys.
    async fn call(&mut self, script: usize, values: &[&[u8]]) -> Result<Reply> {
        let count = scripts::KEYS.len().to_string();
        let mut words = vec![b"EVALSHA".as_slice(), &self.digests[script], count.as_bytes()];
        words.extend(scripts::KEYS.iter().map(|key| key.as_bytes()));
        words.extend(values);
        self.connection.call(&words).await
    }

    async fn claim(&mut self, most: usize) -> Result<Vec<[Vec<u8>; 2]>> {
        let reply = self.call(1, &[most.to_string().as_bytes(), b"300000"]).await?;
        let mut leases = Vec::new();
        for lease in reply.list()? {
            let fields = lease.list()?.into_iter().map(Reply::bytes).collect::<Result<Vec<_>>>()?;
            let [id, token, text] = fields.try_into().map_err(|_| "redis gave another lease than it was asked for")?;
            self.jobs.check(number_of(&id)?, &text)?;
            leases.push([id, token]);
        }
        Ok(leases)
    }

    async fn complete(&mut self, leases: &[[Vec<u8>; 2]]) -> Result {
        let values: Vec<_> = leases.iter().flatten().map(Vec::as_slice).collect();
        match self.call(2, &values).await?.number()? {
            done if done == i64::try_from(leases.len())? => Ok(()),
            done => Err(format!("{} jobs were completed and {done} leases held", leases.len()).into()),
        }
    }
}

fn number_of(id: &[u8]) -> Result<u64> {
    Ok(std::str::from_utf8(id)?.parse()?)
}

impl Client for Hand {
    fn push(&mut self, first: u64, count: usize) -> Wait<'_, ()> {
        Box::pin(async move {
            let jobs = Arc::clone(&self.jobs);
            let ids: Vec<String> = (first..).take(count).map(|number| number.to_string()).collect();
            let pairs = (first..).zip(&ids).flat_map(|(number, id)| [id.as_bytes(), jobs.text(number).as_bytes()]);
            self.call(0, &pairs.collect::<Vec<_>>()).await.map(drop)
        })
    }

    fn work(&mut self, most: usize) -> Wait<'_, usize> {
        Box::pin(async move {
            let leases = self.claim(most).await?;
            if !leases.is_empty() {
                self.complete(&leases).await?;
            }
            Ok(leases.len())
        })
    }
}

/// What is ready or leased once the log was replayed.
async fn left(dir: &Path, jobs: &Arc<Jobs>) -> Result<Vec<u64>> {
    let server = Server::start(dir).await?;
    let mut connection = server.connect().await?;
    let mut numbers = Vec::new();
    for key in scripts::KEYS {
        let ids = connection.call(&[b"ZRANGE", key.as_bytes(), b"0", b"-1"]).await?.list()?;
        for id in ids {
            let number = number_of(&id.bytes()?)?;
            let job = format!("{}{number}", scripts::JOB);
            let text = connection.call(&[b"HGET", job.as_bytes(), b"text"]).await?.bytes()?;
            jobs.check(number, &text)?;
            numbers.push(number);
        }
    }
    server.stop().await?;
    Ok(numbers)
}
