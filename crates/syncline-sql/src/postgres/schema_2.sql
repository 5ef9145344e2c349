-- From schema version 1 to 2: more than one of a lane in hand.

-- Most of a lane in hand at once, as the last claim said.
alter table syncline_queue.queue add column of_lane integer not null default 1;
-- 0 where one of its lane at a time is next or in hand, else a number of its own.
alter table syncline_queue.item add column slot bigint not null default 0;

-- Who of a lane is next or in hand. Where there is to be one, the database itself refuses a second.
drop index syncline_queue.item_front;
create unique index item_front on syncline_queue.item (queue, lane, slot) where lane is not null and phase in (0, 2);
-- The first of each level of a lane, for lanes that gave up their order.
create index item_rank on syncline_queue.item (queue, lane, priority, eligible_at, seq) where lane is not null and phase < 2;
