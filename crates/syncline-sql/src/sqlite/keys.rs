//! The keys that an archive's content is encrypted with, known to the file by number.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use syncline_core::{Error, ErrorKind, KeyId, Result, SecretKey, port::Random};

use super::{KeyRing, error::failed, seal::Sealer};

/// The number that stands for no key.
pub(super) const CLEAR: u32 = 0;

/// The keys at hand, by the numbers that the file's rows name.
#[derive(Debug)]
pub(super) struct Keys {
    current: Option<u32>,
    sealers: BTreeMap<u32, Sealer>,
}

/// One row of `sealing_key`.
struct Stored {
    number: u32,
    id: KeyId,
    proof: Vec<u8>,
    rows: i64,
}

impl Keys {
    /// Checks `ring` against the file and takes its keys; registers a new one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`], before anything is written, when a key is missing: that of the latest writes, or one that
    /// rows still need.
    pub(super) fn open(connection: &mut Connection, ring: &KeyRing, random: &dyn Random) -> Result<Self> {
        let stored = stored(connection)?;
        let mut keys = Self::known(&stored, ring)?;
        keys.current = match &ring.current {
            Some(key) => Some(match stored.iter().find(|stored| stored.id == key.id()) {
                Some(stored) => stored.number,
                None => keys.register(connection, key, random)?,
            }),
            None => None,
        };
        Ok(keys)
    }

    /// The keys of `ring` that the file of `connection` knows; nothing is registered.
    pub(super) fn open_to_read(connection: &Connection, ring: &KeyRing) -> Result<Self> {
        Self::known(&stored(connection)?, ring)
    }

    fn known(stored: &[Stored], ring: &KeyRing) -> Result<Self> {
        let latest = stored.last().map(|stored| stored.number);
        let mut sealers = BTreeMap::new();
        for known in stored {
            let given = ring.all().find(|key| key.id() == known.id).map(Sealer::new);
            match given.filter(|sealer| sealer.made(known.id, &known.proof)) {
                Some(sealer) => drop(sealers.insert(known.number, sealer)),
                None if known.rows > 0 || latest == Some(known.number) => return Err(missing(known, ring)),
                None => {}
            }
        }
        Ok(Self { current: None, sealers })
    }

    fn register(&mut self, connection: &mut Connection, key: &SecretKey, random: &dyn Random) -> Result<u32> {
        let sealer = Sealer::new(key);
        let proof = sealer.prove(key.id(), random)?;
        let insert = |tx: Transaction<'_>| {
            let sql = "INSERT INTO sealing_key (id, proof, rows) VALUES (?, ?, 0) RETURNING number";
            let number = tx.query_row(sql, params![key.id().to_bytes(), proof], |row| row.get(0))?;
            tx.commit().map(|()| number)
        };
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let number = tx.and_then(insert).map_err(failed("the key cannot be registered"))?;
        self.sealers.insert(number, sealer);
        Ok(number)
    }

    /// The key for what is written now, with its number.
    pub(super) fn current(&self) -> Option<(u32, &Sealer)> {
        let number = self.current?;
        self.sealers.get(&number).map(|sealer| (number, sealer))
    }

    /// The key with this number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] when it came into the file after it was opened, or was not given.
    pub(super) fn get(&self, number: u32) -> Result<&Sealer> {
        self.sealers.get(&number).ok_or_else(|| {
            let message = format!("it is encrypted with key number {number}, which was not given");
            Error::new(ErrorKind::Denied, message)
        })
    }
}

/// Counts `by` more rows that need the key `number`.
pub(super) fn count(tx: &Transaction<'_>, number: u32, by: i64) -> Result<()> {
    let mut statement = tx
        .prepare_cached("UPDATE sealing_key SET rows = rows + ? WHERE number = ?")
        .map_err(failed("keys cannot be counted"))?;
    statement
        .execute([by, i64::from(number)])
        .map(drop)
        .map_err(failed("keys cannot be counted"))
}

/// How many rows need each key, by number, as counted.
pub(super) fn counts(connection: &Connection) -> Result<BTreeMap<u32, u64>> {
    Ok(stored(connection)?
        .iter()
        .map(|stored| (stored.number, stored.rows.cast_unsigned()))
        .collect())
}

fn stored(connection: &Connection) -> Result<Vec<Stored>> {
    let read = || {
        let mut statement = connection.prepare("SELECT number, id, proof, rows FROM sealing_key ORDER BY number")?;
        let rows = statement.query_map([], |row| {
            let id = KeyId::from_bytes(row.get(1)?);
            Ok(Stored { number: row.get(0)?, id, proof: row.get(2)?, rows: row.get(3)? })
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(failed("its keys cannot be read"))
}

fn missing(stored: &Stored, ring: &KeyRing) -> Error {
    let Stored { id, rows, .. } = stored;
    let message = match ring.all().count() {
        0 => format!("it is encrypted with the key {id} and no key was given; {rows} items need it"),
        _ => format!("it is encrypted with the key {id}, which is not the key given; {rows} items need it"),
    };
    Error::new(ErrorKind::Denied, message)
}
