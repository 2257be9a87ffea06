-- Keeps the sets without a time to live bounded even where nobody sweeps them: each login looks at a few entries of
-- its shard that fell due more than a day ago (a sweeper has had its chance by then).

local sweep_grace = 86400000
local sweep_entries = 8

local function sweep_some(shard, expiry, dirty, now)
    local due = redis.call('ZRANGEBYSCORE', expiry, '-inf', digits(now - sweep_grace), 'LIMIT', 0, sweep_entries)
    for _, member in ipairs(due) do
        local digest = digest_of(member)
        local left = redis.call('PTTL', record_key(shard, digest))
        if left > 0 then
            redis.call('ZADD', expiry, digits(now + left), member)
        else
            redis.call('ZREM', expiry, member)
            redis.call('ZREM', dirty, digest)
        end
    end
end
