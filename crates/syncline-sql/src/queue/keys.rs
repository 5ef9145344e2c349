//! Keys under which nothing else is accepted for a while.

use syncline_core::{Result, port::DedupKey};

use super::step::{Item, Step};

/// Keys whose time is over.
pub(super) const OVER: &str =
    "SELECT key FROM dedup INDEXED BY dedup_end WHERE queue = ? AND lives = 0 AND until <= ? ORDER BY until LIMIT ?";

impl Step<'_> {
    /// The id of who has `key`.
    pub(super) fn holder(&self, key: &DedupKey) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT id FROM dedup WHERE queue = ? AND key = ? AND (lives = 1 OR until > ?)";
        self.first(sql, (self.queue, key.key.as_bytes(), self.now), |row| row.get(0))
    }

    /// The item of `seq` has `key` from now on.
    pub(super) fn take_key(&mut self, key: &DedupKey, seq: i64, id: &str) -> Result<()> {
        let window = i64::try_from(key.window.as_millis()).unwrap_or(i64::MAX);
        let until = self.now.saturating_add(window);
        let sql = "INSERT OR REPLACE INTO dedup (queue, key, seq, id, until, lives) VALUES (?, ?, ?, ?, ?, 1)";
        self.run(sql, (self.queue, key.key.as_bytes(), seq, id.as_bytes(), until)).map(drop)
    }

    /// The item lives no more: its key is free when its time is over.
    pub(super) fn free_key(&mut self, item: &Item) -> Result<()> {
        let Some(key) = &item.dedup else { return Ok(()) };
        let over = "DELETE FROM dedup WHERE queue = ? AND key = ? AND seq = ? AND until <= ?";
        if self.run(over, (self.queue, key, item.seq, self.now))? == 0 {
            let sql = "UPDATE dedup SET lives = 0 WHERE queue = ? AND key = ? AND seq = ?";
            self.run(sql, (self.queue, key, item.seq))?;
        }
        Ok(())
    }

    /// Forgets keys whose time is over, up to `most`; returns how many.
    pub(super) fn sweep_keys(&mut self, most: usize) -> Result<usize> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let over: Vec<Vec<u8>> = self.all(OVER, (self.queue, self.now, most), |row| row.get(0))?;
        for key in &over {
            self.run("DELETE FROM dedup WHERE queue = ? AND key = ?", (self.queue, key))?;
        }
        Ok(over.len())
    }
}
