-- vedfolnir_create: writes a record that must not exist yet; an authenticated one also enters its indexes.
--
-- Keys   1 record; for an authenticated record also 2 epoch, 3 index of the user, 4 expiry, 5 dirty
-- Args   1 record · 2 time to live, ms · 3 store key digest (16 bytes)
-- Flags  none: refused when Redis is out of memory
-- Result { word, server time in ms }
--   created   written, with min(time to live, absolute expiry - now)
--   exists    a record or a note stands there; nothing was changed
--   stale     the user's epoch is above the record's; nothing was written

local function create(keys, args)
    local record, digest = args[1], args[3]
    check_record(record, 'record')
    check_digest(digest, 'digest')
    local named = user_of(record) ~= anonymous
    if #keys ~= (named and 5 or 1) then
        refuse('create takes 1 key for an anonymous record and 5 for an authenticated one, not ' .. #keys)
    end
    local now = server_time()
    local ttl = capped_ttl(record, args[2], now)
    if ttl == 0 or (named and absolute_of(record) == 0) then
        refuse('absolute expiry has passed or is missing')
    end
    if named and is_stale(record, keys[2]) then
        return { 'stale', now }
    end
    if not redis.call('SET', keys[1], record, 'NX', 'PX', digits(ttl)) then
        return { 'exists', now }
    end
    if named then
        local member = member_of(digest, record)
        local index, expiry, dirty = keys[3], keys[4], keys[5]
        redis.call('ZREMRANGEBYSCORE', index, '-inf', digits(now))
        redis.call('ZADD', index, digits(absolute_of(record)), member)
        -- The index lives as long as its longest session.
        redis.call('PEXPIREAT', index, redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2])
        redis.call('ZADD', expiry, digits(now + ttl), member)
        redis.call('ZADD', dirty, digits(now), digest)
        sweep_some(shard_of_record_key(keys[1]), expiry, dirty, now)
    end
    -- Ends with a read: the writer's own connection tracks the key from here on (client-side caching).
    redis.call('STRLEN', keys[1])
    return { 'created', now }
end

redis.register_function({ function_name = 'vedfolnir_create', callback = create })
