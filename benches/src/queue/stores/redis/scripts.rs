//! The scripts. Each is one step of the log, there whole or not at all.

/// What all of them work on: ready by level, delayed, leased, dead. The tag keeps them on one node of a cluster.
pub(super) const KEYS: [&str; 8] = [
    "{jobs}:r0",
    "{jobs}:r1",
    "{jobs}:r2",
    "{jobs}:r3",
    "{jobs}:r4",
    "{jobs}:delayed",
    "{jobs}:leased",
    "{jobs}:dead",
];
/// A job's own key begins with this; its id follows.
pub(super) const JOB: &str = "{jobs}:j:";

/// Ids and texts, in turn. The id is the place among those of its level.
pub(super) const PUSH: &str = "
for at = 1, #ARGV, 2 do
  local id = ARGV[at]
  redis.call('HSET', '{jobs}:j:' .. id, 'text', ARGV[at + 1], 'level', 2, 'tries', 0, 'most', 5, 'token', 0)
  redis.call('ZADD', KEYS[3], id, id)
end
return #ARGV / 2";

/// The most, and milliseconds of a lease. First what time has done: leases that are over, delays that are over.
pub(super) const CLAIM: &str = "
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[7], id)
  local job = redis.call('HMGET', '{jobs}:j:' .. id, 'tries', 'most', 'level')
  if tonumber(job[1]) >= tonumber(job[2]) then
    redis.call('ZADD', KEYS[8], now, id)
  else
    redis.call('ZADD', KEYS[1 + job[3]], id, id)
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[6], id)
  redis.call('ZADD', KEYS[1 + redis.call('HGET', '{jobs}:j:' .. id, 'level')], id, id)
end
local left, out = tonumber(ARGV[1]), {}
for level = 1, 5 do
  if left <= 0 then break end
  local popped = redis.call('ZPOPMIN', KEYS[level], left)
  for at = 1, #popped, 2 do
    local id = popped[at]
    local job = '{jobs}:j:' .. id
    redis.call('HINCRBY', job, 'tries', 1)
    local token = redis.call('HINCRBY', job, 'token', 1)
    redis.call('ZADD', KEYS[7], now + ARGV[2], id)
    out[#out + 1] = { id, tostring(token), redis.call('HGET', job, 'text') }
    left = left - 1
  end
end
return out";

/// Ids and tokens, in turn; returns how many were held.
pub(super) const COMPLETE: &str = "
local done = 0
for at = 1, #ARGV, 2 do
  local id = ARGV[at]
  local job = '{jobs}:j:' .. id
  if redis.call('HGET', job, 'token') == ARGV[at + 1] and redis.call('ZREM', KEYS[7], id) == 1 then
    redis.call('DEL', job)
    done = done + 1
  end
end
return done";
