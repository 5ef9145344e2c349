//! Keys under which nothing else is accepted for a while.

use syncline_core::{Error, ErrorKind, Result, port::DedupKey};

use super::{
    error::failed,
    step::{Item, Step, run},
};

impl Step<'_> {
    /// Lets the item of `seq` have `key`, unless somebody has it: then gives whose id.
    pub(super) async fn take_key(&mut self, key: &DedupKey, seq: i64, id: &str) -> Result<Option<String>> {
        let window = i64::try_from(key.window.as_millis()).unwrap_or(i64::MAX);
        let sql = "insert into syncline_queue.dedup (queue, key, seq, id, until, lives) values ($1, $2, $3, $4, $5, true) \
                   on conflict (queue, key) do update \
                   set seq = excluded.seq, id = excluded.id, until = excluded.until, lives = true \
                   where not dedup.lives and dedup.until <= $6";
        if run!(self, sql, self.queue, &key.key, seq, id, self.now.saturating_add(window), self.now)? > 0 {
            return Ok(None);
        }
        let holder: Option<String> =
            sqlx::query_scalar("select id from syncline_queue.dedup where queue = $1 and key = $2")
                .bind(self.queue)
                .bind(&key.key)
                .fetch_optional(&mut *self.connection)
                .await
                .map_err(failed("the queue cannot be read"))?;
        // Swept between the two statements.
        let gone = || Error::new(ErrorKind::Conflict, "a key was freed while it was asked for");
        holder.map(Some).ok_or_else(gone)
    }

    /// The item lives no more: its key is free when its time is over.
    pub(super) async fn free_key(&mut self, item: &Item) -> Result<()> {
        let Some(key) = &item.dedup else { return Ok(()) };
        let over = "delete from syncline_queue.dedup where queue = $1 and key = $2 and seq = $3 and until <= $4";
        if run!(self, over, self.queue, key, item.seq, self.now)? == 0 {
            let sql = "update syncline_queue.dedup set lives = false where queue = $1 and key = $2 and seq = $3";
            run!(self, sql, self.queue, key, item.seq)?;
        }
        Ok(())
    }

    /// Forgets keys whose time is over, up to `most`; returns how many.
    pub(super) async fn sweep_keys(&mut self, most: i64) -> Result<u64> {
        let sql = "delete from syncline_queue.dedup where queue = $1 and key = any(array( \
                   select key from syncline_queue.dedup where queue = $1 and not lives and until <= $2 \
                   order by until limit $3 for update skip locked))";
        run!(self, sql, self.queue, self.now, most)
    }
}
