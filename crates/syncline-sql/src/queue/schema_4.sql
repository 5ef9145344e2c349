-- From schema version 3 to 4: what is remembered of items that ended.

CREATE TABLE ended (
    queue    INTEGER NOT NULL,
    at       INTEGER NOT NULL, -- when it ended
    seq      INTEGER NOT NULL, -- of the item
    how      INTEGER NOT NULL, -- 0 completed, 1 withdrawn, 2 thrown away when dead, 3 dead for long enough
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL, -- those that count
    id       BLOB    NOT NULL,
    error    BLOB,             -- the last one
    PRIMARY KEY (queue, at, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_id ON ended (queue, id, at, seq);

-- How many these are and their bytes, changed in the transaction that adds or removes one.
ALTER TABLE queue ADD COLUMN ended_items INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN ended_bytes INTEGER NOT NULL DEFAULT 0;
