-- vedfolnir_save: replaces a record if its generation is the expected one. Never creates.
--
-- Keys   1 record; for an authenticated record also 2 epoch, 3 index of the user, 4 expiry, 5 dirty
-- Args   1 expected generation (8 bytes) · 2 record · 3 time to live, ms · 4 store key digest (16 bytes)
-- Flags  none: refused when Redis is out of memory
-- Result { word, server time in ms, stored bytes where named }
--   saved     written with `last_seen` = server time; or this operation id had been applied before
--   conflict  another generation stands there; + the stored record
--   moved     a note stands there; + the note
--   gone      nothing stands there, or its epoch is stale or its absolute end has come (then it was deleted)

local function save(keys, args)
    local expected, record, digest = args[1], args[2], args[4]
    check_record(record, 'record')
    check_digest(digest, 'digest')
    if #expected ~= 8 or expected == generation_of(record) then
        refuse('expected generation must have 8 bytes and differ from the record\'s own')
    end
    local named = user_of(record) ~= anonymous
    if #keys ~= (named and 5 or 1) then
        refuse('save takes 1 key for an anonymous record and 5 for an authenticated one, not ' .. #keys)
    end
    local now = server_time()
    local stored = redis.call('GET', keys[1])
    if not stored then
        return { 'gone', now }
    end
    if is_note(stored) then
        return { 'moved', now, stored }
    end
    check_record(stored, 'stored record')
    local ttl = capped_ttl(stored, args[3], now)
    if ttl == 0 or (named and is_stale(stored, keys[2])) then
        redis.call('DEL', keys[1])
        if named then
            local member = member_of(digest, stored)
            redis.call('ZREM', keys[3], member)
            redis.call('ZREM', keys[4], member)
            redis.call('ZREM', keys[5], digest)
        end
        return { 'gone', now }
    end
    -- Before the generation: a retry of what was applied finds its own generation there.
    if operation_of(stored) == operation_of(record) and operation_of(record) ~= no_operation then
        return { 'saved', now }
    end
    if generation_of(stored) ~= expected then
        return { 'conflict', now, stored }
    end
    if string.sub(stored, 21, 52) ~= string.sub(record, 21, 52) then
        refuse('a save may change neither handle nor user')
    end
    record = string.sub(record, 1, 12) .. write_number(now) .. string.sub(record, 21)
    redis.call('SET', keys[1], record, 'PX', digits(math.max(capped_ttl(record, args[3], now), 1)))
    if named then
        redis.call('ZADD', keys[5], digits(now), digest)
    end
    -- Ends with a read: the writer's own connection keeps tracking the key (client-side caching).
    redis.call('STRLEN', keys[1])
    return { 'saved', now }
end

redis.register_function({ function_name = 'vedfolnir_save', callback = save })
