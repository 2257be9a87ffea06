-- vedfolnir_touch: records activity: `last_seen` becomes the server's time, the time to live starts anew.
-- Works at any generation. Never creates, and leaves notes alone.
--
-- Keys   1 record
-- Args   1 time to live, ms · 2 store key digest (16 bytes; missing, as old programs call it: its copy is not renewed)
-- Flags  allow-oom: eight bytes in place; active users must not idle out while Redis is out of memory
-- Result { word, server time in ms }
--   touched
--   gone      nothing, or a note, stands there, or the absolute end has come (then the record was deleted)

local function touch(keys, args)
    local now = server_time()
    local header = redis.call('GETRANGE', keys[1], 0, record_header - 1)
    if #header == 0 or is_note(header) then
        return { 'gone', now }
    end
    check_record(header, 'stored record')
    local ttl = capped_ttl(header, args[1], now)
    if ttl == 0 then
        redis.call('DEL', keys[1])
        return { 'gone', now }
    end
    redis.call('SETRANGE', keys[1], 12, write_number(now))
    redis.call('PEXPIRE', keys[1], digits(ttl))
    if args[2] and user_of(header) ~= anonymous then
        -- So that the copy in SQL does not idle out while the session is in use. Not at once: a copy per touch would be
        -- a row written for every minute of reading. A change that waits for its copy keeps its place.
        check_digest(args[2], 'digest')
        redis.call('ZADD', shard_of_record_key(keys[1]) .. 'dirty', 'NX', digits(now + math.floor(ttl / 4)), args[2])
    end
    -- Ends with a read: the writer's own connection keeps tracking the key (client-side caching).
    redis.call('STRLEN', keys[1])
    return { 'touched', now }
end

redis.register_function({ function_name = 'vedfolnir_touch', callback = touch, flags = { 'allow-oom' } })
