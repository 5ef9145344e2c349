//! The write path.
//!
//! 1. **Validate.** The name is a key, the content is not too large. Nothing has moved when this fails.
//! 2. **Permit** (`enter`, `admit`). The bytes that the record will hold while it is pending are reserved. Without room a submit waits
//!    as long as the archive makes progress; deletes never wait, for they free more than they take.
//! 3. **Gate** (`ingest`). Encoded outside, stamped and handed to the journal under one small lock, so that the order of the
//!    journal is the order of versions. This is the last thing that the caller does; from here on it only waits.
//! 4. **Journal.** Its threads write and sync what many callers handed over as one. Promise *Local*: it survives loss of power.
//! 5. **Land** (`owner`, `store`). On the journal's thread, before the caller is answered: the record enters the pending
//!    records and L1, where the newest version of a key wins. Promise *read your writes*. A replay runs this step alone.
//! 6. **Answer.** The caller has a [`Receipt`]. The permit now belongs to the pending record.
//! 7. **Archive** (`archive`). One task takes what is ready, each key once, and hands it to the archive as one transaction.
//!    Promise *Archived*. A failure leaves the batch at the head; a bad row is found, put aside and passed.
//! 8. **Settle** (`store`, `frontier`). Records leave the pending ones, permits are given back, the frontier moves, receipts
//!    resolve, and the journal is told what it need not keep.
//!
//! Without a journal step 4 is left out, step 5 shows nothing to readers before step 8, and step 6 comes last.

use std::sync::{Arc, atomic::Ordering};

use syncline_core::{Error, ErrorKind, Key, Result, limits};

use crate::{
    Receipt, SyncItem, admit,
    handover::Local,
    ingest::{Draft, Stamped},
    spine::Spine,
};

impl Spine {
    /// Steps 1 to 6 for one item.
    pub(crate) async fn submit(self: &Arc<Self>, item: SyncItem) -> Result<Receipt> {
        let draft = self.draft(item)?;
        self.write(draft, false).await
    }

    /// Steps 1 to 6 for a delete.
    pub(crate) async fn delete(self: &Arc<Self>, key: Key) -> Result<Receipt> {
        self.check_open()?;
        self.write(Draft::new(key, None), true).await
    }

    /// Steps 1 to 3, without waiting for anything.
    pub(crate) fn submit_nowait(self: &Arc<Self>, item: SyncItem) -> Result<Receipt> {
        let mut drafts = [self.draft(item)?];
        if !self.may_stamp() {
            return Err(not_reached());
        }
        let handover = self.enter_now(&mut drafts, false)?;
        let [draft] = drafts;
        Ok(Receipt::new(self, draft.stamped(), Local::new(handover)))
    }

    /// Steps 1 to 6 for many, in as few transactions as they fit in. Results stand in the order of the items.
    pub(crate) async fn submit_many(self: &Arc<Self>, items: Vec<SyncItem>) -> Vec<Result<Receipt>> {
        let mut results = Vec::with_capacity(items.len());
        let mut drafts = Vec::with_capacity(items.len());
        for item in items {
            // Taken out again below, in the same order.
            results.push(self.draft(item).map(|draft| drafts.push(draft)));
        }
        let mut receipts = self.write_many(drafts).await.into_iter();
        let missing = || Err(Error::new(ErrorKind::Unknown, "the write was handed over and not answered"));
        results
            .into_iter()
            .map(|valid| valid.and_then(|()| receipts.next().unwrap_or_else(missing)))
            .collect()
    }

    /// Step 1.
    pub(crate) fn draft(&self, item: SyncItem) -> Result<Draft> {
        self.check_open()?;
        let key = item.key()?;
        let (len, max) = (item.content_bytes().len(), self.config.content_bytes_max);
        if len > max {
            let message = format!("content of {key:?} has {len} bytes, the most is {max}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let item = if self.journal.is_some() { item } else { item.detached() };
        Ok(Draft::new(key, Some(item)))
    }

    /// Without a journal, versions go on above those in the archive, and it has to be asked for them once.
    fn may_stamp(&self) -> bool {
        self.store.tiers.shows_pending() || self.knows_high_water.load(Ordering::Acquire)
    }

    async fn learn_to_stamp(&self) -> Result<()> {
        match &self.archive {
            Some(archive) => {
                let learned = self.learn_high_water(&**archive).await;
                learned.map_err(|error| not_reached().with_source(error))
            }
            None => Ok(()),
        }
    }

    /// Callers keep thousands of these in flight: what takes long is boxed, and the item is gone once it was handed over.
    async fn write(self: &Arc<Self>, draft: Draft, is_essential: bool) -> Result<Receipt> {
        if !self.may_stamp() {
            Box::pin(self.learn_to_stamp()).await?;
        }
        let (stamped, handover) = {
            let mut drafts = [draft];
            let handover = match self.enter_now(&mut drafts, is_essential) {
                Err(error) if error.kind() == ErrorKind::Full => {
                    Box::pin(self.enter(&mut drafts, is_essential, error)).await?
                }
                entered => entered?,
            };
            let [draft] = drafts;
            (draft.stamped(), handover)
        };
        let seq = handover.await?;
        self.receipt(stamped, seq).await
    }

    async fn write_many(self: &Arc<Self>, mut drafts: Vec<Draft>) -> Vec<Result<Receipt>> {
        if !self.may_stamp()
            && let Err(error) = self.learn_to_stamp().await
        {
            return drafts.iter().map(|_| Err(error.share())).collect();
        }
        let mut chunks = Vec::new();
        while !drafts.is_empty() {
            let rest = drafts.split_off(self.chunk_len(&drafts));
            let mut chunk = std::mem::replace(&mut drafts, rest);
            let entered = match self.enter_now(&mut chunk, false) {
                Err(error) if error.kind() == ErrorKind::Full => self.enter(&mut chunk, false, error).await,
                entered => entered,
            };
            let stamped: Vec<_> = chunk.into_iter().map(Draft::stamped).collect();
            chunks.push((stamped, entered));
        }
        let mut receipts = Vec::new();
        for (chunk, entered) in chunks {
            let first = match entered {
                Ok(handover) => handover.await,
                Err(error) => Err(error),
            };
            for (place, stamped) in (0..).zip(chunk) {
                receipts.push(match &first {
                    Ok(first) => self.receipt(stamped, first + place).await,
                    Err(error) => Err(error.share()),
                });
            }
        }
        receipts
    }

    /// How many of `drafts` go into one transaction: as many as fit, at least one.
    fn chunk_len(&self, drafts: &[Draft]) -> usize {
        let units_max = u64::from(admit::units(limits::SUBMISSION_BYTES_MAX.min(self.config.memory_max_bytes / 2)));
        let mut units = 0;
        let fitting = drafts.iter().take_while(|draft| {
            units += u64::from(draft.units);
            units <= units_max
        });
        fitting.count().max(1)
    }

    /// Step 6. Without a journal a write is as durable as it will be once it is archived, so that it waits for this.
    async fn receipt(self: &Arc<Self>, stamped: Stamped, seq: u64) -> Result<Receipt> {
        let receipt = Receipt::new(self, stamped, Local::done(seq));
        if !self.store.tiers.shows_pending() {
            Box::pin(receipt.archived(seq)).await?;
        }
        Ok(receipt)
    }
}

fn not_reached() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the archive was not reached yet, and there is no journal to write to meanwhile",
    )
}
