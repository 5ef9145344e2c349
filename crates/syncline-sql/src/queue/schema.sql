-- Queues on SQLite, schema version 1. Names, ids, lanes and keys are bytes and compared as bytes. Times are milliseconds
-- since 1970.

-- One row a queue.
CREATE TABLE queue (
    number INTEGER PRIMARY KEY,
    name   BLOB    NOT NULL UNIQUE,
    time   INTEGER NOT NULL, -- the latest that was seen; the queue is never before it
    token  INTEGER NOT NULL  -- of the newest lease
) STRICT;

-- One row an item. What it carries stands apart, because every step of an item writes its row again.
CREATE TABLE item (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT, -- order of acceptance; never given twice
    queue        INTEGER NOT NULL,
    phase        INTEGER NOT NULL, -- 0 waiting, 1 behind another one of its lane, 2 in hand, 3 dead
    priority     INTEGER NOT NULL, -- 0 most urgent, 4 least
    eligible_at  INTEGER NOT NULL, -- from when on it may be handed out
    expires_at   INTEGER,          -- when it is of no use any more
    lease_until  INTEGER,          -- when its lease is over; NULL unless it is in hand
    token        INTEGER NOT NULL, -- of its newest lease, 0 before the first
    attempts     INTEGER NOT NULL, -- those that count
    max_attempts INTEGER NOT NULL,
    lane_place   INTEGER NOT NULL, -- its place in its lane, which a retry does not change
    dead         INTEGER,          -- 0 exhausted, 1 rejected, 2 expired, 3 corrupt
    id           BLOB    NOT NULL,
    lane         BLOB,
    dedup        BLOB,             -- its key in `dedup`
    errors       BLOB    NOT NULL  -- per error: length (u16, little-endian), UTF-8; oldest first
) STRICT;

-- Who is next: only what may be handed out stands here, of each lane its front. A claim reads the beginning of it.
CREATE INDEX item_next ON item (queue, priority, eligible_at, seq, expires_at) WHERE phase = 0;
CREATE INDEX item_id ON item (queue, id, seq);
CREATE INDEX item_lane ON item (queue, lane, lane_place, seq) WHERE lane IS NOT NULL AND phase < 3;
-- Of each lane one is next or in hand, never two: the database itself refuses.
CREATE UNIQUE INDEX item_front ON item (queue, lane) WHERE lane IS NOT NULL AND phase IN (0, 2);
CREATE INDEX item_lease ON item (queue, lease_until) WHERE phase = 2;
CREATE INDEX item_expiry ON item (queue, expires_at) WHERE expires_at IS NOT NULL AND phase < 2;
CREATE INDEX item_dead ON item (queue, seq) WHERE phase = 3;

-- What items carry.
CREATE TABLE content (
    seq   INTEGER PRIMARY KEY,
    hash  BLOB NOT NULL, -- BLAKE3 of the length of the id (u64, little-endian), the id, and the bytes
    bytes BLOB NOT NULL
) STRICT;

-- Keys that are taken.
CREATE TABLE dedup (
    queue INTEGER NOT NULL,
    key   BLOB    NOT NULL,
    seq   INTEGER NOT NULL, -- of who took it
    id    BLOB    NOT NULL, -- of the same
    until INTEGER NOT NULL, -- taken at least so long
    lives INTEGER NOT NULL, -- 1 while its item is not done and not dead: taken whatever the time
    PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX dedup_end ON dedup (queue, until) WHERE lives = 0;

-- How many items stand where, changed in the transaction that moves them.
CREATE TABLE tally (
    queue    INTEGER NOT NULL,
    standing INTEGER NOT NULL, -- 0 waiting or behind, 1 in hand, 2 dead
    priority INTEGER NOT NULL,
    items    INTEGER NOT NULL,
    PRIMARY KEY (queue, standing, priority)
) STRICT, WITHOUT ROWID;
