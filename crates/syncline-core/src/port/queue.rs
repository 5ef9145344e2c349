//! Where the items of one queue are kept.

use std::{fmt::Debug, ops::AddAssign, time::Duration};

use bytes::Bytes;

use super::{BoxFuture, EndedCursor, EndedPage, Ending, List, ListCursor, ListPage, Retention};
use crate::{Instant, Priority, Result, WallTime};

/// A moment of both clocks. Due times are the calendar's; leases are the steady clock's, where a storage has one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The calendar.
    pub wall: WallTime,
    /// The steady clock.
    pub steady: Instant,
}

/// An item that is pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// Its name.
    pub id: String,
    /// Its level.
    pub priority: Priority,
    /// When it may be handed out first; at once when that has passed.
    pub due: Option<WallTime>,
    /// Attempts after which it is dead; 0 counts as 1.
    pub max_attempts: u16,
    /// Its lane: of each lane only so many items at a time are in somebody's hands, one by one in order unless
    /// [`InHand::of_lane`] asks for more.
    pub partition: Option<String>,
    /// The key under which nothing else is accepted for a while.
    pub dedup: Option<DedupKey>,
    /// When it is of no use any more.
    pub expires_at: Option<WallTime>,
    /// What it carries; no storage looks into it.
    pub body: Bytes,
}

/// A key that is taken while its item lives, and for `window` from the push on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupKey {
    /// The key.
    pub key: String,
    /// How long it is taken at least. Zero is as long as the item lives.
    pub window: Duration,
}

/// What a push may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Most items that live at once: waiting, scheduled or in hand.
    pub capacity: u64,
    /// Whether an id that lives is refused. Otherwise both live, and the id names the newer.
    pub unique_ids: bool,
}

/// What became of a pushed item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It is kept.
    Inserted,
    /// Its id or key is taken by the item of this id. It was not kept.
    Duplicate {
        /// Who has it.
        id: String,
    },
}

/// What a worker asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Most items.
    pub most: usize,
    /// How long each lease lasts unless it is extended.
    pub lease: Duration,
    /// The wait that lifts the first of a level by one level; `None` is strict order.
    pub aging: Option<Duration>,
    /// How many may be in hands at once with these.
    pub in_hand: InHand,
}

/// How many items may be in hands at once, whoever claimed them, in this process or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InHand {
    /// Most of the queue; `None` is no bound.
    pub most: Option<u64>,
    /// Most of one lane. One, which 0 counts as too, keeps a lane in order. More gives that up: its items leave by level and
    /// time as all others do, and one that is to be retried lets others pass. A bound other than the last claim's rearranges
    /// all lanes, so those who share a queue ask for the same.
    pub of_lane: u16,
}

impl Default for InHand {
    fn default() -> Self {
        Self { most: None, of_lane: 1 }
    }
}

/// An item in a worker's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its name.
    pub id: String,
    /// The number of this lease; a later one is greater.
    pub token: u64,
    /// The number of this attempt; 1 is the first.
    pub attempt: u16,
    /// Attempts after which it is dead.
    pub max_attempts: u16,
    /// Its level.
    pub priority: Priority,
    /// From when on it could have been handed out.
    pub eligible_at: WallTime,
    /// Its lane.
    pub partition: Option<String>,
    /// What its last attempts failed with, oldest first; bounded.
    pub errors: Vec<String>,
    /// What it carries.
    pub body: Bytes,
}

/// What a claim did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handed {
    /// What is in the caller's hands, in order.
    pub items: Vec<Claimed>,
    /// What died where it would have been handed out, or before it.
    pub buried: Vec<Buried>,
}

/// An item that a claim came upon and that nobody was to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buried {
    /// Its name.
    pub id: String,
    /// Why it is dead.
    pub reason: DeadReason,
}

/// A lease by its item; any that is live where `token` is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The item.
    pub id: String,
    /// The number of the lease.
    pub token: Option<u64>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done. What is to be pushed after it is pushed in the same step, or neither happens.
    Complete {
        /// What follows.
        push: Vec<NewItem>,
    },
    /// It failed and may be tried again from `at` on, unless that was its last attempt.
    Retry {
        /// When.
        at: WallTime,
        /// Why it failed.
        error: String,
    },
    /// No attempt can succeed.
    Reject {
        /// Why.
        error: String,
    },
    /// It is given back untouched; the attempt does not count.
    Release,
    /// As [`Release`](Self::Release), and not handed out before `at`. In a lane that is in order those behind it wait with it.
    Defer {
        /// When.
        at: WallTime,
    },
}

/// A lease and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The lease.
    pub lease: Lease,
    /// How it ended.
    pub outcome: Outcome,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is done.
    Completed,
    /// It will be tried again.
    Retried,
    /// It is dead.
    Dead,
    /// It is back in its place.
    Released,
    /// The lease had ended; nothing changed.
    Lost,
    /// There is no such item; nothing changed.
    Unknown,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It can be handed out.
    Ready,
    /// Its time has not come, or it is behind another one of its lane.
    Scheduled,
    /// It is in somebody's hands.
    Leased,
    /// It will not be tried again.
    Dead,
}

/// An item as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it stands.
    pub standing: Standing,
    /// The item; its token and attempt are those of its newest lease, 0 without one.
    pub item: Claimed,
    /// Why it is dead.
    pub dead: Option<DeadReason>,
}

/// Why an item will not be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// Every attempt failed, or ended its process.
    Exhausted,
    /// Its worker said that no attempt can succeed.
    Rejected,
    /// It was of no use any more before anybody took it.
    Expired,
    /// Its content is damaged.
    Corrupt,
}

/// What one call of upkeep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reaped {
    /// Leases that ended.
    pub leases: u64,
    /// Items that died of it, or of their age.
    pub dead: u64,
    /// Of them, those that died of their age.
    pub expired: u64,
    /// There is more to do: call again.
    pub more: bool,
}

impl AddAssign for Reaped {
    /// Both together; there is more to do where either says so.
    fn add_assign(&mut self, other: Self) {
        self.leases += other.leases;
        self.dead += other.dead;
        self.expired += other.expired;
        self.more |= other.more;
    }
}

/// What one call threw away of what had been dead for long enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpiredDead {
    /// Those that are gone, the oldest death first.
    pub ids: Vec<String>,
    /// How long until the next one has been dead for so long; zero when there are more now, `None` when nobody is dead.
    pub next: Option<Duration>,
}

/// Items by level and standing, and how long the first of them wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStats {
    /// Waiting for their turn or their time, by level.
    pub waiting: [u64; 5],
    /// In somebody's hands, by level.
    pub leased: [u64; 5],
    /// Dead, by level.
    pub dead: [u64; 5],
    /// From when on the first of those that wait may be handed out, by level; in the future where it is scheduled. Who is
    /// behind another one of its lane does not count.
    pub first_at: [Option<WallTime>; 5],
    /// When the one that is dead for the longest time died.
    pub dead_since: Option<WallTime>,
}

/// The items of one queue.
///
/// # Contract
///
/// 1. `push` is one step: after `Ok` its items survive loss of power, where the storage promises that at all; after an error
///    whose kind is not [`Unknown`](crate::ErrorKind::Unknown) none is there. Where they do not all fit, none is kept.
/// 2. Nobody sees an item before its push is kept.
/// 3. `claim` hands out by level, then by the time from which an item could be handed out, then by push. An item whose time has
///    not come is never handed out.
/// 4. An attempt is counted before it is handed out. No item is handed out more often than its attempts, but for those that
///    were released.
/// 5. An item has at most one live lease. Tokens of an item grow.
/// 6. `settle` with a token changes nothing under another lease; each settlement is told apart.
/// 7. A lease that is over is taken back by `reap`, to the item's old place; after its last attempt the item is dead.
/// 8. Of a lane one item at a time is in hand, in order; one that is to be retried keeps the others waiting. Where a claim asks
///    for more at a time, its items go out as if they had no lane, but never more than that.
/// 9. An id that lives, or a key that is taken, is [`Pushed::Duplicate`], in one call too: there the first one wins.
/// 10. `next_due` is never later than the moment at which a `claim` with the same bounds, or `reap`, would first find something
///     that they do not find now. What waits for somebody to settle is not due.
/// 11. Dead items stay, with their errors, until they are redriven or purged, or `expire_dead` is told that they were dead for
///     long enough. A claim names what it buries, and `reap` counts what it does: once each, but for the claims and reaps that
///     nobody hears the answer of.
/// 12. Content comes back byte for byte.
/// 13. A list that is read to its end tells each item that it was about all the time: once where nothing was done to it
///     meanwhile. What waits comes by level, time and push, then who is behind another one of its lane; of one lane all come in
///     its order; what is dead comes by its death. One call looks at no more items than it may tell and a few beside, however
///     many there are: a page may be short, or empty, and have a next one.
/// 14. A claim brings what is in hand above none of its bounds.
/// 15. `expire_dead` throws away what has been dead for as long as it is told, by its death, oldest first and 64 at most, and
///     names each. What it names is gone as durably as what was purged, and what it does not name stays.
/// 16. What ends is remembered in the step that ends it, as `remember` says: what was completed, withdrawn, or dead and thrown
///     away. `history` tells it with the last end first, and `how_ended` the last end of an id. What ended longer ago than may be
///     is told no more; of what is more than may be the first ends are forgotten, by `reap` at the latest. Where items outlive
///     their process, so does what is remembered.
pub trait QueueStorage: Debug + Send + Sync {
    /// Keeps items, in order.
    ///
    /// # Errors
    ///
    /// [`Full`](crate::ErrorKind::Full) when they do not all fit.
    fn push<'a>(
        &'a self,
        items: &'a [NewItem],
        admission: Admission,
        now: Moment,
    ) -> BoxFuture<'a, Result<Vec<Pushed>>>;

    /// Hands out what is next, at most what was asked for; nothing when nothing is ready. What is of no use any more, or is
    /// damaged, is buried and not handed out.
    fn claim(&self, claim: Claim, now: Moment) -> BoxFuture<'_, Result<Handed>>;

    /// Ends leases, each as it says. What follows a completed item is admitted whatever the capacity.
    fn settle<'a>(&'a self, settlements: &'a [Settlement], now: Moment) -> BoxFuture<'a, Result<Vec<Settled>>>;

    /// Lets leases end `lease` from now; `false` for one that had ended.
    fn extend<'a>(&'a self, leases: &'a [Lease], lease: Duration, now: Moment) -> BoxFuture<'a, Result<Vec<bool>>>;

    /// Withdraws items that are not dead, whoever has them; `false` where there is none.
    fn cancel<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>>;

    /// Lets dead items be tried again, with all their attempts; `false` where there is none that is dead.
    fn redrive<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>>;

    /// Throws dead items away; `false` where there is none that is dead.
    fn purge<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>>;

    /// Throws away what has been dead for `older_than` or longer, a bounded number of them, oldest first.
    fn expire_dead(&self, older_than: Duration, now: Moment) -> BoxFuture<'_, Result<ExpiredDead>>;

    /// Takes back leases that are over and buries what is of no use any more, a bounded number of them.
    fn reap(&self, now: Moment) -> BoxFuture<'_, Result<Reaped>>;

    /// How long until there may be something to hand out, within these bounds, or to reap; `None` when only a call changes that.
    fn next_due(&self, in_hand: InHand, now: Moment) -> BoxFuture<'_, Result<Option<Duration>>>;

    /// An item by its id, the newest where ids repeat.
    fn get<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Stored>>>;

    /// Items that stand as asked, without their content, at most `limit`, which is 1 to 1,024, from the place that a
    /// [page](ListPage::next) of the same list ended at.
    fn list<'a>(
        &'a self,
        list: &'a List,
        after: Option<ListCursor>,
        limit: usize,
        now: Moment,
    ) -> BoxFuture<'a, Result<ListPage>>;

    /// Dead items by their death, oldest first, after the one of id `after`, which is dead too.
    fn dead<'a>(&'a self, after: Option<&'a str>, limit: usize, now: Moment) -> BoxFuture<'a, Result<Vec<Stored>>>;

    /// From now on so much is remembered of what ended. A storage that was told nothing remembers nothing more, and forgets
    /// nothing. Where several processes share it each says so for itself: what one of them forgets is gone for all.
    fn remember(&self, retention: Retention);

    /// What ended before a place, which is where a page ended, without its content: at most `limit`, which is 1 to 1,024.
    fn history(&self, before: Option<EndedCursor>, limit: usize, now: Moment) -> BoxFuture<'_, Result<EndedPage>>;

    /// How the item of this id ended, the last end where there are several; `None` where that is not remembered.
    fn how_ended<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Ending>>>;

    /// How many items stand where.
    fn stats(&self, now: Moment) -> BoxFuture<'_, Result<QueueStats>>;

    /// Resolves once somebody else may have changed something after this call: those who wait for items then look again.
    /// It may come too often, and with no change. A storage that hears of no others never resolves it, which is the default.
    ///
    /// # Cancel safety
    ///
    /// Dropping it has no effect.
    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}
