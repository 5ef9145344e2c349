-- From schema version 2 to 3: more than one of a lane in hand.

ALTER TABLE queue ADD COLUMN of_lane INTEGER NOT NULL DEFAULT 1; -- most of a lane in hand at once, as the last claim said
-- 0 where one of its lane at a time is next or in hand, else a number of its own.
ALTER TABLE item ADD COLUMN slot INTEGER NOT NULL DEFAULT 0;

-- Who of a lane is next or in hand. Where there is to be one, the database itself refuses a second.
DROP INDEX item_front;
CREATE UNIQUE INDEX item_front ON item (queue, lane, slot) WHERE lane IS NOT NULL AND phase IN (0, 2);
-- The first of each level of a lane, for lanes that gave up their order.
CREATE INDEX item_rank ON item (queue, lane, priority, eligible_at, seq) WHERE lane IS NOT NULL AND phase < 2;
