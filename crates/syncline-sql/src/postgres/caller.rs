//! Pushing in a transaction of the caller's own, so that work exists exactly where the rows do that it is about.
//!
//! The transaction is one of `sqlx`, and no wrapper could be one: this is the only place where a type of a database library
//! stands in a signature. The version of `sqlx` is part of it: use the one that [`sqlx`] names.

use std::sync::atomic::AtomicBool;

use ::sqlx::{Connection as _, Postgres, Transaction};
use syncline_core::{
    Result,
    port::{Admission, Moment, NewItem, Pushed},
};

use super::{PostgresQueueStorage, error::failed, push, wake::NOTICE};

/// The library of whose transactions these are.
pub use ::sqlx;

impl PostgresQueueStorage {
    /// Keeps items, in order, once `tx` is committed, and not at all where it is rolled back. `tx` is on the database of this
    /// queue. Those who wait for work hear of it with the commit.
    ///
    /// An id or a key that another open transaction has pushed is waited for until that one ends.
    ///
    /// # Errors
    ///
    /// As [`push`](syncline_core::port::QueueStorage::push). The items are not in `tx` then, and it can go on; after
    /// [`Unavailable`](syncline_core::ErrorKind::Unavailable) it may be broken, and then says so itself.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have pushed some of the items into `tx`: roll that back.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use syncline_core::port::{Admission, Moment, NewItem};
    /// use syncline_sql::{PostgresQueueStorage, postgres::caller::sqlx};
    ///
    /// # async fn order(pool: &sqlx::PgPool, queue: &PostgresQueueStorage, mail: NewItem, now: Moment)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let mut tx = pool.begin().await?;
    /// sqlx::query("insert into orders (id) values ($1)").bind(7).execute(&mut *tx).await?;
    /// queue.push_in(&mut tx, &[mail], Admission { capacity: 1_000, unique_ids: true }, now).await?;
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn push_in(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        items: &[NewItem],
        admission: Admission,
        now: Moment,
    ) -> Result<Vec<Pushed>> {
        let unmade = failed("the items cannot be pushed in the transaction");
        let work = async {
            let mut inner = tx.begin().await.map_err(&unmade)?;
            let mut step = self.step(&mut inner, now).await?;
            let told = push::push(&mut step, items, admission).await?;
            if step.finish_later().await? {
                ::sqlx::query(NOTICE).bind(self.queue()).execute(&mut *inner).await.map_err(&unmade)?;
            }
            inner.commit().await.map_err(&unmade)?;
            Ok(told)
        };
        self.within_deadline(work, &AtomicBool::new(false)).await
    }
}
