-- From schema version 2 to 3: what is remembered of items that ended. How many they are, and their bytes, stand in the tally.

create table syncline_queue.ended (
    queue    integer  not null,
    at       bigint   not null, -- when it ended
    seq      bigint   not null, -- of the item
    how      smallint not null, -- 0 completed, 1 withdrawn, 2 thrown away when dead, 3 dead for long enough
    priority smallint not null,
    attempts integer  not null, -- those that count
    id       text collate "C" not null,
    error    text,              -- the last one
    primary key (queue, at, seq)
);
create index ended_id on syncline_queue.ended (queue, id, at, seq);
