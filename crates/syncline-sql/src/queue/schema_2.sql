-- From schema version 1 to 2: lists, and when the dead died.

ALTER TABLE item ADD COLUMN dead_at INTEGER; -- when it died; NULL unless it is dead
UPDATE item SET dead_at = (SELECT time FROM queue WHERE number = item.queue) WHERE phase = 3;

-- The dead, oldest first.
DROP INDEX item_dead;
CREATE INDEX item_dead ON item (queue, dead_at, seq) WHERE phase = 3;
-- Who is behind another one of its lane, for lists. The other lists go along the indexes that are there.
CREATE INDEX item_behind ON item (queue, seq) WHERE phase = 1;
