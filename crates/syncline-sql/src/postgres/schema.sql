-- Queues on PostgreSQL, schema version 1. Everything stands in a schema of its own. Times are milliseconds since 1970.

create table syncline_queue.version (version integer not null);
insert into syncline_queue.version values (0);

-- One row a queue.
create table syncline_queue.queue (
    number integer generated always as identity primary key,
    name   text collate "C" not null unique
);

-- Order of acceptance, and numbers of leases: never given twice, and not given back by a rollback.
create sequence syncline_queue.item_seq;
create sequence syncline_queue.lease_token;

-- One row an item.
create table syncline_queue.item (
    seq          bigint   primary key,
    queue        integer  not null,
    phase        smallint not null, -- 0 waiting, 1 behind another one of its lane, 2 in hand, 3 dead
    priority     smallint not null, -- 0 most urgent, 4 least
    eligible_at  bigint   not null, -- from when on it may be handed out
    expires_at   bigint,            -- when it is of no use any more
    lease_until  bigint,            -- when its lease is over; null unless it is in hand
    token        bigint   not null, -- of its newest lease, 0 before the first
    attempts     integer  not null, -- those that count
    max_attempts integer  not null,
    lane_place   bigint   not null, -- its place in its lane, which a retry does not change
    dead         smallint,          -- 0 exhausted, 1 rejected, 2 expired, 3 corrupt
    dead_at      bigint,            -- when it died; null unless it is dead
    is_unique    boolean  not null, -- whether its id may live once
    id           text collate "C" not null,
    lane         text collate "C",
    dedup        text collate "C",  -- its key in `dedup`
    errors       text[]   not null, -- oldest first
    hash         bytea    not null, -- BLAKE3 of the length of the id (u64, little-endian), the id, and the body
    body         bytea    not null
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- Who is next: only what may be handed out stands here, of each lane its front. A claim reads the beginning of it.
create index item_next on syncline_queue.item (queue, priority, eligible_at, seq) where phase = 0;
create index item_id on syncline_queue.item (queue, id, seq);
create unique index item_unique on syncline_queue.item (queue, id) where phase < 3 and is_unique;
create index item_lane on syncline_queue.item (queue, lane, lane_place, seq) where lane is not null and phase < 3;
-- Of each lane one is next or in hand, never two: the database itself refuses.
create unique index item_front on syncline_queue.item (queue, lane) where lane is not null and phase in (0, 2);
create index item_lease on syncline_queue.item (queue, lease_until, seq) where phase = 2;
create index item_expiry on syncline_queue.item (queue, expires_at) where expires_at is not null and phase < 2;
create index item_dead on syncline_queue.item (queue, dead_at, seq) where phase = 3;
create index item_behind on syncline_queue.item (queue, seq) where phase = 1;

-- Keys that are taken.
create table syncline_queue.dedup (
    queue integer not null,
    key   text collate "C" not null,
    seq   bigint  not null, -- of who took it
    id    text    not null, -- of the same
    until bigint  not null, -- taken at least so long
    lives boolean not null, -- while its item is not done and not dead: taken whatever the time
    primary key (queue, key)
);
create index dedup_end on syncline_queue.dedup (queue, until) where not lives;

-- Lanes whose front is to be looked at: told by the transactions of others, which take no lock on a lane.
create table syncline_queue.lane (
    n     bigint generated always as identity primary key,
    queue integer not null,
    lane  text    not null
);
create index lane_queue on syncline_queue.lane (queue, n);

-- How many items stand where: the sum of the rows. Each transaction adds rows of its own, so that nobody waits for another
-- one's; upkeep folds them together.
create table syncline_queue.tally (
    n        bigint generated always as identity primary key,
    queue    integer  not null,
    standing smallint not null, -- 0 waiting or behind, 1 in hand, 2 dead
    priority smallint not null,
    items    bigint   not null
);
create index tally_queue on syncline_queue.tally (queue, n);
