-- The archive on SQLite, schema version 1. Keys, versions and hashes are bytes and compared as bytes.

-- One row an item; a tombstone is a row without content. Rows stand in the order of arrival and are found through the
-- index of `key`: with content inside the index, random keys were written four times slower.
CREATE TABLE item (
    id           INTEGER PRIMARY KEY,
    key          BLOB    NOT NULL UNIQUE,
    version      BLOB    NOT NULL, -- 16 bytes, sorting like versions
    content_type INTEGER NOT NULL, -- 0 tombstone, 1 JSON, 2 binary
    codec        INTEGER NOT NULL, -- 0 as it came, 2 AES-256-GCM: nonce (12), ciphertext, tag (16)
    sealed_by    INTEGER NOT NULL, -- sealing_key.number; 0 for none
    expires_at   INTEGER,          -- milliseconds since 1970, the 64 bits of an unsigned number
    size         INTEGER NOT NULL, -- bytes of content as submitted
    checksum     INTEGER NOT NULL, -- CRC32C of every column but id and content
    hash         BLOB,             -- BLAKE3 of type and content; masked when the content is encrypted
    content      BLOB              -- last, so that reading the rest never follows its pages
) STRICT;

-- What was written, in order: one row a chunk of lines, because a row a line cost a fifth of the write rate.
CREATE TABLE feed (
    last  INTEGER PRIMARY KEY,     -- seq of the newest line in it
    first INTEGER NOT NULL,        -- seq of the oldest
    at    INTEGER NOT NULL,        -- when it was written, milliseconds since 1970
    lines BLOB    NOT NULL         -- per line: flags (1: deleted), key length (u16, little-endian), key, version (16); then CRC32C
) STRICT;

-- Keys that content was encrypted with: their ids, never themselves.
CREATE TABLE sealing_key (
    number INTEGER PRIMARY KEY,
    id     BLOB    NOT NULL UNIQUE,
    proof  BLOB    NOT NULL,       -- a known text that only this key opens
    rows   INTEGER NOT NULL        -- items encrypted with it
) STRICT;

-- Counters, changed in the transaction that changes what they count.
CREATE TABLE state (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    items         INTEGER NOT NULL,
    tombstones    INTEGER NOT NULL,
    content_bytes INTEGER NOT NULL,
    feed_head     INTEGER NOT NULL, -- seq of the newest line ever written
    feed_tail     INTEGER NOT NULL, -- seq of the newest line that was removed
    feed_bytes    INTEGER NOT NULL, -- bytes of all `lines`
    high_water    BLOB    NOT NULL  -- no version written was greater
) STRICT;
INSERT INTO state VALUES (1, 0, 0, 0, 0, 0, 0, zeroblob(16));
