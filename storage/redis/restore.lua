-- vedfolnir_restore: puts back a record that this store lost, or that was written elsewhere while it was away. Inserts, or
-- replaces what is older by (generation, hybrid logical clock). Without keys it only answers that changes are taken.
--
-- Keys   1 record; for an authenticated record also 2 epoch, 3 index of the user, 4 expiry, 5 dirty, 6 mark; or none
-- Args   1 record · 2 time to live, ms · 3 store key digest (16 bytes) · 4 the shard's last revocation that the caller knew
--        5 how far clocks may differ, ms
-- Flags  none: refused when Redis is out of memory
-- Result { word, server time in ms, stored bytes where named }
--   ready     no key was given
--   restored  written, with the later `last_seen` of both and min(time to live, absolute expiry - now)
--   newer     the same or something newer stands there; + the stored record, with the later `last_seen` of both
--   ended     a note stands there, the user's epoch is above the record's, or the absolute end has come
--   outdated  the mark is beyond what the caller knew: an ending may concern the record
--   skewed    the record's clock is further ahead of the server's than it may be
--   tied      another record of this generation and clock stood there; it was deleted, nothing was written

-- Below, at or above 0: how `record` stands to `stored`. As numbers: texts would compare by the server's locale.
local function age_of(record, stored)
    for _, field in ipairs({ generation_number, clock_ms_of, clock_count_of }) do
        local difference = field(record) - field(stored)
        if difference ~= 0 then
            return difference
        end
    end
    return 0
end

-- What stays is at least as new; only the activity that it missed is added.
local function keep(key, record, stored, ttl)
    if seen_of(record) > seen_of(stored) then
        redis.call('SETRANGE', key, 12, write_number(seen_of(record)))
        redis.call('PEXPIRE', key, digits(math.max(ttl, redis.call('PTTL', key))))
    end
    return redis.call('GET', key)
end

-- What replaces it keeps the later activity, and the later idle end, of both: else the order of arrival would count.
local function with_activity_of(stored, record, ttl, key)
    if seen_of(stored) > seen_of(record) then
        record = string.sub(record, 1, 12) .. write_number(seen_of(stored)) .. string.sub(record, 21)
        ttl = math.max(ttl, redis.call('PTTL', key))
    end
    return record, ttl
end

local function drop(keys, digest, stored)
    redis.call('DEL', keys[1])
    if user_of(stored) ~= anonymous and #keys > 1 then
        local member = member_of(digest, stored)
        redis.call('ZREM', keys[3], member)
        redis.call('ZREM', keys[4], member)
        redis.call('ZREM', keys[5], digest)
    end
end

local function enter_indexes(keys, record, digest, ttl, now)
    local member = member_of(digest, record)
    redis.call('ZADD', keys[3], digits(absolute_of(record)), member)
    redis.call('PEXPIREAT', keys[3], redis.call('ZRANGE', keys[3], -1, -1, 'WITHSCORES')[2])
    redis.call('ZADD', keys[4], digits(now + ttl), member)
    redis.call('ZADD', keys[5], digits(now), digest)
end

local function restore(keys, args)
    local now = server_time()
    if #keys == 0 then
        return { 'ready', now }
    end
    local record, digest = args[1], args[3]
    check_record(record, 'record')
    check_digest(digest, 'digest')
    local named = user_of(record) ~= anonymous
    if #keys ~= (named and 6 or 1) then
        refuse('restore takes 1 key for an anonymous record and 6 for an authenticated one, not ' .. #keys)
    end
    if named and parse_number(redis.call('HGET', keys[6], 'seq') or '0', 'stored mark') >
            parse_number(args[4], 'sequence') then
        return { 'outdated', now }
    end
    if clock_ms_of(record) > now + parse_number(args[5], 'skew') then
        return { 'skewed', now }
    end
    local ttl = capped_ttl(record, args[2], now)
    if ttl == 0 or (named and (absolute_of(record) == 0 or is_stale(record, keys[2]))) then
        return { 'ended', now }
    end
    local stored = redis.call('GET', keys[1])
    if stored and is_note(stored) then
        return { 'ended', now }
    end
    if stored then
        check_record(stored, 'stored record')
        local age = age_of(record, stored)
        if age < 0 or (age == 0 and operation_of(record) == operation_of(stored)) then
            return { 'newer', now, keep(keys[1], record, stored, ttl) }
        end
        if age == 0 or string.sub(stored, 21, 52) ~= string.sub(record, 21, 52) then
            drop(keys, digest, stored)
            return { 'tied', now }
        end
    end
    if stored then
        record, ttl = with_activity_of(stored, record, ttl, keys[1])
    end
    redis.call('SET', keys[1], record, 'PX', digits(ttl))
    if named then
        enter_indexes(keys, record, digest, ttl, now)
    end
    -- Ends with a read: the writer's own connection tracks the key from here on (client-side caching).
    redis.call('STRLEN', keys[1])
    return { 'restored', now }
end

redis.register_function({ function_name = 'vedfolnir_restore', callback = restore })
